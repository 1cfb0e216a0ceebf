"""Performance monitoring: counters and the events that every such CPU can count."""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.decode.identity import signature_of, vendor_of
from vcpuid.decode.rows import EAX, EBX, ECX, read_row
from vcpuid.terms.dump import Cpu

_LEAF, _EXTENDED_LEAF, _AMD_LEAF = 0xA, 0x23, 0x80000022
# AMD has counters since its family 6, the K7 (AMD Athlon processor x86 code optimization guide 22007, appendix D).
_FIRST_AMD_FAMILY = 6
_FIRST_VERSION_WITH_FIXED, _FIRST_VERSION_WITH_MAP = 2, 5
_AMD_CORE_COUNTERS_BIT, _AMD_LEGACY_COUNTERS, _AMD_EXTENDED_COUNTERS = 23, 4, 6
# The architectural events, by the bit of EBX that says that one is NOT there.
_EVENTS = (
    "core cycles",
    "instructions retired",
    "reference cycles",
    "last-level cache references",
    "last-level cache misses",
    "branches retired",
    "branch mispredicts retired",
    "top-down slots",
    "top-down backend bound",
    "top-down bad speculation",
    "top-down frontend bound",
    "top-down retiring",
    "LBR inserts",
)


class Pmu(NamedTuple):
    """The core's performance counters.

    Attributes:
        version: The architecture's version (Intel), or that of AMD's PerfMon; 0 for AMD's first kind.
        counters: General counters of a CPU.
        counter_bits: Their width; None where it is not told.
        fixed_counters: Numbers of the fixed counters.
        fixed_counter_bits: Their width; None where it is not told.
        events: The architectural events that the CPU counts.
        lbr_entries: Entries of the last-branch stack (AMD), else None.
        northbridge_counters: Counters of the data fabric (AMD), else None.
    """

    version: int
    counters: int
    counter_bits: int | None
    fixed_counters: tuple[int, ...]
    fixed_counter_bits: int | None
    events: tuple[str, ...]
    lbr_entries: int | None
    northbridge_counters: int | None


def decode_pmu(cpu: Cpu) -> Pmu | None:
    """Decode leaves 0AH and 23H, or AMD's 80000022H and 80000001H; None where none of them tells.

    Sources: SDM vol. 2A, CPUID, leaves 0AH and 23H; APM vol. 3, appendix E, leaf 80000022H.
    """
    row = read_row(cpu, _LEAF)
    if row is not None and row[EAX] & 0xFF:
        return _intel(cpu)
    return _amd(cpu) if vendor_of(cpu) in ("amd", "hygon") else None


def _intel(cpu: Cpu) -> Pmu:
    eax, ebx, ecx, edx = read_row(cpu, _LEAF) or (0, 0, 0, 0)
    version, counters = eax & 0xFF, eax >> 8 & 0xFF
    fixed = (1 << (edx & 0x1F)) - 1 if version >= _FIRST_VERSION_WITH_FIXED else 0
    fixed |= ecx if version >= _FIRST_VERSION_WITH_MAP else 0
    head = read_row(cpu, _EXTENDED_LEAF)
    extended = read_row(cpu, _EXTENDED_LEAF, 1) if head is not None and head[EAX] >> 1 & 1 else None
    if extended is not None:
        counters, fixed = extended[EAX].bit_count(), extended[EBX]
    told_events = min(eax >> 24, len(_EVENTS))
    return Pmu(
        version=version,
        counters=counters,
        counter_bits=eax >> 16 & 0xFF,
        fixed_counters=tuple(number for number in range(32) if fixed >> number & 1),
        fixed_counter_bits=edx >> 5 & 0xFF if version >= _FIRST_VERSION_WITH_FIXED else None,
        events=tuple(name for bit, name in enumerate(_EVENTS[:told_events]) if not ebx >> bit & 1),
        lbr_entries=None,
        northbridge_counters=None,
    )


def _amd(cpu: Cpu) -> Pmu | None:
    row, features = read_row(cpu, _AMD_LEAF), read_row(cpu, 0x80000001)
    if row is not None and row[EAX] & 1:
        version, counters, lbr, northbridge = 2, row[EBX] & 0xF, row[EBX] >> 4 & 0x3F, row[EBX] >> 10 & 0x3F
        return Pmu(version, counters, None, (), None, (), lbr, northbridge)
    signature = signature_of(cpu)
    if features is None or signature is None or signature.family < _FIRST_AMD_FAMILY:
        return None
    has_extended = features[ECX] >> _AMD_CORE_COUNTERS_BIT & 1
    counters = _AMD_EXTENDED_COUNTERS if has_extended else _AMD_LEGACY_COUNTERS
    return Pmu(0, counters, None, (), None, (), None, None)
