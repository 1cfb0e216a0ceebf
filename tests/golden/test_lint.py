"""Each rule of the linters of files, and the whole text of what `vcpuid lint` says of the rule's file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import cpu_lint
import domain_lint
import nova_lint
from vcpuid.answers.lint import LintReport
from vcpuid.render.lint import render_lint

LINTERS = (cpu_lint, domain_lint, nova_lint)
FILES = [
    pytest.param(linter, path, id=f"{linter.__name__}/{path.stem}") for linter in LINTERS for path in linter.INPUTS
]
Check = Callable[[str, str], None]


@pytest.mark.parametrize(("linter", "path"), FILES)
def test_a_fault_is_told(linter: ModuleType, path: Path, golden: Check) -> None:
    report = LintReport((linter.lint_input(path),), (), linter.basis_of(path.stem))
    golden(f"{linter.__name__}/{path.stem}", render_lint(report).plain())


@pytest.mark.parametrize("linter", LINTERS, ids=lambda linter: linter.__name__)
def test_no_golden_file_is_left_over(linter: ModuleType) -> None:
    assert {path.stem for path in linter.FOLDER.glob("*.txt")} == {path.stem for path in linter.INPUTS}
