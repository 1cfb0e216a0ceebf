"""Real domains for the story: started by libvirt under TCG, and gone when the test ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from programs import virsh
from vcpuid.cli import run

Vcpuid = Callable[..., tuple[int, dict[str, Any]]]
StartDomain = Callable[[str], str]


def ask_virsh(*words: str) -> str:
    """Run one virsh command and give what it printed."""
    done = virsh(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def vcpuid(capsys: pytest.CaptureFixture[str]) -> Vcpuid:
    """Run a vcpuid command with --format json; give its exit status and document."""

    def call(*words: str) -> tuple[int, dict[str, Any]]:
        status = run([*words, "--format", "json"])
        captured = capsys.readouterr()
        assert captured.out, captured.err
        document: dict[str, Any] = json.loads(captured.out)
        return status, document

    return call


@pytest.fixture
def start_domain(tmp_path: Path) -> Iterator[StartDomain]:
    """Give a function that starts a domain whose XML has `{name}` for its name."""
    started: list[str] = []

    def start(xml: str) -> str:
        name = f"vcpuid-story-{uuid4().hex[:8]}"
        path = tmp_path / f"{name}.xml"
        path.write_text(xml.format(name=name))
        ask_virsh("create", str(path))
        started.append(name)
        return name

    yield start
    for name in started:
        ask_virsh("destroy", name)
