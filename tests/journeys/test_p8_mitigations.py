"""P8: a checker in the guest misses microcode; the host has it, and the guest's model lacks the bits.

speed47/spectre-meltdown-checker#65, #288; SUSE-Cloud/automation#3301.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from journeys.conftest import EXAMPLES, Say
from story.conftest import Vcpuid

H07 = str(EXAMPLES / "h07.json")
LACKED = ["stibp", "ssbd", "md-clear"]
DOMAIN = """<domain type='kvm'><name>web</name><memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <cpu mode='custom' match='exact'><model fallback='forbid'>Skylake-Client-IBRS</model></cpu></domain>"""


@pytest.mark.parametrize(
    "text",
    [
        "> STATUS:  VULNERABLE  (Your CPU doesn't support SSBD)",
        "CVE-2018-3640: VULN (an up-to-date CPU microcode is needed to mitigate this vulnerability)",
    ],
)
def test_the_checker_s_words_lead_to_the_model(text: str, vcpuid: Vcpuid) -> None:
    status, document = vcpuid("diagnose", text)
    first = document["diagnoses"][0]["causes"][0]
    assert (status, first["cause"]) == (0, "protection-missing")
    assert "`vcpuid audit`" in first["mend"]
    assert "stop and start the guest" in first["mend"]


def test_the_kernel_s_words_are_tested_on_the_host(vcpuid: Vcpuid) -> None:
    text = "Vulnerability Mds: Vulnerable: Clear CPU buffers attempted, no microcode; SMT Host state unknown"
    status, document = vcpuid("diagnose", text, "--host", H07)
    first = document["diagnoses"][0]["causes"][0]
    assert (status, first["cause"], first["holding"]) == (0, "mitigation-missing", "holds")


def test_the_audit_names_the_guest_the_bits_and_the_mend(say: Say) -> None:
    _, told, _ = say("audit", "--host", H07)
    assert f"the host can give protections that the guest lacks: {', '.join(LACKED)} [audit.mitigations]" in told
    assert "stop and start the guest: a reboot inside it is not enough" in told


def test_each_bit_is_asked_for_by_nobody_and_can_be_given(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("why", "md-clear", "--host", H07, "--cpu", "Skylake-Client-IBRS")
    (answer,) = document["answers"]
    assert (status, answer["asked"], answer["available"], answer["got"]) == (1, "absent", "present", "absent")
    assert answer["broken_at"]["demand"] == "process"


def test_the_definition_of_the_mend_has_it(vcpuid: Vcpuid) -> None:
    cpu = "Skylake-Client-IBRS,+stibp,+ssbd,+md-clear"
    status, document = vcpuid("why", "md-clear", "stibp", "ssbd", "--host", H07, "--cpu", cpu)
    assert status == 0
    assert {answer["got"] for answer in document["answers"]} == {"present"}


def test_the_same_name_of_two_vendors_is_asked_back(say: Say) -> None:
    status, _, error = say("explain", "ssbd")
    assert status == 2
    assert "7.0.edx.31" in error
    assert "--vendor" in error
    assert say("explain", "ssbd", "--vendor", "intel")[0] == 0


def test_it_is_seen_before_the_guest_runs(tmp_path: Path, say: Say) -> None:
    path = tmp_path / "web.xml"
    path.write_text(DOMAIN)
    _, told, _ = say("lint", str(path))
    assert "[domain.mitigations]" in told
    assert "md-clear" in told
