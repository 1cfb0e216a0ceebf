"""The micro-architecture levels x86-64-v1 to v4, which distributions and compilers build for."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import NamedTuple

from vcpuid.decode.rows import load_decode_table


class Level(NamedTuple):
    """The highest level that a CPU meets.

    Attributes:
        number: 1 to 4; 0 for a CPU that does not meet the first (without 64-bit mode for one).
        missing: Features that the next level asks for and the CPU lacks.
    """

    number: int
    missing: tuple[str, ...]

    @property
    def name(self) -> str | None:
        """The level as compilers write it, `x86-64-v3`; None below the first."""
        return f"x86-64-v{self.number}" if self.number else None


@cache
def _levels() -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(row["features"].split()) for row in load_decode_table("levels"))


def decode_level(features: Collection[str]) -> Level:
    """Give the highest level whose features, and those of the levels below, are all among `features`.

    Source: x86-64 psABI, micro-architecture levels.
    """
    has = frozenset(features)
    for number, wanted in enumerate(_levels()):
        missing = tuple(name for name in wanted if name not in has)
        if missing:
            return Level(number, missing)
    return Level(len(_levels()), ())


def features_of_level(name: str) -> tuple[str, ...]:
    """Give the features of a level and of those between it and the first; nothing where the name is no level's.

    Every CPU with a 64-bit mode has those of the first, which alone are given for `x86-64-v1`.

    Source: x86-64 psABI, micro-architecture levels.
    """
    numbers = {f"x86-64-v{number}": number for number, _ in enumerate(_levels(), 1)}
    number = numbers.get(name.strip().lower(), 0)
    return (
        tuple(feature for level in _levels()[min(number - 1, 1) : number] for feature in level) if number else ()
    )
