"""The names of many hosts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import overload


class HostNames(Sequence[str]):
    """Names of hosts in alphabetical order, of which there may be millions: looked up when they are looked at.

    Args:
        count: How many they are.
        first: Gives the first so many, or all.
    """

    def __init__(self, count: int, first: Callable[[int | None], tuple[str, ...]]) -> None:
        self._count = count
        self._first = first

    @cached_property
    def _all(self) -> tuple[str, ...]:
        return self._first(None) if self._count else ()

    def __len__(self) -> int:
        """Give how many they are, without looking any up."""
        return self._count

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[str, ...]: ...
    def __getitem__(self, place: int | slice) -> str | tuple[str, ...]:
        """Give one, or some; the first few without the others."""
        match place:
            case slice(start=None | 0, stop=int(stop), step=None | 1) if 0 <= stop < self._count:
                return self._first(stop)
            case _:
                return self._all[place]

    def __eq__(self, other: object) -> bool:
        """Tell whether they are the same names, in a tuple or not."""
        if isinstance(other, HostNames):
            return self._all == other._all
        return self._all == other

    def __hash__(self) -> int:
        """Give what equal names share."""
        return hash(self._all)

    def __repr__(self) -> str:
        """Give the names as a tuple of them is shown."""
        return repr(self._all)
