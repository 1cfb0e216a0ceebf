"""What differs between two dumps, or two CPUs: features by name, numbers by meaning, dynamic fields apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from vcpuid.answers.meanings import Meaning, compare_meanings, is_told
from vcpuid.atlas.fields import Field, FieldTable, Plan, decode_field
from vcpuid.decode.dynamic import dynamic_masks, scopes_of
from vcpuid.decode.errata import mend
from vcpuid.decode.features import decode_features, feature_at
from vcpuid.decode.hypervisor import scope_of
from vcpuid.decode.identity import vendor_of
from vcpuid.decode.machine import Kind, Machine, decode_machine
from vcpuid.decode.rows import REGISTERS, exists
from vcpuid.terms.dump import Cpu, Dump, MissingRow, Registers

Key = tuple[int, int]
_NONE: Registers = (0, 0, 0, 0)
_HYPERVISOR_RANGE = 0x4000


class Weight(Enum):
    """How much a change means."""

    REAL = "real"
    DYNAMIC = "dynamic"


class Change(NamedTuple):
    """One field, or bits without a name, that differ.

    Attributes:
        key: Leaf and subleaf.
        register: `eax`, `ebx`, `ecx` or `edx`.
        low: The lowest bit.
        high: The highest bit.
        field: The field; None for bits that the atlas has no name for.
        before: The first side's value, in words.
        after: The second side's.
        feature: The gained or lost feature that the bit is, else None.
        is_told: Whether the feature's name, or a meaning, says this already.
        weight: Whether it means a different CPU, or only another core or moment.
    """

    key: Key
    register: str
    low: int
    high: int
    field: Field | None
    before: str
    after: str
    feature: str | None
    is_told: bool
    weight: Weight


class KindDiff(NamedTuple):
    """Two kinds of CPUs, one of each side.

    Attributes:
        before: The first side's CPUs.
        after: The second side's CPUs.
        gained: Features that only the second side has.
        lost: Features that only the first side has.
        meanings: What several registers say together.
        changes: Every field that differs, by leaf; features and what `meanings` tells stand here too.
        untold: Rows that only one side's dump has, though the other's CPU may have them: nothing can be said.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    meanings: tuple[Meaning, ...]
    changes: tuple[Change, ...]
    untold: tuple[Key, ...]

    @property
    def is_real(self) -> bool:
        """Whether the CPUs really differ."""
        return bool(self.gained or self.lost) or any(change.weight is Weight.REAL for change in self.changes)


class Diff(NamedTuple):
    """Two dumps side by side.

    Attributes:
        before: What the first is called.
        after: What the second is called.
        origins: Where each comes from, as its file says.
        counts: Part of the machine to how many each side has, where that differs.
        kinds: The kinds of CPUs that stand side by side, in the dumps' order.
        only_before: CPUs of the first side's kinds that have nobody beside them.
        only_after: The same of the second side.
    """

    before: str
    after: str
    origins: tuple[str, str]
    counts: dict[str, tuple[int, int]]
    kinds: tuple[KindDiff, ...]
    only_before: tuple[tuple[int, ...], ...]
    only_after: tuple[tuple[int, ...], ...]

    @property
    def is_real(self) -> bool:
        """Whether there is any difference that is not dynamic."""
        return bool(self.counts or self.only_before or self.only_after) or any(kind.is_real for kind in self.kinds)

    @property
    def is_decided(self) -> bool:
        """Whether a difference was found, or both sides tell everything that the other tells."""
        return self.is_real or not any(kind.untold for kind in self.kinds)


def diff(
    before: Dump, after: Dump, table: FieldTable | None = None, *, names: tuple[str, str] | None = None
) -> Diff:
    """Compare two dumps, kind of CPU by kind of CPU.

    Args:
        before: The first.
        after: The second.
        table: The field table; by default that of vcpuid.
        names: What to call them; by default where they come from.

    Examples:
        >>> from vcpuid import diff, read_dump
        >>> answer = diff(read_dump("h07.json"), read_dump("h10.json"))
        >>> answer.is_real
        True
    """
    table = table or FieldTable()
    origins = before.origin, after.origin
    first, second = decode_machine(before), decode_machine(after)
    pairs, only_before, only_after = _pair(first.kinds, second.kinds)
    return Diff(
        *(names or origins),
        origins,
        _compare_counts(first, second),
        tuple(_compare_kinds(one, other, table) for one, other in pairs),
        tuple(_numbers(kind) for kind in only_before),
        tuple(_numbers(kind) for kind in only_after),
    )


def _compare_counts(first: Machine, second: Machine) -> dict[str, tuple[int, int]]:
    """Compare how many of each part there are; a dump of one CPU alone says nothing of its machine."""
    if (len(first.members) == 1) != (len(second.members) == 1):
        return {}
    counts = [{"thread": len(machine.members), **machine.counts} for machine in (first, second)]
    return {
        name: (count, counts[1][name])
        for name, count in counts[0].items()
        if name in counts[1] and count != counts[1][name]
    }


_Pairs = list[tuple[Kind, Kind]]


