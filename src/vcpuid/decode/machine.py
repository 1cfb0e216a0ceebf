"""The CPUs of a dump summed up: kinds of CPUs, and how many of everything the machine has."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from vcpuid.decode.caches import cache_shift
from vcpuid.decode.dynamic import Key, Model, differing_rows, kind_of
from vcpuid.decode.errata import mend
from vcpuid.decode.facts import Facts, decode_facts
from vcpuid.decode.topology import apic_id_of
from vcpuid.terms.dump import Cpu, Dump, Registers


class Kind(NamedTuple):
    """CPUs that are equal but for dynamic fields.

    Attributes:
        cpus: The CPUs, in the dump's order.
        facts: What the first of them tells.
    """

    cpus: tuple[Cpu, ...]
    facts: Facts


class Member(NamedTuple):
    """One CPU of a machine.

    Attributes:
        cpu: Its answers.
        kind: The place of its kind in the machine's kinds.
        differing: The rows in which it differs from the first CPU of its kind.
        apic_id: Its APIC id; None where the dump does not tell.
        ids: The machine-wide id of each part that holds it, by the part's name; empty where that is not told.
    """

    cpu: Cpu
    kind: int
    differing: Mapping[Key, Registers]
    apic_id: int | None
    ids: dict[str, int]


class CacheTotal(NamedTuple):
    """Caches of one level, kind and size.

    Attributes:
        level: 1 to 4.
        kind: `data`, `instruction` or `unified`.
        size_bytes: The size of each.
        instances: How many there are.
    """

    level: int
    kind: str
    size_bytes: int
    instances: int


class Machine(NamedTuple):
    """A dump, decoded.

    Attributes:
        kinds: The kinds of CPUs, in the order in which they appear.
        members: Every CPU, in the dump's order.
        counts: How many of each part the CPUs of the dump make up, largest part first; empty where their APIC ids
            do not tell them apart.
        cache_totals: How many caches; empty where APIC ids or cache leaves do not tell.
    """

    kinds: tuple[Kind, ...]
    members: tuple[Member, ...]
    counts: dict[str, int]
    cache_totals: tuple[CacheTotal, ...]


def decode_machine(dump: Dump, *, each: bool = False) -> Machine:
    """Decode a dump: each kind of CPU once, then what the CPUs make up together.

    Args:
        dump: The dump.
        each: Decode every CPU by itself, equal ones too.
    """
    places = [_Place(number, {}) for number in range(len(dump.cpus))] if each else _sort_into_kinds(dump.cpus)
    groups: list[list[Cpu]] = []
    for place, cpu in zip(places, dump.cpus, strict=True):
        if place.kind == len(groups):
            groups.append([])
        groups[place.kind].append(cpu)
    kinds = tuple(Kind(tuple(cpus), decode_facts(cpus[0])) for cpus in groups)
    members = tuple(
        _make_member(cpu, place, kinds[place.kind].facts) for cpu, place in zip(dump.cpus, places, strict=True)
    )
    are_told_apart = len({member.apic_id for member in members} - {None}) == len(members)
    return Machine(
        kinds,
        members,
        _count_parts(members) if are_told_apart else {},
        tuple(_count_caches(members, kinds)) if are_told_apart else (),
    )


class _Place(NamedTuple):
    """A CPU's kind, counted as new kinds appear, and the rows in which it differs from the first of that kind."""

    kind: int
    differing: dict[Key, Registers]


def _sort_into_kinds(cpus: Iterable[Cpu]) -> list[_Place]:
    places: list[_Place] = []
    firsts: list[Cpu] = []
    numbers: dict[Hashable, int] = {}
    number, model = 0, None  # of the CPU before
    for cpu in cpus:
        # Mostly a CPU is of the kind of the one before: to see that is faster than to look it up among all.
        differing = model.differences(cpu) if model is not None else None
        if differing is None:
            number = numbers.setdefault(kind_of(cpu), len(firsts))
            if number == len(firsts):
                firsts.append(cpu)
            model = Model(firsts[number])
            differing = differing_rows(cpu, firsts[number])
        places.append(_Place(number, differing))
    return places


def _make_member(cpu: Cpu, place: _Place, facts: Facts) -> Member:
    apic_id = apic_id_of(mend(cpu, facts.errata))
    ids = {} if apic_id is None else facts.topology.ids(apic_id)
    return Member(cpu, *place, apic_id, ids)


def _count_parts(members: Sequence[Member]) -> dict[str, int]:
    parts: dict[str, set[int]] = {}
    for member in members:
        for name, number in reversed(member.ids.items()):
            parts.setdefault(name, set()).add(number)
    return {**{name: len(numbers) for name, numbers in parts.items()}, "thread": len(members)}


def _count_caches(members: Iterable[Member], kinds: Sequence[Kind]) -> Iterable[CacheTotal]:
    # Cores of other kinds may number caches of the same size by other bits.
    found: dict[tuple[int, str, int], set[tuple[int, int]]] = {}
    caches = [[(cache, cache_shift(cache)) for cache in kind.facts.caches] for kind in kinds]
    for member in members:
        for cache, shift in caches[member.kind]:
            if shift is not None and member.apic_id is not None:
                key = cache.level, cache.kind, cache.size_bytes
                found.setdefault(key, set()).add((shift, member.apic_id >> shift))
    return (CacheTotal(*key, len(numbers)) for key, numbers in sorted(found.items()))
