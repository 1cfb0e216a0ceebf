"""Translation look-aside buffers, by the leaf that tells them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vcpuid.decode.caches import FULLY, ways_of
from vcpuid.decode.descriptors import LEAF as DESCRIPTOR_LEAF
from vcpuid.decode.descriptors import decode_descriptors
from vcpuid.decode.identity import vendor_of
from vcpuid.decode.rows import EAX, EBX, read_row, read_subleaves
from vcpuid.terms.dump import Cpu

_DETERMINISTIC = 0x18
_KINDS = {1: "data", 2: "instruction", 3: "unified", 4: "load", 5: "store"}
_PAGES = ("4 KiB", "2 MiB", "4 MiB", "1 GiB")
_AMD_LEAVES = (
    # leaf, level, and of each register the pages that it is about
    (0x80000005, 1, ((EAX, ("2 MiB", "4 MiB")), (EBX, ("4 KiB",)))),
    (0x80000006, 2, ((EAX, ("2 MiB", "4 MiB")), (EBX, ("4 KiB",)))),
)
_FULL_WAYS = 0xFF
_EXTENDED_FEATURES_2, _L2_TLB_SIZE_X32 = 0x80000021, 14
_SCALED_ENTRIES = 32


class Tlb(NamedTuple):
    """One translation look-aside buffer.

    Attributes:
        level: 1 or 2; None where it is not told.
        kind: `data`, `instruction`, `unified`, `load` or `store`.
        pages: The sizes of pages that it holds.
        entries: How many.
        ways: Its associativity; None where it is not told, or where it is fully associative.
        is_fully_associative: Whether any entry may hold any page.
        shared_by: The most CPUs that may share it; None where it is not told.
        leaf: The leaf that tells.
    """

    level: int | None
    kind: str
    pages: tuple[str, ...]
    entries: int
    ways: int | None
    is_fully_associative: bool
    shared_by: int | None
    leaf: int


def decode_tlbs(cpu: Cpu) -> tuple[Tlb, ...]:
    """Decode the TLBs; empty where the dump tells none.

    Sources: SDM vol. 2A, CPUID, leaves 02H and 18H; APM vol. 3, appendix E, leaves 80000005H, 80000006H and
    80000019H.
    """
    return tuple(_deterministic(cpu)) or tuple(_by_descriptors(cpu)) or tuple(_by_size_leaves(cpu))


def _deterministic(cpu: Cpu) -> Iterator[Tlb]:
    head = read_row(cpu, _DETERMINISTIC)
    last = 0 if head is None else head[EAX]
    for subleaf, (_, ebx, ecx, edx) in read_subleaves(cpu, _DETERMINISTIC):
        if subleaf > last:
            break
        kind = _KINDS.get(edx & 0x1F)
        if kind is None:  # an invalid subleaf may stand between valid ones
            continue
        is_full = bool(edx >> 8 & 1)
        yield Tlb(
            level=edx >> 5 & 0x7,
            kind=kind,
            pages=tuple(size for bit, size in enumerate(_PAGES) if ebx >> bit & 1),
            entries=(ebx >> 16) * ecx,
            ways=None if is_full else ebx >> 16,
            is_fully_associative=is_full,
            shared_by=(edx >> 14 & 0xFFF) + 1,
            leaf=_DETERMINISTIC,
        )


def _by_descriptors(cpu: Cpu) -> Iterator[Tlb]:
    for told in decode_descriptors(cpu):
        if told.kind.endswith(" tlb") and told.entries:
            yield Tlb(
                level=told.level,
                kind=told.kind.removesuffix(" tlb"),
                pages=told.pages,
                entries=told.entries,
                ways=told.ways,
                is_fully_associative=told.is_fully_associative,
                shared_by=None,
                leaf=DESCRIPTOR_LEAF,
            )


def _by_size_leaves(cpu: Cpu) -> Iterator[Tlb]:
    if vendor_of(cpu) == "intel":  # Intel's leaves say nothing of TLBs
        return
    for leaf, level, registers in _AMD_LEAVES:
        row = read_row(cpu, leaf)
        for position, pages in registers if row is not None else ():
            word = 0 if row is None else row[position]
            if level == 1:
                yield from _l1(word, pages)
            else:
                yield from _halves(leaf, level, word, pages, _second_level_scale(cpu))
    row = read_row(cpu, 0x80000019)
    if row is not None:
        yield from _halves(0x80000019, 1, row[EAX], ("1 GiB",))
        yield from _halves(0x80000019, 2, row[EBX], ("1 GiB",), _second_level_scale(cpu))


def _second_level_scale(cpu: Cpu) -> int:
    """Give the unit of second-level sizes: 32 where the buffers outgrew their fields (APM, L2TlbSizeX32)."""
    row = read_row(cpu, _EXTENDED_FEATURES_2)
    return _SCALED_ENTRIES if row is not None and row[EAX] >> _L2_TLB_SIZE_X32 & 1 else 1


def _l1(word: int, pages: tuple[str, ...]) -> Iterator[Tlb]:
    for kind, half in (("instruction", word & 0xFFFF), ("data", word >> 16)):
        entries, ways = half & 0xFF, half >> 8
        if entries:
            is_full = ways == _FULL_WAYS
            yield Tlb(1, kind, pages, entries, None if is_full else ways, is_full, None, 0x80000005)


def _halves(leaf: int, level: int, word: int, pages: tuple[str, ...], scale: int = 1) -> Iterator[Tlb]:
    """Read a register of two halves, entries and a code for the ways; an empty data half means a unified TLB."""
    is_unified = not word >> 16
    for kind, half in (("unified" if is_unified else "instruction", word & 0xFFFF), ("data", word >> 16)):
        entries, code = half & 0xFFF, half >> 12
        if entries and code:
            is_full = code == FULLY
            yield Tlb(level, kind, pages, scale * entries, ways_of(code), is_full, None, leaf)
