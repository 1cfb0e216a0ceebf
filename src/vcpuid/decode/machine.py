"""The CPUs of a dump summed up: kinds of CPUs, and how many of everything the machine has."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from vcpuid.decode.caches import Cache
from vcpuid.decode.dynamic import Key, stable_rows
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
        apic_id: Its APIC id; None where the dump does not tell.
        ids: The machine-wide id of each part that holds it, by the part's name; empty where that is not told.
    """

    cpu: Cpu
    kind: int
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
    numbers = list(range(len(dump.cpus))) if each else list(_number_kinds(dump.cpus))
    groups: list[list[Cpu]] = [[] for _ in range(max(numbers, default=-1) + 1)]
    for number, cpu in zip(numbers, dump.cpus, strict=True):
        groups[number].append(cpu)
    kinds = tuple(Kind(tuple(cpus), decode_facts(cpus[0])) for cpus in groups)
    members = tuple(
        _make_member(cpu, kind, kinds[kind].facts) for cpu, kind in zip(dump.cpus, numbers, strict=True)
    )
    are_told_apart = len({member.apic_id for member in members} - {None}) == len(members)
    return Machine(
        kinds,
        members,
        _count_parts(members) if are_told_apart else {},
        tuple(_count_caches(members, kinds)) if are_told_apart else (),
    )


def _number_kinds(cpus: Iterable[Cpu]) -> Iterator[int]:
    """Give each CPU the number of its kind, counted as new kinds appear."""
    places: dict[Hashable, int] = {}
    last: dict[Key, Registers] = {}
    place = -1
    for cpu in cpus:
        rows = stable_rows(cpu)
        # Mostly a CPU is as the one before: to see that is faster than to look it up among all.
        if place < 0 or rows != last:
            place = places.setdefault(frozenset(rows.items()), len(places))
            last = rows
        yield place


def _make_member(cpu: Cpu, kind: int, facts: Facts) -> Member:
    apic_id = apic_id_of(mend(cpu, facts.errata))
    ids = {} if apic_id is None else facts.topology.ids(apic_id)
    return Member(cpu, kind, apic_id, ids)


def _count_parts(members: Sequence[Member]) -> dict[str, int]:
    parts: dict[str, set[int]] = {}
    for member in members:
        for name, number in reversed(member.ids.items()):
            parts.setdefault(name, set()).add(number)
    return {**{name: len(numbers) for name, numbers in parts.items()}, "thread": len(members)}


def _count_caches(members: Iterable[Member], kinds: Sequence[Kind]) -> Iterable[CacheTotal]:
    found: dict[tuple[int, str, int], set[int]] = {}
    caches = [[(cache, _shift(cache)) for cache in kind.facts.caches] for kind in kinds]
    for member in members:
        for cache, shift in caches[member.kind]:
            if shift is not None and member.apic_id is not None:
                key = cache.level, cache.kind, cache.size_bytes
                found.setdefault(key, set()).add(member.apic_id >> shift)
    return (CacheTotal(*key, len(numbers)) for key, numbers in sorted(found.items()))


def _shift(cache: Cache) -> int | None:
    """Give the APIC id's bits below the number of the cache (SDM vol. 3A, section on processor topology)."""
    return None if cache.shared_by is None else (cache.shared_by - 1).bit_length()
