"""What the linter of domain XML says that libvirt answers, and the real libvirt's answer."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest

from domain_lint import INPUTS, lint_input
from programs import needs_libvirt, virsh
from vcpuid.rules.libvirt.domain.subject import RULES
from vcpuid.rules.lint import load_rules
from vcpuid.terms.finding import Finding, Severity

QUOTED = re.compile(r'"([^"]+)"')
# What the host's CPU decides, or what another version said, cannot be asked for here.
ASKED = {
    path.stem: path
    for path in INPUTS
    if not path.stem.startswith("host-")
    and load_rules(RULES, "domain")[path.stem].source.startswith(("libvirt 9.0, ", "libvirt 9.0 with type qemu"))
}


def answers_of(text: str, folder: Path) -> tuple[str, str]:
    """libvirt's messages at the definition, and where it takes that, at the making of QEMU's arguments."""
    name = f"vcpuid-test-{uuid4()}"
    path = folder / "domain.xml"
    path.write_text(text.replace("<name>web-1</name>", f"<name>{name}</name>"), encoding="utf-8")
    defined = virsh("define", path)
    if defined.returncode:
        return defined.stderr, ""
    try:
        return "", virsh("domxml-to-native", "qemu-argv", path).stderr
    finally:
        virsh("undefine", name)


def quoted(finding: Finding) -> list[str]:
    return QUOTED.findall(finding.consequence)


@needs_libvirt()
@pytest.mark.parametrize("name", ASKED)
def test_libvirt_does_what_the_finding_says(name: str, tmp_path: Path) -> None:
    findings = [finding for finding in lint_input(ASKED[name]).findings if finding.rule == f"domain.{name}"]
    at_definition, at_start = answers_of(ASKED[name].read_text(encoding="utf-8"), tmp_path)
    told = " ".join(finding.consequence for finding in findings)
    if "refuses the definition" in told or "libvirt refuses:" in told:
        assert at_definition
    elif "start refused" in told:
        assert not at_definition
        assert at_start
    else:
        assert not at_definition
        assert findings[0].severity is not Severity.ERROR or name == "passthrough-cpu"
        return
    messages = [text for finding in findings for text in quoted(finding)]
    said = at_definition + at_start
    # libvirt stops at the first fault.
    assert not messages or any(all(part in said for part in text.split("...")) for text in messages)
