"""What several registers say together, where two CPUs differ in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from vcpuid.decode.facts import Facts
from vcpuid.decode.rows import REGISTERS, load_decode_table, parse_span
from vcpuid.decode.words import describe_cache, describe_tlb, name_cache, name_tlb

Key = tuple[int, int]
_ABSENT = "none"
# Of a cache's parts, those that are always told; the rest only where they differ.
_MAIN_PARTS = 2


class Meaning(NamedTuple):
    """Something that several registers say together, where it differs.

    Attributes:
        topic: Which fact it is of: vendor, brand, model, micro-architecture, level, caches, tlbs.
        name: What it is: the topic itself, or one cache or kind of TLB.
        before: What the first side says.
        after: What the second side says.
    """

    topic: str
    name: str
    before: str
    after: str


@cache
def _told() -> dict[tuple[int, str], list[tuple[int, frozenset[str]]]]:
    """Give the masks of a leaf's register, each with the topics that tell its bits."""
    index: dict[tuple[int, str], list[tuple[int, frozenset[str]]]] = {}
    for row in load_decode_table("told"):
        low, high = parse_span(row["bits"])
        entry = (2 << high) - (1 << low), frozenset(row["topics"].split())
        index.setdefault((int(row["leaf"], 16), row["register"]), []).append(entry)
    return index


def is_told(topics: Collection[str], leaf: int, register: str, mask: int) -> bool:
    """Tell whether some of these topics tells all of these bits."""
    return any(not mask & ~own and not of.isdisjoint(topics) for own, of in _told().get((leaf, register), ()))


def _is_about(topic: str, leaf: int) -> bool:
    return any(topic in topics for register in REGISTERS for _, topics in _told().get((leaf, register), ()))


def compare_meanings(before: Facts, after: Facts, untold: Collection[Key]) -> Iterator[Meaning]:
    """Compare what several registers say together; `untold` are the rows that only one side's dump has."""
    for topic, describe in _SCALARS.items():
        one, other = describe(before), describe(after)
        if one != other and one is not None and other is not None:
            yield Meaning(topic, topic, one, other)
    if not untold:
        one, other = (facts.level.name or _ABSENT for facts in (before, after))
        if one != other:
            yield Meaning("level", "level", one, other)
    yield from _compare_caches(before, after, untold)
    yield from _compare_tlbs(before, after, untold)


def _model(facts: Facts) -> str | None:
    identity = facts.identity
    if identity.family is None:
        return None
    return f"family {identity.family:#x}, model {identity.model:#x}, stepping {identity.stepping}"


def _design(facts: Facts) -> str | None:
    design = facts.identity.microarchitecture
    return design and design.name


_SCALARS: dict[str, Callable[[Facts], str | None]] = {
    "vendor": lambda facts: facts.identity.letters,
    "brand": lambda facts: facts.identity.brand,
    "model": _model,
    "micro-architecture": _design,
}


def _names_to_compare(topic: str, sides: Sequence[dict[str, frozenset[int]]], untold: Iterable[Key]) -> list[str]:
    """Give the names of what can be compared, each with the leaves that tell it.

    Where a dump lacks rows of these leaves, its list may be shorter than the CPU's, and older leaves may stand in.
    """
    before, after = sides
    names = [*before, *(name for name in after if name not in before)]
    if any(_is_about(topic, leaf) for leaf, _ in untold):
        return [name for name in names if before.get(name) == after.get(name)]
    return names


def _compare_caches(before: Facts, after: Facts, untold: Iterable[Key]) -> Iterator[Meaning]:
    first, second = ({name_cache(cache): cache for cache in facts.caches} for facts in (before, after))
    leaves = [{name: frozenset((cache.leaf,)) for name, cache in side.items()} for side in (first, second)]
    for name in _names_to_compare("caches", leaves, untold):
        one, other = (describe_cache(side[name]) if name in side else () for side in (first, second))
        if one != other:
            differing = [place for place, (old, new) in enumerate(zip(one, other, strict=False)) if old != new]
            shown = [
                place for place in range(4) if place < _MAIN_PARTS or place in differing or not (one and other)
            ]
            texts = [
                ", ".join(filter(None, (side[at] for at in shown))) if side else _ABSENT for side in (one, other)
            ]
            yield Meaning("caches", name, texts[0], texts[1])


def _compare_tlbs(before: Facts, after: Facts, untold: Iterable[Key]) -> Iterator[Meaning]:
    sides: list[dict[str, list[str]]] = [{}, {}]
    leaves: list[dict[str, frozenset[int]]] = [{}, {}]
    for facts, texts, own in zip((before, after), sides, leaves, strict=True):
        for tlb in facts.tlbs:
            name = name_tlb(tlb)
            texts.setdefault(name, []).append(describe_tlb(tlb))
            own[name] = own.get(name, frozenset()) | {tlb.leaf}
    for name in _names_to_compare("tlbs", leaves, untold):
        one, other = (side.get(name, []) for side in sides)
        if sorted(one) != sorted(other):
            yield Meaning("tlbs", name, _without(one, other), _without(other, one))


def _without(texts: Iterable[str], others: Iterable[str]) -> str:
    """Give what one side alone says."""
    rest = list(others)
    alone = []
    for text in texts:
        if text in rest:
            rest.remove(text)
        else:
            alone.append(text)
    return "; ".join(alone) or _ABSENT
