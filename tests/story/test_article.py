"""The article that began the project, step by step, against the real QEMU and libvirt.

An operator wanted SGX in OpenStack guests: read the bits of a raw CPUID line, edited libvirt's map, got two -cpu
options from a qemu:commandline block, and found that the model of <cpu> had no effect any more.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from programs import needs, needs_libvirt, version_of_libvirt
from snapshots import cpuid, evidence, rows
from story.conftest import StartDomain, Vcpuid, ask_virsh
from vcpuid.answers.why import why
from vcpuid.cli import run
from vcpuid.terms.verdict import Layer, State

# The article's line of `cpuid -r`, and the value that it calls "valid bit mask" of leaf 12H, subleaf 1.
RAW_LEAF_7 = "00000000 029c6fbf 40000000 bc000600"
ATTRIBUTES = 0x0000000000000036
XFRM = 0x000000000000001F

# cpu_model_extra_flags of the article, and so the seven features whose map entries it wrote by hand.
EXTRA_FLAGS = ("sgx", "sgxlc", "sgx1", "sgx-debug", "sgx-mode64", "sgx-provisionkey", "sgx-tokenkey")
INSTALLED_MAP = Path("/usr/share/libvirt/cpu_map/x86_features.xml")

DOMAIN = """
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  %s
</domain>
"""
ASKED_BY_NAME = DOMAIN % (
    "<cpu mode='custom' match='exact' check='none'><model fallback='forbid'>Skylake-Client-IBRS</model>"
    + "".join(f"<feature policy='require' name='{flag}'/>" for flag in EXTRA_FLAGS)
    + "</cpu>"
)
PASSTHROUGH = ASKED_BY_NAME.replace(
    "<domain type='qemu'>", "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
).replace(
    "</domain>",
    "<qemu:commandline><qemu:arg value='-cpu'/><qemu:arg value='Haswell,+avx2'/></qemu:commandline></domain>",
)


def test_the_raw_line_has_sgx_and_its_launch_control() -> None:
    host = evidence(cpuid=cpuid(rows(_7_0=RAW_LEAF_7)))
    for name, address in (("sgx", "CPUID.07H.0:EBX[2]"), ("sgxlc", "CPUID.07H.0:ECX[30]")):
        answer = why(name, host)
        assert answer.feature.address == address
        assert answer.verdicts[Layer.SILICON].state is State.PRESENT


def test_the_raw_registers_are_explained_bit_by_bit(vcpuid: Vcpuid) -> None:
    _, document = vcpuid("explain", "7.0.ebx=0x029c6fbf", "7.0.ecx=0x40000000")
    ebx, ecx = document["answers"]
    assert [2, ["sgx"]] in [[bit["address"]["low"], bit["features"]] for bit in ebx["set_bits"]]
    assert [[bit["address"]["low"], bit["features"]] for bit in ecx["set_bits"]] == [[30, ["sgxlc"]]]


def test_the_mask_0x36_is_four_attributes(vcpuid: Vcpuid) -> None:
    _, document = vcpuid("explain", f"0x12.1.eax={ATTRIBUTES:#x}")
    names = {bit["address"]["low"]: bit["features"] for bit in document["answers"][0]["set_bits"]}
    assert names == {1: ["sgx-debug"], 2: ["sgx-mode64"], 4: ["sgx-provisionkey"], 5: ["sgx-tokenkey"]}


def test_the_xfrm_0x1f_is_known_bit_by_bit(vcpuid: Vcpuid) -> None:
    _, document = vcpuid("explain", f"0x12.1.ecx={XFRM:#x}")
    answer = document["answers"][0]
    assert answer["numbers"] or [bit["address"]["low"] for bit in answer["set_bits"]] == [0, 1, 2, 3, 4]


@needs("virsh", package="libvirt-daemon-system")
def test_the_seven_map_entries_equal_those_of_libvirt(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["map", "entry", *EXTRA_FLAGS]) == 0
    ours = capsys.readouterr().out
    shipped = re.sub(r"_in='0x0{6}", "_in='0x", INSTALLED_MAP.read_text())  # 11.3 writes all digits of an index
    theirs = "".join(
        match.group(0)
        for flag in EXTRA_FLAGS
        for match in re.finditer(rf"  <feature name='{flag}'>\n.*?</feature>\n", shipped, re.DOTALL)
    )
    assert ours == theirs
    assert ours.count("<feature ") == len(EXTRA_FLAGS)


def asked_of_qemu() -> str:
    """Give the -cpu of the model by name; libvirt 11.3 takes away what QEMU's model once had."""
    removed = [] if version_of_libvirt() < (11, 3) else ["mpx=off"]
    return ",".join(["Skylake-Client-IBRS", *(f"{flag}=on" for flag in EXTRA_FLAGS), *removed])


