"""What the linter of domain XML says that libvirt answers, and the real libvirt's answer."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest

from domain_lint import INPUTS, lint_input
from programs import needs_libvirt, version_of_libvirt, virsh
from vcpuid.answers.lint import Basis, Text, lint_text
from vcpuid.rules.libvirt.domain.subject import RULES
from vcpuid.rules.libvirt.map_reader import INSTALLED, read_map
from vcpuid.rules.libvirt.shipped import shipped_map
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


MAY_BE_TAKEN = ("passthrough-cpu", "address-limit")  # an error nevertheless: of QEMU, or a newer libvirt


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


def asked_of(name: str) -> tuple[str, tuple[Finding, ...]]:
    """Give what libvirt is asked, and what we say of it; of newer names, one that the installed map lacks."""
    text, findings = ASKED[name].read_text(encoding="utf-8"), lint_input(ASKED[name]).findings
    if name.startswith("newer-"):
        shipped, own = shipped_map(), read_map(INSTALLED)
        kind = "features" if name == "newer-feature" else "models"
        missing = [one for one in getattr(shipped, kind) if one not in getattr(own, kind)]
        text = text.replace("SapphireRapids" if kind == "models" else "avx10", missing[-1])
        findings = lint_text(Text(text.encode(), name), Basis(own)).findings
    return text, tuple(finding for finding in findings if finding.rule == f"domain.{name}")


def refuses_definition(told: str) -> bool:
    """Tell whether a finding says that the installed libvirt refuses to define it."""
    is_newer = version_of_libvirt() >= (11, 3)
    if "11.3 takes it" in told:
        return not is_newer
    if "9.0 takes it" in told:
        return is_newer
    return "refuses the definition" in told or "libvirt refuses:" in told


def is_sgx_refused(said: str, name: str) -> bool:
    """Tell whether it is for the host's lack of SGX, to which libvirt 11.3 comes and 9.0 does not."""
    return name in ("epc-without-cell", "max-memory-without-slots") and "sgx epc isn't supported" in said


def quoted(finding: Finding) -> list[str]:
    return QUOTED.findall(finding.consequence)


@needs_libvirt()
@pytest.mark.parametrize("name", ASKED)
def test_libvirt_does_what_the_finding_says(name: str, tmp_path: Path) -> None:
    text, findings = asked_of(name)
    at_definition, at_start = answers_of(text, tmp_path)
    told = " ".join(finding.consequence for finding in findings)
    if refuses_definition(told):
        assert at_definition
    elif "start refused" in told:
        assert not at_definition
        assert at_start
    else:
        assert not at_definition or is_sgx_refused(at_definition, name)
        assert findings[0].severity is not Severity.ERROR or name in MAY_BE_TAKEN
        return
    messages = [text for finding in findings for text in quoted(finding)]
    said = at_definition + at_start
    # libvirt stops at the first fault.
    assert not messages or any(all(part in said for part in text.split("...")) for text in messages)
