"""Each rule of the linter of -cpu strings, and the whole text of what `vcpuid lint` says of its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cpu_lint import FOLDER, INPUTS, basis_of, lint_input
from vcpuid.answers.lint import LintReport
from vcpuid.render.lint import render_lint

Check = Callable[[str, str], None]


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_a_fault_is_told(path: Path, golden: Check) -> None:
    report = LintReport((lint_input(path),), (), basis_of(path.stem))
    golden(f"cpu_lint/{path.stem}", render_lint(report).plain())


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == {path.stem for path in INPUTS}
