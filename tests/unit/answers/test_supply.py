"""What a host gives, bit by bit."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from snapshots import SKYLAKE_SIGNATURE, cpuid, evidence, kvm, row, rows
from vcpuid.answers.supply import Light, Supplied, supply
from vcpuid.answers.why import why
from vcpuid.dumps import read_dump
from vcpuid.evidence import Evidence
from vcpuid.snapshot import Snapshot
from vcpuid.terms.address import CpuidRegister, Register
from vcpuid.terms.verdict import Layer

ROOT = Path(__file__).parents[3]
EXTENDED = CpuidRegister(0x80000001, 0, Register.EDX)
H07 = Evidence(Snapshot.read(ROOT / "docs/examples/h07.json"))


def by_name(host: Evidence) -> dict[str, Supplied]:
    return {one.answer.feature.name: one for one in supply(host).features}


@pytest.mark.parametrize(
    ("name", "light", "lost_at"),
    [
        ("avx2", Light.GIVEN, None),
        ("sgx", Light.LOST, Layer.FIRMWARE),
        ("monitor", Light.LOST, Layer.KVM),
        ("mpx", Light.LOST, Layer.LIBVIRT),
        ("umip", Light.MADE, None),
        ("avx512f", Light.LACKS, None),
    ],
)
def test_a_feature_stands_in_the_light_of_the_hops_that_it_passes(
    name: str, light: Light, lost_at: Layer | None
) -> None:
    one = by_name(H07)[name]
    assert (one.light, one.lost_at) == (light, lost_at)


def test_what_is_lost_is_what_why_says() -> None:
    for layer, losses in supply(H07).lost().items():
        for one in chain.from_iterable(loss.features for loss in losses):
            assert why(one.answer.feature.bits[0].plain, H07, vendor="intel").broken_at.supply is layer


def test_what_is_lost_by_one_conclusion_has_one_mend() -> None:
    losses = {loss.rule: loss for losses in supply(H07).lost().values() for loss in losses}
    shared, apart = losses["firmware.off"], losses["kvm.absent"]
    assert shared.mend == shared.features[0].answer.verdicts[Layer.FIRMWARE].mend
    name = apart.features[0].answer.feature.name
    assert f" does not offer {name} and {len(apart.features) - 1} more: " in apart.mend


def test_of_a_dump_it_is_known_what_the_cpu_has_and_not_what_guests_get() -> None:
    host = Evidence.of_dump(read_dump(ROOT / "tests/dumps/intel-alder-lake.json"))
    named = by_name(host)
    assert named["avx2"].light is Light.HAS
    assert named["avx512f"].light is Light.LACKS


def test_a_feature_of_some_cpus_is_lost_on_the_cpus() -> None:
    signature = f"{SKYLAKE_SIGNATURE} 00000000 00000000 00000000"
    with_avx2, without = (rows(_1_0=signature, _7_0=row(ebx=ebx)) for ebx in (1 << 5, 0))
    host = evidence(cpuid=cpuid(with_avx2, without), kvm=kvm(with_avx2))
    one = by_name(host)["avx2"]
    assert (one.light, one.lost_at) == (Light.LOST, Layer.SILICON)


def test_registers_have_the_cells_of_the_hosts_vendor() -> None:
    registers = {register.word.manual: register for register in supply(H07).registers}
    word = registers["CPUID.(EAX=07H,ECX=0):EBX"]
    assert word.value == 0x029C6FBF
    cells = {one.cell.bits.low: one for one in word.cells}
    assert cells[2].supplied is not None
    assert cells[2].supplied.lost_at is Layer.FIRMWARE
    assert not any(register.word.leaf >> 16 == 0x4000 for register in registers.values())


@pytest.mark.parametrize(
    ("name", "has_copies"), [("intel-alder-lake", False), ("amd-renoir", True), ("hygon", True)]
)
def test_copies_of_leaf_1_stand_where_the_vendor_has_them(name: str, has_copies: bool) -> None:
    host = Evidence.of_dump(read_dump(ROOT / f"tests/dumps/{name}.json"))
    (register,) = (one for one in supply(host).registers if one.word == EXTENDED)
    names = {one.cell.field.name for one in register.cells if one.cell.field}
    assert {"syscall", "nx", "pdpe1gb", "rdtscp", "lm"} <= names
    assert ({"e_fpu", "mmxext", "fxsr_opt"} <= names) is has_copies
    assert names.isdisjoint({"e_fpu", "pae", "mp", "3dnow"}) is not has_copies


def test_a_host_without_evidence_gives_and_loses_nothing_by_its_cpu() -> None:
    lights = {name: one.light for name, one in by_name(evidence()).items()}
    assert lights["sgx"] is Light.UNKNOWN
    assert Light.HAS not in lights.values()
    assert Light.LACKS not in lights.values()
