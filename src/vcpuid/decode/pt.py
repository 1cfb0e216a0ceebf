"""Processor Trace: what it can filter, time and write."""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.decode.rows import EAX, EBX, ECX, read_row
from vcpuid.terms.dump import Cpu

_LEAF = 0x14
_ABILITIES = (
    (EBX, 0, "CR3 filter"),
    (EBX, 1, "cycle-accurate packets"),
    (EBX, 2, "address filter"),
    (EBX, 3, "MTC packets"),
    (EBX, 4, "PTWRITE"),
    (EBX, 5, "power events"),
    (EBX, 6, "PSB and PMI preserved"),
    (EBX, 7, "event trace"),
    (EBX, 8, "TNT can be off"),
    (ECX, 0, "ToPA output"),
    (ECX, 1, "ToPA tables of any length"),
    (ECX, 2, "single-range output"),
    (ECX, 3, "trace transport output"),
    (ECX, 31, "addresses are linear"),
)


class Pt(NamedTuple):
    """What Processor Trace can do.

    Attributes:
        abilities: In words.
        address_ranges: Ranges that can be filtered by; None where the dump does not tell.
        mtc_periods: Bit n set: the MTC period code n may be used; None where the dump does not tell.
        cycle_thresholds: The same for cycle thresholds.
        psb_frequencies: The same for PSB frequencies.
    """

    abilities: tuple[str, ...]
    address_ranges: int | None
    mtc_periods: int | None
    cycle_thresholds: int | None
    psb_frequencies: int | None


def decode_pt(cpu: Cpu) -> Pt | None:
    """Decode leaf 14H; None where CPUID.07H:EBX[25] is clear or the dump does not have the leaf.

    Source: SDM vol. 2A, CPUID, leaf 14H.
    """
    features, row = read_row(cpu, 7), read_row(cpu, _LEAF)
    if row is None or not any(row) or (features is not None and not features[EBX] >> 25 & 1):
        return None
    more = read_row(cpu, _LEAF, 1)
    return Pt(
        abilities=tuple(name for position, bit, name in _ABILITIES if row[position] >> bit & 1),
        address_ranges=None if more is None else more[EAX] & 0x7,
        mtc_periods=None if more is None else more[EAX] >> 16,
        cycle_thresholds=None if more is None else more[EBX] & 0xFFFF,
        psb_frequencies=None if more is None else more[EBX] >> 16,
    )
