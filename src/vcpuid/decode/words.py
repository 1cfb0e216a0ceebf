"""Counts, caches and TLBs in words, as summaries and comparisons write them."""

from __future__ import annotations

from vcpuid.decode.caches import Cache
from vcpuid.decode.tlbs import Tlb

_KIB, _MIB, _GIB, _TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40


def plural(count: int, name: str) -> str:
    """Write a count with its noun."""
    return f"{count} {name}" if count == 1 else f"{count} {name}{'es' if name.endswith('x') else 's'}"


def describe_size(bytes_: int) -> str:
    """Write a size in the largest unit that leaves no remainder."""
    for unit, name in ((_TIB, "TiB"), (_GIB, "GiB"), (_MIB, "MiB"), (_KIB, "KiB")):
        if bytes_ and not bytes_ % unit:
            return f"{bytes_ // unit} {name}"
    return f"{bytes_} bytes"


def describe_kind(kind: str) -> str:
    """Write the kind of a cache or TLB."""
    return "code" if kind == "instruction" else kind


def describe_ways(ways: int | None, *, is_full: bool = False) -> str:
    """Write an associativity; empty where it is not told."""
    if is_full:
        return "fully associative"
    return f"{ways}-way" if ways else ""


def name_cache(cache: Cache) -> str:
    """Name a cache by its level and kind."""
    return f"L{cache.level} {describe_kind(cache.kind)}"


def describe_cache(cache: Cache) -> tuple[str, ...]:
    """Write what a cache is, in parts: size, associativity, lines, who shares it; what is not told is empty."""
    sharing = ""
    if cache.shared_by:
        sharing = "of one thread" if cache.shared_by == 1 else f"for up to {cache.shared_by} threads"
    ways = describe_ways(cache.ways, is_full=cache.is_fully_associative)
    return describe_size(cache.size_bytes), ways, f"lines of {cache.line_bytes} bytes", sharing


def name_tlb(tlb: Tlb) -> str:
    """Name a TLB by its level and kind."""
    level = f"L{tlb.level} " if tlb.level else ""
    return f"TLB {level}{describe_kind(tlb.kind)}"


def describe_tlb(tlb: Tlb) -> str:
    """Write how many pages of which sizes a TLB holds."""
    ways = describe_ways(tlb.ways, is_full=tlb.is_fully_associative)
    return f"{tlb.entries} of {' or '.join(tlb.pages) or 'pages'}{f' {ways}' if ways else ''}"
