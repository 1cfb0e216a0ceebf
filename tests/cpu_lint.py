"""One fault a file: a -cpu string or command line that draws a rule of its linter, named like the rule."""

from __future__ import annotations

from pathlib import Path

from vcpuid.answers.lint import Basis, LintedFile, Text, choose_qemu, lint_text
from vcpuid.rules.libvirt.shipped import shipped_map

FOLDER = Path(__file__).parent / "golden" / "cpu_lint"
INPUTS = sorted(FOLDER.glob("*.cpu"))
# By whose tables a file is judged, where it is not those of 7.2.
VERSIONS = {"conflict": "11.1"}


def basis_of(rule: str) -> Basis:
    """What a file is judged by."""
    return Basis(shipped_map(), qemu=choose_qemu(VERSIONS.get(rule, "7.2"), ()))


def lint_input(path: Path) -> LintedFile:
    """Lint one of the files."""
    return lint_text(Text(path.read_bytes(), path.name), basis_of(path.stem))
