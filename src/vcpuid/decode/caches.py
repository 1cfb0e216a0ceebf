"""Caches, from the best of the four ways in which CPUs tell them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vcpuid.decode.descriptors import LEAF as DESCRIPTOR_LEAF
from vcpuid.decode.descriptors import decode_descriptors
from vcpuid.decode.identity import signature_of, vendor_of
from vcpuid.decode.rows import ECX, EDX, read_row, read_subleaves
from vcpuid.terms.dump import Cpu, MissingRow, Registers

_TOPOEXT_BIT = 22
_KINDS = {1: "data", 2: "instruction", 3: "unified"}
_ORDER = tuple(_KINDS.values())
FULLY = 0xF
# AMD's four-bit code to the number of ways (APM vol. 3, appendix E, leaf 80000006H).
_WAYS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 16, 10: 32, 11: 48, 12: 64, 13: 96, 14: 128}
_KIB = 1024
_FULL_WAYS_OF_L1 = 0xFF
_C3_FAMILY, _C3_MODELS_LIKE_L1, _C3_NEHEMIAH = 6, (7, 8), 9


class Cache(NamedTuple):
    """One cache as this CPU sees it.

    Attributes:
        level: 1 to 4.
        kind: `data`, `instruction` or `unified`.
        size_bytes: Its size.
        ways: Its associativity; None where it is not told, or where the cache is fully associative.
        line_bytes: Bytes of a line.
        partitions: Physical lines of a line's tag; None where it is not told.
        sets: Number of sets; None where it is not told.
        shared_by: The most CPUs that may share it, as APIC ids are given out; None where it is not told.
        is_fully_associative: Whether any line may hold any address.
        is_inclusive: Whether it holds all that lower levels hold; None where it is not told.
        leaf: The leaf that tells.
    """

    level: int
    kind: str
    size_bytes: int
    ways: int | None
    line_bytes: int
    partitions: int | None
    sets: int | None
    shared_by: int | None
    is_fully_associative: bool
    is_inclusive: bool | None
    leaf: int


class TraceCache(NamedTuple):
    """NetBurst's cache of decoded code, which has no size in bytes.

    Attributes:
        micro_ops: Micro-operations that it holds.
        ways: Its associativity.
    """

    micro_ops: int
    ways: int | None


def decode_caches(cpu: Cpu) -> tuple[Cache, ...]:
    """Decode the caches, lowest level first; empty where the dump tells none.

    A dump may have the first subleaves of a list and not its end: older leaves tell the other caches then.
    Sources: SDM vol. 2A, CPUID, leaves 02H and 04H; APM vol. 3, appendix E, leaves 80000005H, 80000006H and
    8000001DH, which counts only with the topology extensions (80000001H ECX bit 22).
    """
    extended = read_row(cpu, 0x80000001)
    caches, is_whole = _deterministic(cpu, 4)
    if not caches and extended is not None and extended[ECX] >> _TOPOEXT_BIT & 1:
        caches, is_whole = _deterministic(cpu, 0x8000001D)
    if not caches or not is_whole:
        told = {(cache.level, cache.kind) for cache in caches}
        older = tuple(_by_descriptors(cpu)) or tuple(_by_size_leaves(cpu))
        caches += tuple(cache for cache in older if (cache.level, cache.kind) not in told)
    return tuple(sorted(caches, key=_place))


def _place(cache: Cache) -> tuple[int, int]:
    return cache.level, _ORDER.index(cache.kind)


def cache_shift(cache: Cache) -> int | None:
    """Give the APIC id's bits below the number of a cache; None where it is not told who shares it.

    Source: SDM vol. 3A, section on processor topology.
    """
    return None if cache.shared_by is None else (cache.shared_by - 1).bit_length()


def decode_trace_cache(cpu: Cpu) -> TraceCache | None:
    """Decode leaf 2's descriptors 70H to 73H; None for a CPU without a trace cache.

    Source: SDM vol. 2A, CPUID, leaf 02H.
    """
    for told in decode_descriptors(cpu):
        if told.kind == "trace" and told.entries:
            return TraceCache(told.entries, told.ways)
    return None


def ways_of(code: int) -> int | None:
    """Give the ways of AMD's four-bit code; None for fully associative and for codes without a number."""
    return _WAYS.get(code)


