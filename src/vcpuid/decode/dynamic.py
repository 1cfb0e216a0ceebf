"""What differs from core to core or from minute to minute, and says nothing about the CPU's model.

The one list of these fields, `tables/dynamic.csv`, serves everything that compares CPUs.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from enum import Enum
from functools import cache
from typing import NamedTuple

from vcpuid.decode.hypervisor import scope_of
from vcpuid.decode.identity import vendor_of
from vcpuid.decode.rows import load_decode_table, parse_span
from vcpuid.terms.address import Bits, CpuidRegister, Register
from vcpuid.terms.dump import Cpu, Registers

Key = tuple[int, int]
_ANY: frozenset[str | None] = frozenset()
_Masks = tuple[int, int, int, int]


class Cause(Enum):
    """What bits follow that say nothing about the CPU's model."""

    CORE = "core"
    PART = "part"
    SYSTEM = "system"
    FIRMWARE = "firmware"
    MODE = "mode"
    MOMENT = "moment"


ALL_CAUSES = frozenset(Cause)
CAUSES_OF_THE_ASKER = frozenset((Cause.CORE, Cause.PART, Cause.MOMENT))
"""What a list such as KVM's takes over from the CPU on which it is asked for. The rest KVM works out by itself."""


class DynamicField(NamedTuple):
    """Bits that differ though the CPUs are equal, and why.

    Attributes:
        leaf: The leaf.
        subleaves: The first and the last subleaf that have the field.
        position: The register's place in a row.
        mask: The bits.
        scope: The vendor or hypervisor that gives the bits this meaning; `any` for all.
        cause: What they follow.
        why: What the bits are, in words.
    """

    leaf: int
    subleaves: tuple[int, int]
    position: int
    mask: int
    scope: str
    cause: Cause
    why: str


@cache
def dynamic_fields() -> tuple[DynamicField, ...]:
    """Give the list."""
    return tuple(_make_field(row) for row in load_decode_table("dynamic"))


def _make_field(row: dict[str, str]) -> DynamicField:
    low, high = parse_span(row["bits"])
    return DynamicField(
        leaf=int(row["leaf"], 16),
        subleaves=parse_span(row["subleaves"]),
        position=Register(row["register"]).position,
        mask=(2 << high) - (1 << low),
        scope=row["scope"],
        cause=Cause(row["cause"]),
        why=row["why"],
    )


@cache
def _fields_by_leaf() -> dict[int, list[DynamicField]]:
    index: dict[int, list[DynamicField]] = {}
    for field in dynamic_fields():
        index.setdefault(field.leaf, []).append(field)
    return index


@cache
def dynamic_masks(
    key: Key, scopes: frozenset[str | None] = _ANY, causes: frozenset[Cause] = ALL_CAUSES
) -> _Masks | None:
    """Give the dynamic bits of a row's four registers, by some causes; None for a row that has none."""
    masks = [0, 0, 0, 0]
    for field in _fields_by_leaf().get(key[0], ()):
        in_scope = (field.scope in scopes or field.scope == "any") and field.cause in causes
        if in_scope and field.subleaves[0] <= key[1] <= field.subleaves[1]:
            masks[field.position] |= field.mask
    return (masks[0], masks[1], masks[2], masks[3]) if any(masks) else None


def causes_of(bits: Iterable[Bits]) -> frozenset[Cause]:
    """Give what some bits follow, whoever gives them this meaning; empty where they are the CPU's own."""
    return frozenset(
        field.cause
        for one in bits
        if isinstance(one.word, CpuidRegister)
        for field in _fields_by_leaf().get(one.word.leaf, ())
        if field.position == one.word.register.position and field.mask & one.mask
        if field.subleaves[0] <= one.word.subleaf <= field.subleaves[1]
    )


def scopes_of(cpu: Cpu) -> frozenset[str | None]:
    """Give the scopes in which a CPU's bits have their meanings: its vendor's and its hypervisor's."""
    return frozenset((vendor_of(cpu), scope_of(cpu)))


def stable_rows(cpu: Cpu, causes: frozenset[Cause] = ALL_CAUSES) -> dict[Key, Registers]:
    """Give a CPU's rows with the dynamic bits cleared: equal for CPUs that are of one kind.

    Of KVM's list only `CAUSES_OF_THE_ASKER` are dynamic: whichever core asked, equal hosts then have equal lists.
    """
    rows = dict(cpu.rows)
    leaves, scopes = _fields_by_leaf(), scopes_of(cpu)
    for key, row in cpu.rows.items():
        if key[0] in leaves and (masks := dynamic_masks(key, scopes, causes)) is not None:
            rows[key] = _stable(row, masks)
    return rows


def kind_of(cpu: Cpu) -> Hashable:
    """Give what equal CPUs have in common: a value that is the same for CPUs that differ in dynamic bits only."""
    return frozenset(stable_rows(cpu).items())


def differing_rows(cpu: Cpu, like: Cpu) -> dict[Key, Registers]:
    """Give the rows in which a CPU differs from another of its kind, which has the same keys."""
    others = like.rows
    return {key: row for key, row in cpu.rows.items() if row is not others[key] and row != others[key]}


class Model:
    """A CPU with which others are compared that may be of its kind."""

    def __init__(self, cpu: Cpu) -> None:
        self._keys = list(cpu.rows)
        self._rows = list(cpu.rows.values())
        self._scopes = scopes_of(cpu)

    def differences(self, cpu: Cpu) -> dict[Key, Registers] | None:
        """Give the rows in which a CPU differs, by dynamic bits alone; None where by more, or in their order."""
        if list(cpu.rows) != self._keys:
            return None
        differing = {}
        for (key, row), ours in zip(cpu.rows.items(), self._rows, strict=True):
            if row is not ours and row != ours:
                masks = dynamic_masks(key, self._scopes)
                if masks is None or _stable(row, masks) != _stable(ours, masks):
                    return None
                differing[key] = row
        return differing


def _stable(row: Registers, masks: _Masks) -> Registers:
    return row[0] & ~masks[0], row[1] & ~masks[1], row[2] & ~masks[2], row[3] & ~masks[3]
