"""What the linter of -cpu strings says that QEMU does, held against QEMU under TCG."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from cpu_lint import INPUTS, VERSIONS, lint_input
from programs import needs
from vcpuid.guest.qemu import is_command_line, parse_arguments, split_command_line
from vcpuid.terms.finding import Severity
from vcpuid.terms.place import Place

pytestmark = needs("qemu-system-x86_64", package="qemu-system-x86")
# Its fault is none of QEMU's: it starts, and takes the last.
STARTS = frozenset(("second-cpu",))
# Only KVM has the model; only a newer QEMU has the names.
UNTRIED = {"not-migratable", *VERSIONS}
TRIED = [path for path in INPUTS if path.stem not in UNTRIED]


def start(cpu: str) -> tuple[int, str]:
    """Start QEMU with a -cpu, end it, and give its exit status and what it said."""
    command = ["qemu-system-x86_64", "-machine", "pc", "-accel", "tcg", "-S", "-nodefaults", "-display", "none"]
    done = subprocess.run(
        [*command, "-monitor", "stdio", "-cpu", cpu], input=b"quit\n", capture_output=True, check=False, timeout=60
    )
    return done.returncode, done.stderr.decode(errors="replace")


@pytest.mark.parametrize("path", TRIED, ids=[path.stem for path in TRIED])
def test_qemu_does_what_is_said(path: Path) -> None:
    text = path.read_text(encoding="utf-8").strip()
    words = split_command_line(text, path.name) if is_command_line(text) else ["-cpu", text]
    effective = parse_arguments(words, Place(path.name)).effective
    assert effective is not None
    findings = lint_input(path).findings
    status, said = start(effective.text)
    is_refused = any(finding.severity is Severity.ERROR for finding in findings) and path.stem not in STARTS
    assert bool(status) is is_refused, said
    # QEMU ends at the first of several faults.
    quoted = [found[1] for finding in findings if (found := re.search(r': "(.*)"\.$', finding.consequence))]
    assert not quoted or any(words in said for words in quoted), said
