"""Wide arithmetic: AMX's tiles and AVX10's vectors."""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.decode.rows import EAX, EBX, ECX, EDX, read_row
from vcpuid.terms.dump import Cpu

_PALETTES, _MULTIPLIER, _AVX10_LEAF = 0x1D, 0x1E, 0x24
_AMX_TILE_BIT, _AVX10_BIT = 24, 19
_PALETTE_LIMIT = 16
_LENGTHS = {16: 128, 17: 256, 18: 512}


class Palette(NamedTuple):
    """One way in which AMX's tile memory may be cut up."""

    number: int
    total_bytes: int
    tile_bytes: int
    row_bytes: int
    tiles: int
    rows: int


class Amx(NamedTuple):
    """AMX's tiles.

    Attributes:
        palettes: The palettes that the CPU has.
        multiplier_k: Most rows or columns that a multiplication takes; None where the dump does not tell.
        multiplier_n_bytes: Most bytes of a column that it takes; None where the dump does not tell.
    """

    palettes: tuple[Palette, ...]
    multiplier_k: int | None
    multiplier_n_bytes: int | None


class Avx10(NamedTuple):
    """AVX10.

    Attributes:
        version: Its version.
        vector_bits: The lengths of vectors that it has.
    """

    version: int
    vector_bits: tuple[int, ...]


def decode_amx(cpu: Cpu) -> Amx | None:
    """Decode leaves 1DH and 1EH; None where the CPU has no tiles or the dump does not have the leaf.

    Source: SDM vol. 2A, CPUID, leaves 1DH and 1EH.
    """
    features, head = read_row(cpu, 7), read_row(cpu, _PALETTES)
    if features is None or not features[EDX] >> _AMX_TILE_BIT & 1 or head is None:
        return None
    palettes = tuple(
        Palette(
            number,
            total_bytes=row[EAX] & 0xFFFF,
            tile_bytes=row[EAX] >> 16,
            row_bytes=row[EBX] & 0xFFFF,
            tiles=row[EBX] >> 16,
            rows=row[ECX] & 0xFFFF,
        )
        for number in range(1, min(head[EAX], _PALETTE_LIMIT) + 1)
        if (row := read_row(cpu, _PALETTES, number)) is not None
    )
    multiplier = read_row(cpu, _MULTIPLIER)
    return Amx(
        palettes,
        multiplier_k=None if multiplier is None else multiplier[EBX] & 0xFF,
        multiplier_n_bytes=None if multiplier is None else multiplier[EBX] >> 8 & 0xFFFF,
    )


def decode_avx10(cpu: Cpu) -> Avx10 | None:
    """Decode leaf 24H; None where the CPU has no AVX10 or the dump does not have the leaf.

    Source: Intel AVX10 architecture specification, CPUID leaf 24H.
    """
    features, row = read_row(cpu, 7, 1), read_row(cpu, _AVX10_LEAF)
    if features is None or not features[EDX] >> _AVX10_BIT & 1 or row is None:
        return None
    return Avx10(row[EBX] & 0xFF, tuple(bits for bit, bits in _LENGTHS.items() if row[EBX] >> bit & 1))
