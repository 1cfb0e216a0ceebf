"""Frequencies, as far as CPUID tells them: many CPUs give some of the numbers as zero."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from vcpuid.decode.identity import signature_of, vendor_of
from vcpuid.decode.rows import EAX, EBX, ECX, load_decode_table, read_row
from vcpuid.terms.dump import Cpu

_TSC_LEAF, _FREQUENCY_LEAF = 0x15, 0x16
_HZ_PER_MHZ = 1_000_000
_ROUNDING_PERCENT = 1


class Frequency(NamedTuple):
    """The frequencies that CPUID tells; each None where it does not.

    Attributes:
        base_mhz: The processor's base frequency.
        max_mhz: Its highest.
        bus_mhz: The reference clock's.
        tsc_ratio: Numerator and denominator of time-stamp counter to crystal.
        crystal_hz: The crystal clock.
        tsc_hz: The time-stamp counter's.
        tsc_from: What `tsc_hz` rests on: `crystal`, `crystal of the model` or `base frequency`.
        disagreement_percent: By how much base frequency and time-stamp counter differ, where that is more than
            rounding (1 %): one of the two is not the real one.
    """

    base_mhz: int | None
    max_mhz: int | None
    bus_mhz: int | None
    tsc_ratio: tuple[int, int] | None
    crystal_hz: int | None
    tsc_hz: int | None
    tsc_from: str | None
    disagreement_percent: float | None


@cache
def _crystals() -> dict[int, int]:
    return {
        int(model, 16): int(row["crystal_hz"])
        for row in load_decode_table("crystals")
        for model in row["models"].split()
    }


def decode_frequency(cpu: Cpu) -> Frequency | None:
    """Decode leaves 15H and 16H; None where neither says anything.

    A zero is no frequency but "not told". Source: SDM vol. 2A, CPUID, leaves 15H and 16H.
    """
    clocks = read_row(cpu, _FREQUENCY_LEAF) or (0, 0, 0, 0)
    denominator, numerator, crystal_hz, _ = read_row(cpu, _TSC_LEAF) or (0, 0, 0, 0)
    base_mhz, max_mhz, bus_mhz = (clocks[position] & 0xFFFF for position in (EAX, EBX, ECX))
    ratio = (numerator, denominator) if numerator and denominator else None
    if not (base_mhz or max_mhz or bus_mhz or ratio or crystal_hz):
        return None
    tsc_hz = tsc_from = None
    if ratio:
        tsc_from = "crystal"
        if not crystal_hz:
            crystal_hz, tsc_from = _crystal_of_model(cpu), "crystal of the model"
        if crystal_hz:
            tsc_hz = crystal_hz * numerator // denominator
        elif base_mhz:
            tsc_hz, tsc_from = base_mhz * _HZ_PER_MHZ, "base frequency"
            crystal_hz = tsc_hz * denominator // numerator
    return Frequency(
        base_mhz=base_mhz or None,
        max_mhz=max_mhz or None,
        bus_mhz=bus_mhz or None,
        tsc_ratio=ratio,
        crystal_hz=crystal_hz or None,
        tsc_hz=tsc_hz,
        tsc_from=tsc_from if tsc_hz else None,
        disagreement_percent=_disagreement(base_mhz * _HZ_PER_MHZ, tsc_hz) if base_mhz and tsc_hz else None,
    )


def _disagreement(base_hz: int, tsc_hz: int) -> float | None:
    percent = abs(base_hz - tsc_hz) * 100 / tsc_hz
    return round(percent, 1) if percent > _ROUNDING_PERCENT else None


def _crystal_of_model(cpu: Cpu) -> int:
    signature = signature_of(cpu)
    is_family_6 = vendor_of(cpu) == "intel" and signature is not None and signature.family == 6  # noqa: PLR2004
    return _crystals().get(signature.model, 0) if is_family_6 and signature is not None else 0
