"""P6: what VMX can do, and what arch-capabilities promises, stands in MSRs; CPUID alone is not enough.

kubevirt#12519, harvester#8121, virt-manager#235 (`MSR(48DH).vmx-posted-intr`), cloud-hypervisor#8442.
"""

from __future__ import annotations

from typing import Any

import pytest

from journeys.conftest import BOOKWORM, EXAMPLES, NODES, TRIXIE, Say
from story.conftest import Vcpuid

# What host-model came to on the machine of the evidence, under both stacks, until arch-capabilities was disabled.
REFUSED = """qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69
qemu-system-x86_64: ../../target/i386/kvm/kvm.c:3183: kvm_buf_set_msrs: Assertion `ret == n' failed."""
PROMISES = {0: "rdctl-no", 3: "skip-l1dfl-vmentry", 5: "mds-no", 6: "pschange-mc-no"}
KUBEVIRT = (
    "operation failed: guest CPU doesn't match specification: missing features: "
    "vmx-rdrand-exit,vmx-vmfunc,vmx-rdseed-exit,vmx-posted-intr"
)


def verdict(answer: dict[str, Any], layer: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in answer["verdicts"] if one["layer"] == layer)
    return found


# KVM refuses an MSR -----------------------------------------------------------------------------------------


def test_the_refused_value_is_known_by_its_feature(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("diagnose", REFUSED)
    first = document["diagnoses"][0]
    assert (status, first["message"]) == (0, "qemu.arch-capabilities-msr")
    assert "<feature policy='disable' name='arch-capabilities'/>" in first["causes"][0]["mend"]


def test_the_value_is_explained_bit_by_bit(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("explain", "MSR 0x10a=0x69")
    (answer,) = document["answers"]
    assert status == 0
    assert {bit["address"]["low"]: bit["features"] for bit in answer["set_bits"]} == {
        bit: [name] for bit, name in PROMISES.items()
    }


@pytest.mark.parametrize("host", [BOOKWORM, TRIXIE])
def test_kvm_s_own_list_is_the_evidence(host: str, vcpuid: Vcpuid) -> None:
    status, document = vcpuid("why", *PROMISES.values(), "--host", host)
    assert status == 0
    for answer in document["answers"]:
        assert (verdict(answer, "kvm")["state"], answer["available"]) == ("present", "present")
        assert verdict(answer, "kvm")["summary"] == "MSR 10AH=400000000c000069"


# A migration between hosts whose VMX differs ------------------------------------------------------------------


def test_kubevirt_s_list_is_msr_bits_and_nesting_may_be_left_out(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("diagnose", KUBEVIRT)
    first = document["diagnoses"][0]
    assert status == 0
    bits = [bit["text"] for name in first["names"] for one in name["features"] for bit in one["bits"]]
    assert bits == ["MSR 48BH[43]", "MSR 48BH[45]", "MSR 48BH[48]", "MSR 48DH[39]"]
    assert first["causes"][0]["cause"] == "vmx-capabilities"
    assert "<feature policy='disable' name='vmx'/>" in first["causes"][0]["mend"]


def test_qemu_s_half_of_a_register_is_the_msr_s_high_half(vcpuid: Vcpuid) -> None:
    text = "warning: host doesn't support requested feature: MSR(48DH).vmx-posted-intr [bit 7]"
    _, document = vcpuid("diagnose", text)
    (name,) = document["diagnoses"][0]["names"]
    assert [bit["text"] for one in name["features"] for bit in one["bits"]] == ["MSR 48DH[39]"]


# What nobody has read is not a no --------------------------------------------------------------------------


def test_an_msr_that_was_not_read_is_unknown(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("why", "vmx-ept", "--host", NODES[0])
    (answer,) = document["answers"]
    assert (status, answer["available"]) == (4, "unknown")
    assert verdict(answer, "kvm")["state"] == "unknown"
    assert "--map DIR" in " ".join(answer["mend"])


def test_what_is_known_is_said_all_the_same(say: Say) -> None:
    status, told, _ = say("why", "vmx-posted-intr", "--host", str(EXAMPLES / "h07.json"))
    assert status == 1
    assert "kvm ? MSR 48DH=unknown" in told
    assert "libvirt no not in the map of libvirt 9.0.0 <- breaks here" in told


def test_on_another_vendor_s_cpu_it_does_not_exist(say: Say) -> None:
    status, told, _ = say("why", "vmx-posted-intr", "--host", BOOKWORM)
    assert status == 1
    assert "vmx-posted-intr does not exist on amd CPUs" in told
