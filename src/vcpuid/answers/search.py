"""What does the atlas have for a text of people: a name or a part of one, a word, an address, a leaf, an MSR?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from vcpuid.answers.explain import Explanation, explain
from vcpuid.answers.leaf import LeafSummary, list_leaves
from vcpuid.answers.msr import MsrSummary, list_msrs
from vcpuid.answers.pasted import pasted_name
from vcpuid.atlas import AnyField, Atlas
from vcpuid.errors import UnknownNameError, UsageError
from vcpuid.terms.address import parse_hexadecimal
from vcpuid.terms.feature import Feature

MOST_HITS = 50
_NUMBER = r"((?:0x)?[0-9a-f]{1,8}h?|[0-9a-f]{4}_[0-9a-f]{4})"
# Leaf and subleaf as in 7:0, CPUID.7.1, cpuid(0xd, 1), leaf 7 subleaf 2: a leaf is shown with all its subleaves.
_LEAF = re.compile(
    rf"(?:(?:cpuid|leaf|eax|fn)[ .=(]*)?{_NUMBER}(?:[ .,:]+(?:(?:subleaf|ecx)[ =]*)?(?:0x)?[0-9a-f]{{1,3}}h?)?\)?",
    re.IGNORECASE,
)
_MSR = re.compile(rf"(?:(?:rd)?msr[ .(]*)?{_NUMBER}\)?", re.IGNORECASE)


class Found(NamedTuple):
    """What there is for a text.

    Attributes:
        text: The text, without blanks around it.
        read_as: What was looked for, where the text is that with something around it; else None.
        explanation: The answer of `explain`, where the text is a whole name, an address or a value; else None.
        error: Why there is no such answer; None where there is one, and for no text.
        features: Features of which a name, the title or the description has the text; the nearest first.
        fields: Fields of which the name has the text, and which are none of these features.
        leaves: Leaves of which it is the number, or a part of the title.
        msrs: MSRs of which it is the index, or a part of a name or of the title.
    """

    text: str
    read_as: str | None
    explanation: Explanation | None
    error: UsageError | None
    features: tuple[Feature, ...]
    fields: tuple[AnyField, ...]
    leaves: tuple[LeafSummary, ...]
    msrs: tuple[MsrSummary, ...]


def search(text: str, atlas: Atlas | None = None) -> Found:
    """Search in every dialect, upper and lower case and dashes and underscores being the same.

    Of several words each must be there. What is pasted with something around it, as `+sgx` or `sgx=on`, is looked
    for without that if there is no such name.
    """
    atlas = atlas or Atlas.load()
    text = text.strip()
    if not text:
        return Found(text, None, None, None, (), (), (), ())
    leaves, msrs = _leaves(text, atlas), _msrs(text, atlas)
    explanation, error = None, None
    try:
        explanation = explain(text, None, atlas)
    except UsageError as why_not:
        error = why_not
    if isinstance(error, UnknownNameError) and (inner := pasted_name(text)) != text:
        return search(inner, atlas)._replace(text=text, read_as=inner)
    features = _features(text, atlas)
    fields = _fields(text, atlas, features)
    if isinstance(error, UnknownNameError) and (features or fields or leaves or msrs):
        error = None  # a part of a name is a good question
    return Found(text, None, explanation, error, features[:MOST_HITS], fields[:MOST_HITS], leaves, msrs)


def _fold(text: str) -> str:
    return text.lower().replace("_", "-")


@cache
def _names(atlas: Atlas) -> tuple[tuple[tuple[str, ...], str, Feature], ...]:
    """Give each feature's names and what is said of it, folded."""
    return tuple(
        (
            tuple({_fold(name) for name in (feature.name, *_spellings(feature))}),
            _fold(f"{feature.title} {feature.description}"),
            feature,
        )
        for feature in atlas.features()
    )


def _spellings(feature: Feature) -> list[str]:
    return [name.text for names in feature.names.values() for name in names]


def _features(text: str, atlas: Atlas) -> tuple[Feature, ...]:
    folded = _fold(text)
    words = re.split(r"[\s/]+", folded)
    ranked = []
    for number, (names, said, feature) in enumerate(_names(atlas)):
        rank = min((_rank(name, folded) for name in names), default=_NO_RANK)
        if rank == _NO_RANK and all(word in said or any(word in name for name in names) for word in words):
            rank = _SAID
        if rank != _NO_RANK:
            ranked.append((rank, number, feature))
    return tuple(feature for _, _, feature in sorted(ranked, key=lambda hit: hit[:2]))


_SAID, _NO_RANK = 3, 4


def _rank(name: str, text: str) -> int:
    if name == text:
        return 0
    if name.startswith(text):
        return 1
    return 2 if text in name else _NO_RANK


def _fields(text: str, atlas: Atlas, features: tuple[Feature, ...]) -> tuple[AnyField, ...]:
    folded = _fold(text)
    shown = {bits for feature in features for bits in feature.bits}
    return tuple(
        field for field in _all_fields(atlas) if folded in _fold(field.name) and field.bits() not in shown
    )


def _all_fields(atlas: Atlas) -> Iterator[AnyField]:
    """Walk the fields of every leaf, then those of every MSR; what MSRs share once."""
    for leaf in atlas.field_table.leaves:
        yield from atlas.field_table.of_leaf(leaf)
    for msr in atlas.msr_table.msrs.values():
        if msr.layout == msr.word:
            yield from atlas.msr_table.of_msr(msr.word.index)


def _leaves(text: str, atlas: Atlas) -> tuple[LeafSummary, ...]:
    match = _LEAF.fullmatch(text)
    number = parse_hexadecimal(match[1].replace("_", "")) if match else None
    return tuple(leaf for leaf in list_leaves(atlas) if leaf.leaf == number or text.lower() in leaf.title.lower())


def _msrs(text: str, atlas: Atlas) -> tuple[MsrSummary, ...]:
    match = _MSR.fullmatch(text)
    index = parse_hexadecimal(match[1].replace("_", "")) if match else None
    folded = _fold(text)
    return tuple(
        one
        for one in list_msrs(atlas)
        if one.msr.word.index == index
        or any(folded in _fold(said) for said in (one.msr.name, *one.msr.aliases, one.msr.title))
    )
