"""What kind of core a hybrid CPU's logical CPU is."""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.decode.rows import EAX, EBX, EDX, read_row, read_subleaves
from vcpuid.terms.dump import Cpu, MissingRow

PERFORMANCE, EFFICIENCY, LOW_POWER = "performance", "efficiency", "low-power efficiency"
_FEATURES, _CACHES, _INTEL, _AMD = 7, 4, 0x1A, 0x80000026
_HYBRID_BIT, _HETEROGENEOUS_BIT = 15, 30
_INTEL_CORES = {0x20: EFFICIENCY, 0x40: PERFORMANCE}  # Atom and Core
_AMD_CORES = {0: PERFORMANCE, 1: EFFICIENCY}
_L2, _L3 = 2, 3


class CoreKind(NamedTuple):
    """A hybrid CPU's kind of core.

    Attributes:
        kind: `performance`, `efficiency` or `low-power efficiency`; None for a number that has no name yet.
        native_model: The number that tells the core's micro-architecture apart.
    """

    kind: str | None
    native_model: int


def decode_core_kind(cpu: Cpu) -> CoreKind | None:
    """Decode which kind of core a hybrid CPU's logical CPU is; None where all cores are alike.

    No leaf names Intel's low-power efficiency cores: they are those that do not reach the others' L3, and so have
    none in their leaf 4. Sources: SDM vol. 2A, CPUID, leaf 1AH; APM vol. 3, appendix E, leaf 80000026H; for cores
    without an L3 Intel's oneDNN, src/cpu/x64/platform.cpp.
    """
    intel = read_row(cpu, _INTEL)
    if _is_intel_hybrid(cpu) and intel is not None and intel[EAX]:
        kind = _INTEL_CORES.get(intel[EAX] >> 24)
        is_low_power = kind == EFFICIENCY and _lacks_l3(cpu)
        return CoreKind(LOW_POWER if is_low_power else kind, intel[EAX] & 0xFFFFFF)
    amd = read_row(cpu, _AMD)
    if amd is not None and amd[EAX] >> _HETEROGENEOUS_BIT & 1:
        return CoreKind(_AMD_CORES.get(amd[EBX] >> 28), amd[EBX] >> 24 & 0xF)
    return None


def _is_intel_hybrid(cpu: Cpu) -> bool:
    row = read_row(cpu, _FEATURES)
    return row is not None and bool(row[EDX] >> _HYBRID_BIT & 1)


def _lacks_l3(cpu: Cpu) -> bool:
    """Tell whether leaf 4 lists caches as far as an L2, and no L3; many a dump leaves out the list's end."""
    levels = {row[EAX] >> 5 & 0x7 for _, row in read_subleaves(cpu, _CACHES) if row[EAX] & 0x1F}
    return _L2 in levels and _L3 not in levels


def cores_that_fit(cpu: Cpu) -> tuple[str, ...]:
    """Give the kinds of core that a CPU may be, likeliest first; on a CPU with cores alike, performance.

    Empty where a hybrid CPU does not tell, or the dump does not tell whether the CPU is hybrid.
    """
    told = decode_core_kind(cpu)
    if told is not None and told.kind is not None:
        return (LOW_POWER, EFFICIENCY) if told.kind == LOW_POWER else (told.kind,)
    is_told = read_row(cpu, _FEATURES) is not None or cpu.missing is MissingRow.ZERO
    return () if told is not None or _is_intel_hybrid(cpu) or not is_told else (PERFORMANCE,)
