"""Equal CPUs, dynamic fields, and what a machine has in all."""

from __future__ import annotations

import pytest

from cpus import AUTHENTIC_AMD, GENUINE_INTEL, HYPERVISOR, ONES, Rows, apic_rows, cpu, dump, row
from vcpuid.decode.dynamic import (
    CAUSES_OF_THE_ASKER,
    Cause,
    DynamicField,
    Model,
    causes_of,
    differing_rows,
    dynamic_fields,
    kind_of,
    stable_rows,
)
from vcpuid.decode.machine import decode_machine
from vcpuid.terms.address import Bits, CpuidRegister, MsrRegister, Register
from vcpuid.terms.dump import Cpu

XEN_LETTERS = (0x566E6558, 0x65584D4D, 0x4D4D566E)
CACHE = {(4, 0): row(0x0C004121, 0x01C0003F, 0x3F), (4, 1): row(0x0C01C163, 0x03C0003F, 0x1FFF)}
HYBRID: Rows = {(7, 0): row(edx=1 << 15)}


def machine_of(count: int) -> tuple[Cpu, ...]:
    return tuple(cpu({**apic_rows(number), **CACHE}, number=number) for number in range(count))


@pytest.mark.parametrize(
    "field", dynamic_fields(), ids=lambda field: f"{field.leaf:x}.{field.position}.{field.mask:x}"
)
def test_every_dynamic_field_makes_no_new_kind(field: DynamicField) -> None:
    base: Rows = {(1, 0): row(ecx=HYPERVISOR), (0x40000000, 0): (0x40000010, *XEN_LETTERS)}
    key = field.leaf, field.subleaves[1]
    quiet = list(base.get(key, row()))
    loud = list(quiet)
    loud[field.position] ^= field.mask
    letters = AUTHENTIC_AMD if field.scope == "amd" else GENUINE_INTEL
    one, other = (cpu({**base, key: row(*words)}, letters=letters) for words in (quiet, loud))
    assert kind_of(one) == kind_of(other)
    assert differing_rows(other, one) == Model(one).differences(other) == {key: row(*loud)}
    assert field.why


def test_the_neighbours_of_a_dynamic_field_count() -> None:
    assert kind_of(cpu({(1, 0): row(ebx=1 << 23)})) != kind_of(cpu({(1, 0): row()}))
    assert stable_rows(cpu({(1, 0): row(ebx=ONES)}))[1, 0] == row(ebx=0x00FFFFFF)
    model = Model(cpu({(1, 0): row()}))
    assert model.differences(cpu({(1, 0): row(ebx=1 << 23)})) is None
    assert model.differences(cpu({(1, 0): row(ebx=1 << 24)})) == {(1, 0): row(ebx=1 << 24)}
    assert model.differences(cpu({(1, 0): row(), (2, 0): row()})) is None


def test_a_list_of_kvms_differs_by_the_core_that_asked_and_by_nothing_that_kvm_works_out() -> None:
    asked_on_one: Rows = {
        (1, 0): row(ebx=0x01020800, ecx=0x81202000),
        (0xB, 0): row(edx=1),
        (0xD, 0): row(ebx=576),
    }
    asked_on_two: Rows = {
        (1, 0): row(ebx=0x02020800, ecx=0x81202000),
        (0xB, 0): row(edx=2),
        (0xD, 0): row(ebx=576),
    }
    one, two = (stable_rows(cpu(rows), CAUSES_OF_THE_ASKER) for rows in (asked_on_one, asked_on_two))
    assert one == two
    assert (one[1, 0], one[0xD, 0]) == (row(ebx=0x00020800, ecx=0x81202000), row(ebx=576))
    for key, other in (((1, 0), row(ebx=0x01020800, ecx=0x89202000)), ((0xD, 0), row(ebx=832))):
        assert stable_rows(cpu({**asked_on_one, key: other}), CAUSES_OF_THE_ASKER) != one


