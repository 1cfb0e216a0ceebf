"""Choosing CPUs and rows of a dump, and reading rows into fields."""

from __future__ import annotations

import pytest

from cpus import AUTHENTIC_AMD, HYPERVISOR, KVM_LETTERS, cpu, dump, row
from vcpuid.answers.decode import (
    DecodedRow,
    FieldReader,
    Wanted,
    decode_dump,
    rows_beyond_maximum,
    select_cpu,
    select_rows,
)
from vcpuid.atlas.fields import FieldTable
from vcpuid.errors import UsageError
from vcpuid.terms.dump import Cpu

TABLE = FieldTable()
TWO = dump(cpu({(7, 0): row(1)}), cpu({(4, 1): row(2)}, number=3))


def only_row(one: Cpu, leaf: int, subleaf: int = 0) -> DecodedRow:
    (found,) = FieldReader(one, TABLE).rows(Wanted(leaf, subleaf))
    return found


def texts(decoded: DecodedRow) -> dict[str, str]:
    return {field.name: value.text for field, value in decoded.fields}


def test_one_cpu() -> None:
    assert select_cpu(TWO, None) is TWO
    assert [one.number for one in select_cpu(TWO, 3).cpus] == [3]
    with pytest.raises(UsageError) as caught:
        select_cpu(TWO, 1)
    assert "0 to 3" in str(caught.value)


def test_one_row() -> None:
    assert [dict(one.rows) for one in select_rows(TWO, Wanted(4, 1)).cpus] == [{}, {(4, 1): row(2)}]
    with pytest.raises(UsageError) as caught:
        select_rows(TWO, Wanted(0x14, 2))
    assert "leaf 0x14 subleaf 2" in str(caught.value)


def test_a_wanted_row_that_is_missing() -> None:
    with pytest.raises(UsageError):
        decode_dump(TWO, Wanted(leaf=0x19))
    assert len(decode_dump(TWO, Wanted(leaf=7)).machine.kinds) == 2


def test_fields_in_words() -> None:
    found = texts(only_row(cpu({(4, 0): row(0x1C004121, 0x01C0003F, 0x3F)}), 4))
    assert (found["cache_type"], found["cache_level"]) == ("data", "1")


def test_fields_go_by_vendor() -> None:
    rows = {(0x80000008, 0): row(ebx=1 << 15)}
    amd = only_row(cpu(rows, letters=AUTHENTIC_AMD), 0x80000008)
    intel = only_row(cpu(rows), 0x80000008)
    assert amd.unnamed == row()
    assert intel.unnamed == row(ebx=1 << 15)


def test_fields_go_by_hypervisor() -> None:
    rows = {(1, 0): row(ecx=HYPERVISOR), (0x40000000, 0): (0x40000001, *KVM_LETTERS), (0x40000001, 0): row(1 << 5)}
    assert texts(only_row(cpu(rows), 0x40000001))["kvm_steal_time"] == "yes"


def test_bits_without_a_name_are_told() -> None:
    assert only_row(cpu({(0x15, 0): row(edx=0x80000001)}), 0x15).unnamed == row(edx=0x80000001)


def test_rows_above_the_maximum_are_kept_apart() -> None:
    one = cpu({(0, 0): row(4), (7, 0): row(1)})
    assert rows_beyond_maximum(one) == {(7, 0): row(1)}
    assert list(FieldReader(one, TABLE).rows(Wanted(7))) == []
