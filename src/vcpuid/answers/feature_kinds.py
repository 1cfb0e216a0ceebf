"""What a feature is about, in two or three words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vcpuid.atlas.tables import load_table
from vcpuid.terms.address import CpuidRegister
from vcpuid.terms.feature import Feature

_TABLES = str(Path(__file__).parent / "tables")
OTHER = "other features"


class _Kind(NamedTuple):
    """A row of the table."""

    kind: str
    names: re.Pattern[str]
    leaves: frozenset[int]
    msrs: tuple[tuple[int, int], ...]

    def has(self, feature: Feature) -> bool:
        """Tell whether a feature is of this kind."""
        if self.names.fullmatch(feature.name):
            return True
        words = [bits.word for bits in feature.bits]
        return bool(words) and all(
            word.leaf in self.leaves
            if isinstance(word, CpuidRegister)
            else any(first <= word.index <= last for first, last in self.msrs)
            for word in words
        )


@cache
def _kinds() -> tuple[_Kind, ...]:
    return tuple(_make_kind(row) for row in load_table("feature_kinds", _TABLES))


def _make_kind(row: dict[str, str]) -> _Kind:
    leaves, msrs = set(), []
    for place in row["places"].split():
        if place.startswith("msr."):
            first, _, last = place.removeprefix("msr.").partition("-")
            msrs.append((int(first, 16), int(last or first, 16)))
        else:
            leaves.add(int(place, 16))
    names = "|".join(translate(name) for name in row["names"].split())
    return _Kind(row["kind"], re.compile(names), frozenset(leaves), tuple(msrs))


def feature_kinds() -> tuple[str, ...]:
    """Give all kinds, in the order in which a list of features has them."""
    return (*(kind.kind for kind in _kinds()), OTHER)


def kind_of_feature(features: Iterable[Feature]) -> str:
    """Give what features that are one bit, or one name, are about."""
    for feature in features:
        for kind in _kinds():
            if kind.has(feature):
                return kind.kind
    return OTHER