def _deterministic(cpu: Cpu, leaf: int) -> tuple[tuple[Cache, ...], bool]:
    """Give the caches of a list, and whether the dump has its end."""
    caches = []
    is_whole = cpu.missing is MissingRow.ZERO
    for _, (eax, ebx, ecx, edx) in read_subleaves(cpu, leaf):
        kind = _KINDS.get(eax & 0x1F)
        if kind is None:  # 0 ends the list; other numbers have no meaning yet
            is_whole = True
            break
        line, partitions, ways, sets = (ebx & 0xFFF) + 1, (ebx >> 12 & 0x3FF) + 1, (ebx >> 22) + 1, ecx + 1
        is_full = bool(eax >> 9 & 1)
        caches.append(
            Cache(
                level=eax >> 5 & 0x7,
                kind=kind,
                size_bytes=line * partitions * ways * sets,
                ways=None if is_full else ways,
                line_bytes=line,
                partitions=partitions,
                sets=sets,
                shared_by=(eax >> 14 & 0xFFF) + 1,
                is_fully_associative=is_full,
                is_inclusive=bool(edx >> 1 & 1),
                leaf=leaf,
            )
        )
    return tuple(caches), is_whole


def _by_descriptors(cpu: Cpu) -> Iterator[Cache]:
    for told in decode_descriptors(cpu):
        if told.kind in _KINDS.values() and told.size_kib:
            yield Cache(
                level=told.level or 0,
                kind=told.kind,
                size_bytes=told.size_kib * _KIB,
                ways=told.ways,
                line_bytes=told.line_bytes or 0,
                partitions=None,
                sets=None,
                shared_by=None,
                is_fully_associative=told.is_fully_associative,
                is_inclusive=None,
                leaf=DESCRIPTOR_LEAF,
            )


def _by_size_leaves(cpu: Cpu) -> Iterator[Cache]:
    first, second = read_row(cpu, 0x80000005), read_row(cpu, 0x80000006)
    if first is not None and vendor_of(cpu) != "intel":  # Intel's leaf is reserved
        for kind, word in (("data", first[ECX]), ("instruction", first[EDX])):
            ways, is_full = word >> 16 & 0xFF, word >> 16 & 0xFF == _FULL_WAYS_OF_L1
            yield from _sized(1, kind, word >> 24, None if is_full else ways, word, is_full=is_full)
    if second is not None:
        yield from _early_c3(cpu, second) or _l2(second)
        code = second[EDX] >> 12 & 0xF
        if code:
            halves = second[EDX] >> 18
            yield from _sized(3, "unified", halves * 512, ways_of(code), second[EDX], is_full=code == FULLY)


def _sized(level: int, kind: str, kib: int, ways: int | None, word: int, *, is_full: bool) -> Iterator[Cache]:
    if kib:
        yield Cache(
            level=level,
            kind=kind,
            size_bytes=kib * _KIB,
            ways=ways,
            line_bytes=word & 0xFF,
            partitions=None,
            sets=None,
            shared_by=None,
            is_fully_associative=is_full,
            is_inclusive=None,
            leaf=0x80000005 if level == 1 else 0x80000006,
        )


def _l2(row: Registers) -> Iterator[Cache]:
    code = row[ECX] >> 12 & 0xF
    if code:
        yield from _sized(2, "unified", row[ECX] >> 16, ways_of(code), row[ECX], is_full=code == FULLY)


def _early_c3(cpu: Cpu, row: Registers) -> tuple[Cache, ...] | None:
    """Decode the L2 of VIA's C3 by rules of its own; None for every other CPU.

    Models 7 and 8 tell it as leaf 80000005H tells an L1. Model 9 may leave out the ways (VIA C3 data sheets).
    """
    signature = signature_of(cpu)
    if vendor_of(cpu) != "centaur" or signature is None or signature.family != _C3_FAMILY:
        return None
    word = row[ECX]
    if signature.model in _C3_MODELS_LIKE_L1:
        return tuple(_sized(2, "unified", word >> 24, word >> 16 & 0xFF, word, is_full=False))
    if signature.model != _C3_NEHEMIAH:
        return None
    return tuple(_sized(2, "unified", word >> 16, ways_of(word >> 12 & 0xF), word, is_full=False))