@needs_libvirt()
def test_extra_flags_become_one_cpu_argument(tmp_path: Path) -> None:
    path = tmp_path / "domain.xml"
    path.write_text(ASKED_BY_NAME.format(name="article"))
    arguments = ask_virsh("domxml-to-native", "qemu-argv", "--xml", str(path)).split()
    assert arguments.count("-cpu") == 1
    value = arguments[arguments.index("-cpu") + 1]
    assert value == asked_of_qemu()


@needs_libvirt()
def test_a_second_cpu_option_is_named_as_the_cause(start_domain: StartDomain, vcpuid: Vcpuid) -> None:
    name = start_domain(PASSTHROUGH)
    status, document = vcpuid("why", "sgx", "--domain", name)
    answer = document["answers"][0]
    process = next(verdict for verdict in answer["verdicts"] if verdict["layer"] == "process")
    assert status == 1
    assert (process["state"], process["rule"]) == ("absent", "process.replaced")
    assert answer["broken_at"]["demand"] == "process"
    assert "Two -cpu options: QEMU uses the last." in " ".join(answer["mend"])
    assert "choosing Skylake-Client-IBRS in <cpu> has no effect" in answer["notes"][0]
    assert [proof["value"] for proof in process["evidence"]][:2] == [
        f"-cpu {asked_of_qemu()}",
        "-cpu Haswell,+avx2",
    ]


@needs_libvirt()
def test_what_qemu_dropped_is_found_in_a_started_guest(start_domain: StartDomain, vcpuid: Vcpuid) -> None:
    name = start_domain(ASKED_BY_NAME)
    status, document = vcpuid("why", "sgx", "sgxlc", "--domain", name)
    assert status == 1
    for answer in document["answers"]:
        states = {verdict["layer"]: verdict["state"] for verdict in answer["verdicts"]}
        assert (answer["asked"], answer["got"]) == ("present", "absent")
        assert (states["domain"], states["process"], states["guest"]) == ("present", "present", "absent")
        assert answer["broken_at"]["supply"] is not None
        assert "QEMU dropped at the start: " in answer["notes"][0]
        assert "sgx" in answer["notes"][0]


@needs_libvirt()
def test_what_the_guest_has_is_found_too(start_domain: StartDomain, vcpuid: Vcpuid) -> None:
    name = start_domain(ASKED_BY_NAME)
    status, document = vcpuid("why", "aes", "--domain", name)
    assert status == 0
    assert document["answers"][0]["got"] == "present"


@needs_libvirt()
def test_the_domain_is_found_by_its_process_too(start_domain: StartDomain, vcpuid: Vcpuid) -> None:
    name = start_domain(PASSTHROUGH)
    _, by_name = vcpuid("why", "sgx", "--domain", name)
    process = next(verdict for verdict in by_name["answers"][0]["verdicts"] if verdict["layer"] == "process")
    pid = process["evidence"][0]["source"].removeprefix("process ")
    _, by_pid = vcpuid("why", "sgx", "--pid", pid)
    assert by_pid["answers"][0]["verdicts"] == by_name["answers"][0]["verdicts"]
