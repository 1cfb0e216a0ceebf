"""Rows that a CPU really has: a leaf above its range's maximum answers with junk and does not exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vcpuid.atlas.tables import load_table
from vcpuid.terms.dump import Cpu, Registers, base_of

TABLES = f"{__file__.rpartition('/')[0]}/tables"
EAX, EBX, ECX, EDX = range(4)
REGISTERS = ("eax", "ebx", "ecx", "edx")

_HYPERVISOR_RANGE, _HYPERVISOR_BIT = 0x4000, 31
_HIGHEST = 0xFFFFFFFF
# No leaf of today has more subleaves; a broken hypervisor may answer to every one (SDM: at most 64, leaf 0DH).
_SUBLEAF_LIMIT = 64


def load_decode_table(name: str) -> list[dict[str, str]]:
    """Load one of the decoders' own tables, as rows of column to text."""
    return load_table(name, TABLES)


def parse_span(text: str, base: int = 10) -> tuple[int, int]:
    """Read a table's `low-high`, or one number that is both."""
    low, _, high = text.partition("-")
    return int(low, base), int(high or low, base)


def maximum_of(cpu: Cpu, base: int) -> int | None:
    """Give the highest leaf of the range that begins at `base`; `base - 1` where there is none.

    None where the dump does not have the range's first row. Without the hypervisor bit of leaf 1 the hypervisors'
    range of a real CPU is junk: Intel's answer it with their last basic leaf.
    """
    if base >> 16 == _HYPERVISOR_RANGE and (base, 0) in cpu.rows:
        first = cpu.rows.get((1, 0))
        if first is not None and not first[ECX] >> _HYPERVISOR_BIT:
            return base - 1
    return cpu.maximum(base)


def exists(cpu: Cpu, leaf: int) -> bool:
    """Tell whether a leaf is within its range's maximum; a dump without the maximum is believed."""
    maximum = maximum_of(cpu, base_of(leaf))
    return maximum is None or leaf <= maximum


def read_row(cpu: Cpu, leaf: int, subleaf: int = 0) -> Registers | None:
    """Give a row that the CPU has; None where the leaf does not exist or the dump does not have it."""
    row = cpu.rows.get((leaf, subleaf))
    return row if row is not None and exists(cpu, leaf) else None


def read_subleaves(cpu: Cpu, leaf: int, first: int = 0) -> Iterator[tuple[int, Registers]]:
    """Walk the neighbouring subleaves of a leaf, at most 64; who knows where they end stops earlier."""
    if not exists(cpu, leaf):
        return
    for subleaf in range(first, first + _SUBLEAF_LIMIT):
        row = cpu.rows.get((leaf, subleaf))
        if row is None:
            return
        yield subleaf, row


def existing_rows(cpu: Cpu) -> Mapping[tuple[int, int], Registers]:
    """Give all rows that the CPU has, in the dump's order; the dump's own rows where there is no junk."""
    rows = cpu.rows
    maxima: dict[int, int] = {}  # by the leaf without its last two digits: no range is smaller
    for page in {leaf >> 8 for leaf, _ in rows}:
        maximum = maximum_of(cpu, base_of(page << 8))
        maxima[page] = _HIGHEST if maximum is None else maximum
    junk = {key for key in rows if key[0] > maxima[key[0] >> 8]}
    return {key: row for key, row in rows.items() if key not in junk} if junk else rows


def letters_of(*words: int) -> str:
    """Give the characters that registers hold, lowest byte first; bytes above ASCII as in Latin-1."""
    return b"".join(word.to_bytes(4, "little") for word in words).decode("latin-1")
