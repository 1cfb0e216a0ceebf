"""P9: an enclave in a guest: from the BIOS switch to enclave memory, as far as one gets without the hardware.

qemu-sgx#4, #5, #10, #14; confidential-computing.sgx#753, #768. tests/peers/test_sgx.py goes on where this ends: it
has libvirt and QEMU take enclave memory on a machine that has none.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from journeys.conftest import BOOKWORM, EXAMPLES, Say
from programs import needs, needs_libvirt, refusal_of_libvirt
from story.conftest import Vcpuid

H07, H10, H11 = (str(EXAMPLES / f"{name}.json") for name in ("h07", "h10", "h11"))
DOMAIN = """<domain type='qemu'><name>vcpuid-journey-sgx</name><maxMemory slots='1' unit='MiB'>256</maxMemory>
  <memory unit='MiB'>96</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os>
  <cpu mode='custom' match='exact' check='none'><model fallback='forbid'>qemu64</model>
  <numa><cell id='0' cpus='0' memory='32' unit='MiB'/></numa></cpu>
  <devices><memory model='sgx-epc'><target><size unit='MiB'>64</size><node>0</node></target></memory></devices>
</domain>"""


def steps(document: dict[str, Any]) -> dict[str, str]:
    return {step["step"]: step["state"] for step in document["steps"]}


def causes(document: dict[str, Any]) -> dict[str, str]:
    return {cause["cause"]: cause["holding"] for cause in document["diagnoses"][0]["causes"]}


# The host: where does the road end? ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status", "step", "mend"),
    [
        (H07, 1, "bios", "Enable SGX (and launch control, bit 17) in the BIOS set-up"),
        (H11, 1, "parameter", "Remove nosgx from the kernel's command line"),
        (BOOKWORM, 1, "cpu", "Take a host with an Intel CPU that has it"),
    ],
)
def test_the_doctor_names_the_first_break_and_its_mend(
    host: str, status: int, step: str, mend: str, say: Say
) -> None:
    found, told, _ = say("sgx", "doctor", "--host", host)
    assert found == status
    assert f"It breaks at: {step} " in told
    assert f"Mend: {mend}" in told
    assert "<- follows from " + step in told


def test_a_host_that_is_ready_says_so(say: Say) -> None:
    status, told, _ = say("sgx", "doctor", "--host", H10)
    assert (status, told.startswith("h10: ready for SGX guests")) == (0, True)


# The messages on the way -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x86/cpu: SGX disabled or unsupported by BIOS.", "sgx.disabled-by-bios"),
        ("x86/cpu: SGX Launch Control is locked", "sgx.launch-control-locked"),
        ("Property 'sgx-epc.unavailable-features' not found", "qemu.property-of-sgx-epc"),
    ],
)
def test_the_kernel_s_and_libvirt_s_words_are_known(text: str, message: str, vcpuid: Vcpuid) -> None:
    status, document = vcpuid("diagnose", text)
    assert (status, document["diagnoses"][0]["message"]) == (0, message)


@needs("qemu-system-x86_64", package="qemu-system-x86")
def test_a_real_qemu_without_the_device_is_understood(vcpuid: Vcpuid) -> None:
    words = ["qemu-system-x86_64", "-machine", "q35", "-nodefaults", "-display", "none", "-S"]
    refused = subprocess.run(
        [*words, "-object", "memory-backend-epc,id=mem1,size=64M,prealloc=on"],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 1
    status, document = vcpuid("diagnose", refused.stderr, "--host", H07)
    assert (status, document["diagnoses"][0]["message"]) == (0, "sgx.no-epc-backend")
    assert "holds" in causes(document).values()


@needs_libvirt()
def test_a_real_libvirt_without_it_is_understood(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("diagnose", refusal_of_libvirt(DOMAIN))
    assert (status, document["diagnoses"][0]["message"]) == (0, "libvirt.sgx-unsupported")


# The guest: bits and memory -------------------------------------------------------------------------------------


def test_what_fits_is_planned_and_written_for_libvirt(tmp_path: Path, say: Say) -> None:
    folder = tmp_path / "plan"
    words = ("sgx", "plan", "--host", H10, "--guest", "vault2=64Mx2")
    status, told, _ = say(*words)
    assert (status, told.startswith("h10: all fit")) == (0, True)
    assert say(*words, "--for", "libvirt", "-o", str(folder))[0] == 0
    sizes = [
        (size.text, size.get("unit"))
        for path in folder.glob("*.xml")
        for size in etree.parse(str(path)).iterfind("devices/memory[@model='sgx-epc']/target/size")
    ]
    assert sizes == [("65536", "KiB")] * 2


def test_what_does_not_fit_is_a_no(say: Say) -> None:
    status, told, _ = say("sgx", "plan", "--host", H10, "--guest", "400M")
    assert status == 1
    assert told.startswith("h10: not all fit")


def test_the_bit_without_memory_is_a_warning(say: Say) -> None:
    status, told, _ = say("lint", str(EXAMPLES / "web-1.xml"))
    assert status == 1
    assert "[domain.sgx-without-epc]" in told
    assert "<memory model='sgx-epc'>" in told
