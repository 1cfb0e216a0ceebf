"""How a machine is built, as a JSON document that a page draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vcpuid.decode.caches import Cache
from vcpuid.decode.layout import Block, Layout, Remark, Share, decode_layout, fold, shares_of
from vcpuid.decode.machine import Machine
from vcpuid.decode.words import describe_cache, describe_size, describe_ways, name_cache, plural
from vcpuid.render.cpus import cpu_numbers
from vcpuid.render.document import Document

# A machine of more CPUs is drawn with one part for all equal ones, where there are more than a few.
_ALL_DRAWN: Final = 32
_SIDE_BY_SIDE: Final = 4
# Parts that all differ: more than a real machine has, and the page is still one.
_MOST_BLOCKS: Final = 64


def layout_document(machine: Machine, not_read: Sequence[int] = ()) -> Document:
    """Give how a machine is built; `not_read` are CPUs that the dump leaves out."""
    layout = decode_layout(machine)
    longest = _SIDE_BY_SIDE if len(machine.members) > _ALL_DRAWN else _ALL_DRAWN
    blocks = fold(layout.blocks, longest)
    return {
        "is_computed": layout.is_computed,
        "remarks": [
            *(_sentence(remark, layout, machine) for remark in layout.remarks),
            *([f"Not read: {cpu_numbers(not_read)}, isolated or offline."] if not_read else []),
        ],
        **_blocks(blocks),
        "caches": [_share(share) for share in shares_of(layout)],
    }


def _blocks(blocks: Sequence[Block]) -> Document:
    shown = [_block(block) for block in blocks[:_MOST_BLOCKS]]
    return {"blocks": shown, "more": len(blocks) - len(shown)}


def _block(block: Block) -> Document:
    return {
        "parts": list(block.parts),
        "times": block.times,
        "core_kind": block.core_kind,
        "threads": block.threads,
        "cpus": list(block.cpus),
        "caches": [_cache(cache) for cache in sorted(block.caches, key=lambda cache: (-cache.level, cache.kind))],
        **_blocks(block.blocks),
    }


def _cache(cache: Cache) -> Document:
    return {
        "level": cache.level,
        "kind": cache.kind,
        "size_bytes": cache.size_bytes,
        "size": describe_size(cache.size_bytes),
        "ways": cache.ways,
        "is_fully_associative": cache.is_fully_associative,
        "text": f"{name_cache(cache)}, {', '.join(filter(None, describe_cache(cache)[:3]))}",
    }


def _share(share: Share) -> Document:
    cache = share.cache
    return {
        "name": name_cache(cache),
        "size": describe_size(cache.size_bytes),
        "ways": describe_ways(cache.ways, is_full=cache.is_fully_associative) or None,
        "line_bytes": cache.line_bytes or None,
        "is_inclusive": cache.is_inclusive,
        "instances": share.instances,
        "threads": list(share.threads) if share.threads else None,
    }


def _sentence(remark: Remark, layout: Layout, machine: Machine) -> str:
    counted = f"CPUID counts {plural(layout.told, 'CPU')} in a package" if layout.told else ""
    match remark:
        case Remark.ONE_CPU | Remark.NOT_APART:
            count = len(machine.members)
            apart = f"The dump's {count} CPUs are not told apart by APIC ids; drawn is what the first says."
            what = "The dump has one CPU." if remark is Remark.ONE_CPU else apart
            computed = f" What stands beside it is computed, not seen: {counted}." if layout.is_computed else ""
            return f"{what}{computed} How many packages there are, and whether all CPUs are alike, is not told."
        case Remark.OTHER_CORES:
            return "The CPU has cores of several kinds: how many of each is told by the others alone."
        case Remark.FEWER:
            most = max(block.threads for block in layout.blocks)
            return f"{counted}, and the dump has {most}: the others are off, hidden, or were not read."
        case Remark.UNPLACED:
            names = ", ".join(dict.fromkeys(map(name_cache, layout.unplaced)))
            return f"Not drawn, as CPUID does not tell who shares it: {names}."
