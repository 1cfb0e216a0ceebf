"""What a dump says of a bit: gated by the maximum leaf, and honest about rows that are not there."""

from __future__ import annotations

import pytest

from vcpuid.terms.address import Bits, CpuidRegister, MsrRegister, Register
from vcpuid.terms.dump import Cpu, MissingRow

BASIC, EXTENDED, CENTAUR = 0, 0x80000000, 0xC0000000
SGX1 = Bits(CpuidRegister(0x12, 0, Register.EAX), 0, 0)
SVM = Bits(CpuidRegister(0x80000001, 0, Register.ECX), 2, 2)
JUNK = (7, 7, 7, 7)


def test_a_leaf_above_the_maximum_does_not_exist_whatever_it_answers() -> None:
    cpu = Cpu(0, {(BASIC, 0): (0xD, 0, 0, 0), (0x12, 0): JUNK})
    assert cpu.maximum(0x12) == 0xD
    assert cpu.read(SGX1.word) == 0
    assert cpu.has(SGX1) is False


def test_a_leaf_within_the_maximum_is_read() -> None:
    cpu = Cpu(0, {(BASIC, 0): (0x12, 0, 0, 0), (0x12, 0): (1, 2, 3, 4)})
    assert [cpu.read(CpuidRegister(0x12, 0, register)) for register in Register] == [1, 2, 3, 4]
    assert cpu.has(SGX1) is True


@pytest.mark.parametrize("maximum", [0, 0x10, 0x756E6547, 0x80010000, 0xFFFFFFFF])
def test_an_invalid_maximum_means_that_the_range_does_not_exist(maximum: int) -> None:
    cpu = Cpu(0, {(EXTENDED, 0): (maximum, 0, 0, 0), (0x80000001, 0): JUNK})
    assert cpu.maximum(0x80000001) == EXTENDED - 1
    assert cpu.has(SVM) is False


def test_ranges_have_maxima_of_their_own() -> None:
    cpu = Cpu(0, {(BASIC, 0): (0x16, 0, 0, 0), (EXTENDED, 0): (0x80000008, 0, 0, 0)})
    assert cpu.maximum(7) == 0x16
    assert cpu.maximum(0x80000001) == 0x80000008
    assert cpu.maximum(0x40000001) is None
    assert cpu.maximum(CENTAUR + 1) is None


@pytest.mark.parametrize(("missing", "value"), [(MissingRow.ZERO, 0), (MissingRow.UNKNOWN, None)])
def test_a_row_that_is_not_there(missing: MissingRow, value: int | None) -> None:
    cpu = Cpu(0, {(BASIC, 0): (0x12, 0, 0, 0)}, missing=missing)
    assert cpu.read(SGX1.word) == value


@pytest.mark.parametrize(("leaf", "last", "value"), [(7, 0, 0), (7, 1, None), (4, 0, None)])
def test_a_subleaf_above_the_last_one_does_not_exist(leaf: int, last: int, value: int | None) -> None:
    cpu = Cpu(0, {(BASIC, 0): (0x1F, 0, 0, 0), (leaf, 0): (last, 0, 0, 0)})
    assert cpu.read(CpuidRegister(leaf, 1, Register.EAX)) == value
    assert cpu.is_beyond_last(leaf, 1) is (value == 0)


def test_a_dump_without_any_row_knows_nothing() -> None:
    assert Cpu(0, {}, missing=MissingRow.ZERO).has(SGX1) is None


def test_without_a_maximum_a_row_that_is_there_counts() -> None:
    assert Cpu(0, {(0x12, 0): (1, 0, 0, 0)}).has(SGX1) is True


def test_msrs_are_known_or_not() -> None:
    cpu = Cpu(0, {}, msrs={0x3A: 0x5})
    assert cpu.has(Bits(MsrRegister(0x3A), 0, 0)) is True
    assert cpu.has(Bits(MsrRegister(0x3A), 18, 18)) is False
    assert cpu.has(Bits(MsrRegister(0x10A), 0, 0)) is None


def test_bits_are_there_only_if_all_are() -> None:
    cpu = Cpu(0, {(0xD, 0): (1 << 17, 0, 0, 0)})
    assert cpu.has(Bits(CpuidRegister(0xD, 0, Register.EAX), 17, 18)) is False
    assert cpu.has(Bits(CpuidRegister(0xD, 0, Register.EAX), 17, 17)) is True


def test_each_range_of_leaves_has_its_own_maximum() -> None:
    rows = {
        (0x80000000, 0): (0x80000006, 0, 0, 0),
        (0x80860000, 0): (0x80860001, 0, 0, 0),
        (0x80860001, 0): (7, 0, 0, 0),
    }
    cpu = Cpu(0, rows)
    assert cpu.read(CpuidRegister(0x80860001, 0, Register.EAX)) == 7
    assert cpu.read(CpuidRegister(0x80860002, 0, Register.EAX)) == 0


def test_a_second_hypervisor_has_a_maximum_of_its_own() -> None:
    rows = {
        (0x40000000, 0): (0x40000005, 0, 0, 0),
        (0x40000100, 0): (0x40000101, 0, 0, 0),
        (0x40000101, 0): (9, 0, 0, 0),
    }
    cpu = Cpu(0, rows)
    assert cpu.read(CpuidRegister(0x40000101, 0, Register.EAX)) == 9
    assert cpu.read(CpuidRegister(0x40000006, 0, Register.EAX)) == 0