def _pair(before: Iterable[Kind], after: Iterable[Kind]) -> tuple[_Pairs, list[Kind], list[Kind]]:
    """Put kinds side by side, those of the same kind of core first, in the dumps' order; give who is left over."""
    pairs, alone, rest = [], [], list(after)
    for kind in before:
        partner = next((other for other in rest if _core(other) == _core(kind)), None)
        if partner is None:
            alone.append(kind)
        else:
            rest.remove(partner)
            pairs.append((kind, partner))
    pairs += zip(alone, rest, strict=False)
    count = min(len(alone), len(rest))
    return pairs, alone[count:], rest[count:]


def _core(kind: Kind) -> str | None:
    core = kind.facts.core_kind
    return core and core.kind


def _numbers(kind: Kind) -> tuple[int, ...]:
    return tuple(cpu.number for cpu in kind.cpus)


def _compare_kinds(before: Kind, after: Kind, table: FieldTable) -> KindDiff:
    first, second = before.cpus[0], after.cpus[0]
    told: dict[Key, tuple[Registers, Registers]] = {}
    untold = []
    for key in sorted({*first.rows, *second.rows}):
        one, other = _row(first, key), _row(second, key)
        if one is not None and other is not None:
            told[key] = one, other
        elif any(one or other or ()):
            untold.append(key)
    sides = _Sides(first, second, table)
    gained, lost = _compare_features(told, sides)
    meanings = tuple(compare_meanings(before.facts, after.facts, untold))
    sides.names = frozenset((*gained, *lost))
    sides.topics = frozenset(meaning.topic for meaning in meanings)
    return KindDiff(
        before=_numbers(before),
        after=_numbers(after),
        gained=gained,
        lost=lost,
        meanings=meanings,
        changes=tuple(change for key, rows in told.items() for change in sides.changes(key, *rows)),
        untold=tuple(untold),
    )


def _row(cpu: Cpu, key: Key) -> Registers | None:
    """Give a row; zeros where the CPU does not have it, None where the dump does not tell."""
    if not exists(cpu, key[0]) or cpu.is_beyond_last(*key):
        return _NONE
    return cpu.rows.get(key) or (_NONE if cpu.missing is MissingRow.ZERO else None)


def _compare_features(
    told: Mapping[Key, tuple[Registers, Registers]], sides: _Sides
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the features gained and lost, by what both dumps tell and is not dynamic."""
    before, after = (
        decode_features(mend(Cpu(0, {key: sides.without_dynamic(key, rows[side]) for key, rows in told.items()})))
        for side in (0, 1)
    )
    return tuple(name for name in after if name not in before), tuple(name for name in before if name not in after)


class _Sides:
    """The two CPUs and the words in which their bits are to be read."""

    def __init__(self, first: Cpu, second: Cpu, table: FieldTable) -> None:
        self._cpus = first, second
        self._table = table
        self._scopes = scopes_of(first) | scopes_of(second)
        self.names: frozenset[str] = frozenset()
        self.topics: frozenset[str] = frozenset()

    def _masks(self, key: Key) -> Registers:
        return dynamic_masks(key, self._scopes) or _NONE

    def without_dynamic(self, key: Key, row: Registers) -> Registers:
        """Give a row with its dynamic bits cleared."""
        eax, ebx, ecx, edx = (word & ~mask for word, mask in zip(row, self._masks(key), strict=True))
        return eax, ebx, ecx, edx

    def changes(self, key: Key, before: Registers, after: Registers) -> Iterator[Change]:
        """Give every field that differs in a row, then the differing bits that no field has."""
        if before == after:
            return
        rest = [one ^ other for one, other in zip(before, after, strict=True)]
        steps = {(*step[:3], step.field.name): step for cpu in self._cpus for step in self._plan(cpu, key)}
        for position, shift, mask, field in sorted(steps.values(), key=lambda step: step[:2]):
            old, new = before[position] >> shift & mask, after[position] >> shift & mask
            if old != new:
                rest[position] &= ~(mask << shift)
                weight = self._weigh(key, position, (old ^ new) << shift)
                texts = decode_field(field, old).text, decode_field(field, new).text
                told = self._told(key, position, mask << shift)
                yield Change(key, REGISTERS[position], field.low, field.high, field, *texts, *told, weight)
        for position, bits in enumerate(rest):
            for bit in range(bits.bit_length()):
                if bits >> bit & 1:
                    weight = self._weigh(key, position, 1 << bit)
                    texts = str(before[position] >> bit & 1), str(after[position] >> bit & 1)
                    told = self._told(key, position, 1 << bit)
                    yield Change(key, REGISTERS[position], bit, bit, None, *texts, *told, weight)

    def _plan(self, cpu: Cpu, key: Key) -> Plan:
        leaf = key[0]
        return self._table.plan(*key, scope_of(cpu, leaf) if leaf >> 16 == _HYPERVISOR_RANGE else vendor_of(cpu))

    def _told(self, key: Key, position: int, mask: int) -> tuple[str | None, bool]:
        """Give the gained or lost feature that some bits are, and whether their change is told already."""
        names = (feature_at(vendor_of(cpu), key, position, mask) for cpu in self._cpus)
        feature = next((name for name in names if name in self.names), None)
        return feature, feature is not None or is_told(self.topics, key[0], REGISTERS[position], mask)

    def _weigh(self, key: Key, position: int, bits: int) -> Weight:
        return Weight.REAL if bits & ~self._masks(key)[position] else Weight.DYNAMIC