def test_the_cause_of_bits_is_that_of_the_field_they_lie_in() -> None:
    ecx = CpuidRegister(1, 0, Register.ECX)
    assert causes_of((Bits(ecx, 26, 28),)) == {Cause.SYSTEM}
    for elsewhere in (ecx, CpuidRegister(1, 0, Register.EBX), CpuidRegister(1, 1, Register.ECX), MsrRegister(1)):
        assert not causes_of((Bits(elsewhere, 0, 5),))


def test_a_field_of_one_hypervisor_counts_under_another() -> None:
    rows = {(1, 0): row(ecx=HYPERVISOR), (0x40000000, 0): row(0x40000010, 0x41414141)}
    one, other = (cpu({**rows, (0x40000004, 0): row(ebx=number)}) for number in (0, 1))
    assert kind_of(one) != kind_of(other)
    assert Model(one).differences(other) is None


def test_kinds_that_take_turns_are_found_again() -> None:
    rows = [{(0, 0): row(1), (1, 0): row(number % 2, number << 24)} for number in range(5)]
    rows.append(dict(reversed(rows[0].items())))  # the order of the rows makes no kind
    machine = decode_machine(dump(*(cpu(each, number=number) for number, each in enumerate(rows))))
    assert [[one.number for one in kind.cpus] for kind in machine.kinds] == [[0, 2, 4, 5], [1, 3]]
    assert [member.differing for member in machine.members] == [
        {},
        {},
        {(1, 0): rows[2][1, 0]},
        {(1, 0): rows[3][1, 0]},
        {(1, 0): rows[4][1, 0]},
        {},
    ]


def test_equal_cpus_are_one_kind() -> None:
    machine = decode_machine(dump(*machine_of(8)))
    assert [len(kind.cpus) for kind in machine.kinds] == [8]
    assert machine.counts == {"package": 1, "core": 4, "thread": 8}
    assert [(total.level, total.instances) for total in machine.cache_totals] == [(1, 4), (3, 1)]
    assert machine.members[5].ids == {"core": 2, "package": 0}


def test_each_cpu_by_itself() -> None:
    machine = decode_machine(dump(*machine_of(4)), each=True)
    assert [len(kind.cpus) for kind in machine.kinds] == [1, 1, 1, 1]


def test_a_hybrid_machine() -> None:
    big = [cpu({**apic_rows(n), **HYBRID, (0x1A, 0): row(0x40000001)}, number=n) for n in (0, 1, 4)]
    small = [cpu({**apic_rows(n), **HYBRID, (0x1A, 0): row(0x20000001)}, number=n) for n in (2, 3)]
    machine = decode_machine(dump(big[0], big[1], *small, big[2]))
    cores = [kind.facts.core_kind for kind in machine.kinds]
    assert [core.kind for core in cores if core] == ["performance", "efficiency"]
    assert [member.kind for member in machine.members] == [0, 0, 1, 1, 0]


def test_caches_of_one_size_that_cores_of_two_kinds_number_differently() -> None:
    whole: Rows = {(4, 0): row(0x4022, 0x01C0003F, 0x3F), (4, 1): row()}
    own: Rows = {(4, 0): row(0x0022, 0x01C0003F, 0x3F), (4, 1): row()}
    cpus = [cpu({**apic_rows(n), **HYBRID, **(whole if n < 2 else own)}, number=n) for n in range(4)]
    (total,) = decode_machine(dump(*cpus)).cache_totals
    assert (total.level, total.kind, total.instances) == (1, "instruction", 3)


def test_several_packages() -> None:
    cpus = [cpu(apic_rows(apic_id), number=number) for number, apic_id in enumerate((0, 1, 8, 9))]
    assert decode_machine(dump(*cpus)).counts == {"package": 2, "core": 2, "thread": 4}


def test_cpus_that_apic_ids_do_not_tell_apart() -> None:
    machine = decode_machine(dump(*(cpu({**apic_rows(3), **CACHE}, number=number) for number in range(4))))
    assert (machine.counts, machine.cache_totals) == ({}, ())


def test_a_dump_without_cpus() -> None:
    assert decode_machine(dump()).kinds == ()
