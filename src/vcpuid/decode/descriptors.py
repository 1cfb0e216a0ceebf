"""Leaf 2: one byte for each cache, TLB or remark, whose meaning a table has."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from vcpuid.atlas.tables import load_table
from vcpuid.decode.identity import signature_of, vendor_of
from vcpuid.decode.rows import read_row
from vcpuid.terms.dump import Cpu

LEAF = 2
_SEE_LEAF_4 = 0xFF


class Descriptor(NamedTuple):
    """One thing that a byte of leaf 2 tells.

    Attributes:
        byte: The byte.
        kind: `data`, `instruction`, `unified`, `trace`, `data tlb`..., `prefetch` or `note`.
        description: What it tells, in a line.
        level: Of a cache or TLB; None where it is not told.
        size_kib: Of a cache, else None.
        ways: None where it is not told, or where it is fully associative.
        is_fully_associative: Whether it is.
        line_bytes: Of a cache, else None.
        entries: Of a TLB, else None.
        pages: The sizes of pages that a TLB holds.
    """

    byte: int
    kind: str
    description: str
    level: int | None
    size_kib: int | None
    ways: int | None
    is_fully_associative: bool
    line_bytes: int | None
    entries: int | None
    pages: tuple[str, ...]


@cache
def _rows_by_byte() -> dict[int, list[dict[str, str]]]:
    table: dict[int, list[dict[str, str]]] = {}
    for row in load_table("leaf2_descriptors"):
        table.setdefault(int(row["byte"], 16), []).append(row)
    return table


def decode_descriptors(cpu: Cpu) -> tuple[Descriptor, ...]:
    """Decode leaf 2; empty where the CPU or the dump does not have it.

    A register with bit 31 set holds no descriptors, and AL is a count. 0FFH refers to leaf 4.
    Source: SDM vol. 2A, CPUID, leaf 02H.
    """
    row = read_row(cpu, LEAF)
    if row is None:
        return ()
    scope = _scope_of(cpu)
    found: list[Descriptor] = []
    for position, word in enumerate(row):
        if word >> 31:
            continue
        for shift in (0, 8, 16, 24)[not position :]:
            byte = word >> shift & 0xFF
            if byte and byte != _SEE_LEAF_4:
                found += _meanings(byte, *scope)
    return tuple(found)


def describe_byte(cpu: Cpu, byte: int) -> str:
    """Say what a byte of leaf 2 tells; empty for one that has no meaning in this CPU."""
    return "; ".join(told.description for told in _meanings(byte, *_scope_of(cpu)))


def _scope_of(cpu: Cpu) -> tuple[str | None, str]:
    signature = signature_of(cpu)
    return vendor_of(cpu), "" if signature is None else f"{signature.family:x}-{signature.model:x}"


@cache
def _meanings(byte: int, vendor: str | None, model: str) -> tuple[Descriptor, ...]:
    rows = [row for row in _rows_by_byte().get(byte, ()) if vendor in row["vendors"].split()]
    own = [row for row in rows if row["signature"] == model]
    return tuple(_make_descriptor(byte, row) for row in own or rows if row["signature"] in ("", model))


def _make_descriptor(byte: int, row: dict[str, str]) -> Descriptor:
    is_full = row["ways"] == "full"
    return Descriptor(
        byte=byte,
        kind=row["kind"],
        description=row["description"],
        level=_number(row["level"]),
        size_kib=_number(row["size_kib"]),
        ways=None if is_full else _number(row["ways"]),
        is_fully_associative=is_full,
        line_bytes=_number(row["line_bytes"]),
        entries=_number(row["entries"]),
        pages=tuple(filter(None, row["pages"].split(";"))),
    )


def _number(text: str) -> int | None:
    return int(text) if text else None
