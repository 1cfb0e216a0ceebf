"""Which hosts can run a guest?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vcpuid.answers.compare import Comparer, Compatibility
from vcpuid.answers.party import Party
from vcpuid.fleet.fleet import Fleet


class Obstacle(NamedTuple):
    """What keeps a guest from hosts: a feature, or a sentence where it is none; and from how many."""

    what: str
    hosts: int


class Placement(NamedTuple):
    """The answer.

    Attributes:
        date: The snapshot of the fleet.
        guest: Who asks.
        hosts: The hosts by answer.
        obstacles: What stands in the way, most frequent first.
        rests_on: The map that was compared by.
    """

    date: str
    guest: str
    hosts: Mapping[Compatibility, Sequence[str]]
    obstacles: tuple[Obstacle, ...]
    rests_on: str


def find_places(fleet: Fleet, guest: Party) -> Placement:
    """Find the hosts on which a guest can run, by `compare` on each distinct configuration.

    Raises:
        InputError: The definition has a model or feature that no map at hand has; or the store cannot be read.
    """
    comparer = Comparer(fleet.reader)
    answers: dict[Compatibility, list[int]] = {state: [] for state in Compatibility}
    obstacles: Counter[str] = Counter()
    for fp in fleet.configurations():
        way = comparer.guest_way(guest, fleet.offer(fp))
        answers[way.compatibility].append(fp)
        if way.compatibility is Compatibility.INCOMPATIBLE:
            names = [one.feature for one in way.missing if one.is_sure] + [f"not {name}" for name in way.forbidden]
            obstacles.update(dict.fromkeys(names or [way.reason], fleet.count_of([fp])))
    return Placement(
        fleet.date,
        guest.name,
        {state: fleet.hosts_of(fps) for state, fps in answers.items()},
        tuple(Obstacle(*pair) for pair in sorted(obstacles.items(), key=lambda pair: (-pair[1], pair[0]))),
        fleet.rests_on,
    )
