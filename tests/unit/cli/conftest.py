"""What tests of commands share: one way to run one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vcpuid.cli import run

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def vcpuid(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command as a script does; give its exit status, its output and its errors."""

    def run_it(*arguments: str | Path) -> tuple[int, str, str]:
        status = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        assert "\x1b" not in captured.out + captured.err
        return status, captured.out, captured.err

    return run_it
