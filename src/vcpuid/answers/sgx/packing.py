"""Which guest gets enclave memory from which NUMA node: packing, without anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

# Steps of the exhaustive search, after which the quick packing is taken as it is.
_MOST_STEPS = 20_000

Part = tuple[int, int]
"""A node, and the bytes that are taken from it."""


class Packing(NamedTuple):
    """A packing.

    Attributes:
        parts: For each size, in the order in which they were given, the parts that it is made of; empty where
            there is no room for it.
        left: Node to the bytes that are left.
    """

    parts: tuple[tuple[Part, ...], ...]
    left: Mapping[int, int]


def pack(sizes: Sequence[int], free: Mapping[int, int], *, one_node: bool = False) -> Packing:
    """Place as many as can be placed, the small ones before the large where there is not room for all.

    Each is placed on one node if that can be done for all of them together; else some are made of parts from
    several nodes, unless `one_node` forbids it. The order in which sizes are given changes nothing but the order
    of the answer.
    """
    order = sorted(range(len(sizes)), key=lambda index: sizes[index])
    most = _most_by_sum([sizes[index] for index in order], sum(free.values()))
    if one_node:
        most = _most_whole([sizes[index] for index in order], most, free)
    chosen = sorted(order[:most], key=lambda index: (-sizes[index], index))
    placed = _place([sizes[index] for index in chosen], free)
    parts: list[tuple[Part, ...]] = [()] * len(sizes)
    left = dict(free)
    for index, own in zip(chosen, placed, strict=True):
        parts[index] = own
        for node, size in own:
            left[node] -= size
    return Packing(tuple(parts), left)


def _most_by_sum(ascending: Sequence[int], total: int) -> int:
    count, used = 0, 0
    while count < len(ascending) and used + ascending[count] <= total:
        used += ascending[count]
        count += 1
    return count


def _most_whole(ascending: Sequence[int], most: int, free: Mapping[int, int]) -> int:
    """Give how many of the smallest, at most `most`, can each be placed on one node."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if _place_whole(ascending[:middle][::-1], free) is None:
            high = middle - 1
        else:
            low = middle
    return low


def _place(descending: Sequence[int], free: Mapping[int, int]) -> list[tuple[Part, ...]]:
    """Place all, which their sum allows; the fewest that the quick packing leaves over are made of parts."""
    whole = _place_whole(descending, free)
    if whole is not None:
        return [((node, size),) for node, size in zip(whole, descending, strict=True)]
    left = dict(free)
    placed: dict[int, tuple[Part, ...]] = {}
    for index, node in enumerate(_best_fit(descending, left)):
        if node is not None:
            placed[index] = ((node, descending[index]),)
    for index, size in enumerate(descending):
        if index not in placed:
            placed[index] = tuple(_take(size, left))
    return [placed[index] for index in range(len(descending))]


def _take(size: int, left: dict[int, int]) -> list[Part]:
    """Take from the nodes with the most left, so that it is made of few parts."""
    parts: list[Part] = []
    for node in sorted(left, key=lambda number: (-left[number], number)):
        taken = min(size, left[node])
        if taken:
            left[node] -= taken
            size -= taken
            parts.append((node, taken))
    return sorted(parts)


def _best_fit(descending: Sequence[int], left: dict[int, int]) -> list[int | None]:
    """Give each the node that it fills best; `left` is changed."""
    nodes: list[int | None] = []
    for size in descending:
        fitting = [node for node in left if left[node] >= size]
        node = min(fitting, key=lambda number: (left[number], number)) if fitting else None
        if node is not None:
            left[node] -= size
        nodes.append(node)
    return nodes


def _place_whole(descending: Sequence[int], free: Mapping[int, int]) -> list[int] | None:
    """Give a node for each, or None where there is no such packing, or none was found in bounded time."""
    quick = _best_fit(descending, dict(free))
    found = [node for node in quick if node is not None]
    if len(found) == len(quick):
        return found
    return _Search(descending).run(dict(free))


class _Search:
    """The search through all packings, for which it remembers where there is no way on."""

    def __init__(self, descending: Sequence[int]) -> None:
        self._sizes = descending
        self._hopeless: set[tuple[int, tuple[int, ...]]] = set()

    def run(self, left: dict[int, int]) -> list[int] | None:
        """Give a node for each."""
        chosen: list[int] = []
        choices = [self._choices(0, left)]
        for _ in range(_MOST_STEPS):
            if not choices:
                return None
            if len(chosen) == len(self._sizes):
                return chosen
            if choices[-1]:
                node = choices[-1].pop()
                left[node] -= self._sizes[len(chosen)]
                chosen.append(node)
                choices.append(self._choices(len(chosen), left))
            else:
                choices.pop()
                self._hopeless.add((len(chosen), tuple(sorted(left.values()))))
                if chosen:
                    left[chosen[-1]] += self._sizes[len(chosen) - 1]
                    chosen.pop()
        return None

    def _choices(self, index: int, left: Mapping[int, int]) -> list[int]:
        """Give the nodes worth trying, the best last: one of those with equally much left."""
        if index == len(self._sizes) or (index, tuple(sorted(left.values()))) in self._hopeless:
            return []
        by_room = {room: node for node, room in sorted(left.items(), reverse=True) if room >= self._sizes[index]}
        return [by_room[room] for room in sorted(by_room, reverse=True)]
