"""Which rows count: leaves above the maximum do not exist."""

from __future__ import annotations

import pytest

from cpus import HYPERVISOR, KVM_LETTERS, ONES, cpu, row
from vcpuid.decode.rows import existing_rows, exists, letters_of, read_row, read_subleaves
from vcpuid.terms.dump import base_of


@pytest.mark.parametrize(
    ("leaf", "base"),
    [
        (0x7, 0),
        (0x40000001, 0x40000000),
        (0x40000101, 0x40000100),
        (0x8000001E, 0x80000000),
        (0x80860003, 0x80860000),
        (0xC0000004, 0xC0000000),
    ],
)
def test_every_range_has_its_base(leaf: int, base: int) -> None:
    assert base_of(leaf) == base


def test_a_leaf_above_the_maximum_does_not_exist() -> None:
    one = cpu({(0, 0): row(4), (7, 0): row(1, 2, 3, 4)})
    assert not exists(one, 7)
    assert read_row(one, 7) is None
    assert list(read_subleaves(one, 7)) == []
    assert (7, 0) not in dict(existing_rows(one))


def test_a_dump_without_the_maximum_is_believed() -> None:
    assert read_row(cpu({(0x80000008, 0): row(0x3027)}), 0x80000008) == row(0x3027)


@pytest.mark.parametrize("maximum", [0, 0x300, 0x7FFFFFFF, ONES])
def test_an_invalid_maximum_means_that_the_range_is_not_there(maximum: int) -> None:
    rows = {(0x80000000, 0): row(maximum), (0x80000001, 0): row(edx=ONES)}
    assert not exists(cpu(rows), 0x80000001)


@pytest.mark.parametrize(("ecx", "is_there"), [(HYPERVISOR, True), (0, False)])
def test_hypervisor_leaves_need_the_hypervisor_bit(ecx: int, *, is_there: bool) -> None:
    rows = {(1, 0): row(ecx=ecx), (0x40000000, 0): (0x40000001, *KVM_LETTERS), (0x40000001, 0): row(1)}
    assert exists(cpu(rows), 0x40000001) is is_there


def test_zero_is_an_old_kvms_maximum() -> None:
    one = cpu({(1, 0): row(ecx=HYPERVISOR), (0x40000000, 0): (0, *KVM_LETTERS), (0x40000001, 0): row(1)})
    assert (exists(one, 0x40000001), exists(one, 0x40000002)) == (True, False)


def test_endless_subleaves_end() -> None:
    one = cpu({(4, subleaf): row(1) for subleaf in range(5000)})
    assert len(list(read_subleaves(one, 4))) == 64


def test_subleaves_stop_at_a_gap() -> None:
    one = cpu({(4, subleaf): row(1) for subleaf in (0, 1, 3)})
    assert [subleaf for subleaf, _ in read_subleaves(one, 4)] == [0, 1]


def test_letters() -> None:
    assert letters_of(0x4B4D564B, 0xE9) == "KVMK\xe9\0\0\0"
