"""The doctor's steps at the CPU, by dumps of real CPUs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snapshots import Data, cpuid, evidence, row
from vcpuid.answers.sgx.doctor import examine
from vcpuid.answers.sgx.memory import KnownBy
from vcpuid.dumps import parse_dump

pytestmark = pytest.mark.shared_dumps


def source_of(name: str) -> Data:
    """Give the `cpuid` source of a machine with the first CPU of a dump."""
    path = Path(os.environ["VCPUID_DUMPS"], name)
    cpu = parse_dump(path.read_bytes(), name).dump.cpus[0]
    return cpuid({f"{leaf:08x}.{subleaf}": row(*registers) for (leaf, subleaf), registers in cpu.rows.items()})


@pytest.mark.parametrize(
    ("name", "rules", "kib"),
    [
        (
            "GenuineIntel00806E9_Kabylake_CPUID2.txt",
            ["cpu.has", "bios.memory", "launch-control.absent", "epc.nodes-unknown"],
            93.5 * 1024,
        ),
        (
            "GenuineIntel00706E5_IceLakeY_CPUID.txt",
            ["cpu.has", "bios.memory", "launch-control.in-cpuid", "epc.nodes-unknown"],
            188 * 1024,
        ),
        (
            "GenuineIntel00906EC_CoffeeLake_CPUID4.txt",
            ["cpu.has", "bios.unread", "launch-control.in-cpuid", "epc.unread"],
            0,
        ),
    ],
)
def test_what_cpuid_alone_tells(name: str, rules: list[str], kib: float) -> None:
    answer = examine(evidence(cpuid=source_of(name)))
    found = {one.step.name: one.rule for one in answer.steps}
    assert [found[step] for step in ("cpu", "bios", "launch-control", "epc")] == rules
    assert answer.memory.size_bytes == kib * 1024
    assert answer.memory.known_by is (KnownBy.CPUID if kib else None)
