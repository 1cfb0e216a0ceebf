"""Resource director: caches and memory bandwidth, watched and shared out by class of service."""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.decode.rows import EAX, EBX, ECX, EDX, read_row
from vcpuid.terms.dump import Cpu

_MONITORING, _ALLOCATION, _AMD = 0xF, 0x10, 0x80000020
_EVENTS = ("L3 occupancy", "total memory bandwidth", "local memory bandwidth")
_CACHES = ((1, "L3"), (2, "L2"))
_BANDWIDTH = 3


class CacheShares(NamedTuple):
    """How a cache can be shared out.

    Attributes:
        cache: `L2` or `L3`.
        mask_bits: Bits of a class's mask.
        shared_with_others: Bits that stand for parts which other agents use too.
        classes: Classes of service.
        has_code_and_data: Whether code and data can have a mask each.
        allows_gaps: Whether a mask's bits need not be neighbours.
    """

    cache: str
    mask_bits: int
    shared_with_others: int
    classes: int
    has_code_and_data: bool
    allows_gaps: bool


class Rdt(NamedTuple):
    """What can be watched and shared out.

    Attributes:
        rmids: Resource-monitoring ids; None where nothing can be monitored.
        events: What can be monitored, in words.
        counter_scale_bytes: Bytes of one count; None where nothing is told.
        caches: How caches can be shared out.
        bandwidth_classes: Classes of service of memory bandwidth; None where it cannot be throttled.
        bandwidth_max_delay: The highest throttling value (Intel), else None.
        is_bandwidth_linear: Whether the throttling is linear (Intel), else None.
    """

    rmids: int | None
    events: tuple[str, ...]
    counter_scale_bytes: int | None
    caches: tuple[CacheShares, ...]
    bandwidth_classes: int | None
    bandwidth_max_delay: int | None
    is_bandwidth_linear: bool | None


def decode_rdt(cpu: Cpu) -> Rdt | None:
    """Decode leaves 0FH, 10H and 80000020H; None where none of them offers anything.

    Sources: SDM vol. 2A, CPUID, leaves 0FH and 10H; APM vol. 3, appendix E, leaf 80000020H.
    """
    monitoring, offered = read_row(cpu, _MONITORING), read_row(cpu, _ALLOCATION)
    can_monitor = monitoring is not None and monitoring[EDX] >> 1 & 1
    l3 = read_row(cpu, _MONITORING, 1) if can_monitor else None
    resources = 0 if offered is None else offered[EBX]
    caches = tuple(
        CacheShares(
            cache=name,
            mask_bits=(row[EAX] & 0x1F) + 1,
            shared_with_others=row[EBX],
            classes=(row[EDX] & 0xFFFF) + 1,
            has_code_and_data=bool(row[ECX] >> 2 & 1),
            allows_gaps=bool(row[ECX] >> 3 & 1),
        )
        for subleaf, name in _CACHES
        if resources >> subleaf & 1 and (row := read_row(cpu, _ALLOCATION, subleaf)) is not None
    )
    intel = read_row(cpu, _ALLOCATION, _BANDWIDTH) if resources >> _BANDWIDTH & 1 else None
    amd_offered = read_row(cpu, _AMD)
    amd = read_row(cpu, _AMD, 1) if amd_offered is not None and amd_offered[EBX] >> 1 & 1 else None
    bandwidth = intel or amd
    if not (can_monitor or caches or bandwidth):
        return None
    return Rdt(
        rmids=l3[ECX] + 1 if l3 is not None else None,
        events=tuple(name for bit, name in enumerate(_EVENTS) if l3 is not None and l3[EDX] >> bit & 1),
        counter_scale_bytes=l3[EBX] if l3 is not None else None,
        caches=caches,
        bandwidth_classes=(bandwidth[EDX] & 0xFFFF) + 1 if bandwidth else None,
        bandwidth_max_delay=(intel[EAX] & 0xFFF) + 1 if intel else None,
        is_bandwidth_linear=bool(intel[ECX] >> 2 & 1) if intel else None,
    )
