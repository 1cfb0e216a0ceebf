"""The walk over CPUID's leaves, on honest and on hostile CPUs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcpuid.gather.cpuid_walk import LEAVES_PER_RANGE, SUBLEAF_LIMIT, Registers, walk

ZERO: Registers = (0, 0, 0, 0)
ONES: Registers = (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
GENUINE_INTEL = (0x756E6547, 0x6C65746E, 0x49656E69)  # ebx ecx edx
HYPERVISOR_BIT = 1 << 31


class Cpu:
    """Answers from a table, and zeros for what is not in it; remembers what it was asked."""

    def __init__(self, rows: dict[tuple[int, int], Registers], otherwise: Registers = ZERO) -> None:
        self.rows = rows
        self.otherwise = otherwise
        self.asked: list[tuple[int, int]] = []

    def read(self, leaf: int, subleaf: int) -> Registers:
        self.asked.append((leaf, subleaf))
        return self.rows.get((leaf, subleaf), self.otherwise)

    def subleaves(self, leaf: int) -> list[int]:
        return sorted(subleaf for asked, subleaf in walk(self.read) if asked == leaf)


def cpu(maximum: int, rows: dict[tuple[int, int], Registers] | None = None) -> Cpu:
    return Cpu({(0, 0): (maximum, *GENUINE_INTEL), **(rows or {})})


def test_leaves_above_the_maximum_are_not_asked() -> None:
    machine = cpu(0x5)
    assert [leaf for leaf, _ in walk(machine.read) if leaf < 0x40000000] == [0, 1, 2, 3, 4, 5]


def test_an_extended_maximum_outside_its_range_counts_as_absent() -> None:
    machine = cpu(1, {(0x80000000, 0): (0x00000005, 0, 0, 0)})
    assert [leaf for leaf, _ in walk(machine.read) if leaf >= 0x80000000] == [0x80000000]


def test_hypervisor_leaves_need_the_hypervisor_bit() -> None:
    junk = {(0x40000000, 0): (0x40000001, 0x4B4D564B, 0x564B4D56, 0x4D)}
    assert (0x40000000, 0) not in walk(cpu(1, junk).read)
    assert (0x40000001, 0) in walk(cpu(1, {**junk, (1, 0): (0, 0, HYPERVISOR_BIT, 0)}).read)


def test_old_kvm_says_zero_and_means_one_leaf() -> None:
    rows = walk(cpu(1, {(1, 0): (0, 0, HYPERVISOR_BIT, 0)}).read)
    assert [leaf for leaf, _ in rows if leaf >= 0x40000000 and leaf < 0x80000000] == [0x40000000, 0x40000001]


def test_a_second_hypervisor_interface_is_read_too() -> None:
    machine = cpu(
        1,
        {
            (1, 0): (0, 0, HYPERVISOR_BIT, 0),
            (0x40000000, 0): (0x40000005, 0, 0, 0),
            (0x40000100, 0): (0x40000101, 0, 0, 0),
        },
    )
    assert {(0x40000100, 0), (0x40000101, 0)} <= set(walk(machine.read))


def test_centaur_leaves_need_the_vendor() -> None:
    shanghai = (0x68532020, 0x20206961, 0x68676E61)
    rows: dict[tuple[int, int], Registers] = {(0, 0): (1, *shanghai), (0xC0000000, 0): (0xC0000001, 0, 0, 0)}
    assert (0xC0000001, 0) in walk(Cpu(rows).read)
    assert (0xC0000000, 0) not in walk(cpu(1, {(0xC0000000, 0): (0xC0000001, 0, 0, 0)}).read)


@pytest.mark.parametrize("leaf", [0x7, 0x14, 0x17, 0x18, 0x1D, 0x1E, 0x20, 0x24])
def test_a_leaf_that_counts_its_subleaves(leaf: int) -> None:
    assert cpu(0x24, {(leaf, 0): (2, 0, 0, 0)}).subleaves(leaf) == [0, 1, 2]


@pytest.mark.parametrize(
    ("leaf", "goes_on"),
    [
        (0x4, (0x21, 0, 0, 0)),
        (0xB, (0, 0, 0x100, 0)),
        (0x1B, (1, 0, 0, 0)),
        (0x1F, (0, 0, 0x201, 0)),
        (0x80000026, (0, 0, 0x100, 0)),
    ],
)
def test_a_leaf_with_a_terminator_keeps_the_terminator(leaf: int, goes_on: Registers) -> None:
    maximum = {(0x80000000, 0): (0x80000026, 0, 0, 0)}
    assert cpu(0x24, {**maximum, (leaf, 0): goes_on, (leaf, 1): goes_on}).subleaves(leaf) == [0, 1, 2]


def test_amd_cache_leaf_needs_topology_extensions() -> None:
    rows: dict[tuple[int, int], Registers] = {
        (0x80000000, 0): (0x8000001D, 0, 0, 0),
        (0x8000001D, 0): (1, 0, 0, 0),
    }
    assert cpu(1, rows).subleaves(0x8000001D) == [0]
    assert cpu(1, {**rows, (0x80000001, 0): (0, 0, 1 << 22, 0)}).subleaves(0x8000001D) == [0, 1]


def test_xsave_subleaves_are_those_of_both_masks() -> None:
    rows: dict[tuple[int, int], Registers] = {(0xD, 0): (0x7, 0, 0, 1 << 30), (0xD, 1): (0, 0, 1 << 11, 0)}
    assert cpu(0xD, rows).subleaves(0xD) == [0, 1, 2, 11, 62]


@pytest.mark.parametrize(("leaf", "register"), [(0xF, 3), (0x10, 1), (0x23, 0), (0x80000020, 1)])
def test_a_leaf_whose_subleaves_are_bits(leaf: int, register: int) -> None:
    registers = [0, 0, 0, 0]
    registers[register] = 0b10010
    eax, ebx, ecx, edx = registers
    maximum = {(0x80000000, 0): (0x80000020, 0, 0, 0)}
    assert cpu(0x24, {**maximum, (leaf, 0): (eax, ebx, ecx, edx)}).subleaves(leaf) == [0, 1, 4]


def test_sgx_subleaves_need_sgx() -> None:
    sections: dict[tuple[int, int], Registers] = {(0x12, 2): (1, 0, 1, 0), (0x12, 3): (1, 0, 1, 0)}
    assert cpu(0x12, sections).subleaves(0x12) == [0]
    assert cpu(0x12, {**sections, (7, 0): (0, 1 << 2, 0, 0)}).subleaves(0x12) == [0, 1, 2, 3, 4]


def test_a_cpu_of_ones_ends() -> None:
    machine = Cpu({}, otherwise=ONES)
    rows = walk(machine.read)
    assert len(rows) < 5 * LEAVES_PER_RANGE + 30 * SUBLEAF_LIMIT
    assert max(subleaf for _, subleaf in rows) == SUBLEAF_LIMIT - 1


@given(st.binary(min_size=16, max_size=64), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_no_answers_make_it_endless(noise: bytes, salt: int) -> None:
    def read(leaf: int, subleaf: int) -> Registers:
        at = (leaf * 31 + subleaf * 7 + salt) % (len(noise) - 15)
        words = [int.from_bytes(noise[at + offset : at + offset + 4], "little") for offset in (0, 4, 8, 12)]
        return words[0], words[1], words[2], words[3]

    rows = walk(read)
    assert all(0 <= subleaf < SUBLEAF_LIMIT for _, subleaf in rows)
    assert len(rows) < 5 * LEAVES_PER_RANGE + 30 * SUBLEAF_LIMIT
