"""Can a host be emptied: which of its guests can go where, and what keeps the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from vcpuid.answers.compare import Comparer, Compatibility
from vcpuid.fleet import queries
from vcpuid.fleet.fleet import Fleet
from vcpuid.fleet.moving import Guest, Step, leave, read_guest
from vcpuid.fleet.which_hosts import Obstacle


class Exit(NamedTuple):
    """One guest.

    Attributes:
        guest: Its name.
        running: Whether it runs: then it is to migrate, else it is started elsewhere.
        compatibility: Whether any host can take it.
        hosts: The hosts that can, or may where none is sure to, in alphabetical order.
        obstacles: What keeps it from how many hosts, most frequent first.
    """

    guest: str
    running: bool
    compatibility: Compatibility
    hosts: Sequence[str]
    obstacles: tuple[Obstacle, ...]


class Drain(NamedTuple):
    """The answer.

    Attributes:
        date: The snapshot of the fleet.
        host: The host that is to be emptied.
        within: What the targets have in common with it, as in `zone north`; empty for all hosts.
        targets: How many other hosts there are.
        exits: Its guests: those that cannot leave first.
        rests_on: The map that was compared by.
    """

    date: str
    host: str
    within: str
    targets: int
    exits: tuple[Exit, ...]
    rests_on: str

    @property
    def compatibility(self) -> Compatibility:
        """Whether all guests can leave: the worst of them."""
        states = [one.compatibility for one in self.exits]
        return next((state for state in _WORST_FIRST if state in states), Compatibility.COMPATIBLE)


_WORST_FIRST = (Compatibility.INCOMPATIBLE, Compatibility.UNKNOWN, Compatibility.COMPATIBLE)


def find_exits(fleet: Fleet, host: str, within: str | None = None) -> Drain:
    """Find where the guests of a host can go. Equal guests are judged once, on each distinct configuration.

    Args:
        fleet: The fleet.
        host: The host that is to be emptied.
        within: `zone`, `cluster` or a label: only hosts with the same value are targets.

    Raises:
        UsageError: The fleet has no host of this name.
        InputError: The store cannot be read.
    """
    own, place = fleet.locate(host, within)
    counts = {fp: count for there, fp, count, _ in fleet.groups(within) if there == place}
    counts[own] -= 1
    targets = {fp: count for fp, count in counts.items() if count}

    def names(able: Iterable[int]) -> Sequence[str]:
        return fleet.neighbours_of(host, within, place, {fp: targets[fp] for fp in able})

    configurations = fleet.configurations()
    offers = {fp: configurations[fp].offer(fleet.reader, "the target") for fp in {own, *targets}}
    comparer = Comparer(fleet.reader)
    judged: dict[Guest, Exit] = {}
    exits = []
    for name, running, asked, got, accelerator, machine, domain in fleet.engine.rows(queries.GUESTS_OF, [host]):
        guest = read_guest(asked, got, running=running, accelerator=accelerator, machine=machine, domain=domain)
        if guest not in judged:
            steps = {fp: leave(comparer, guest, offers[own], offers[fp]) for fp in targets}
            judged[guest] = _exit(guest, steps, targets, names)
        exits.append(judged[guest]._replace(guest=name))
    exits.sort(key=lambda one: (_WORST_FIRST.index(one.compatibility), one.guest))
    common = f"{within} {place or '(none)'}" if within else ""
    return Drain(fleet.date, host, common, sum(targets.values()), tuple(exits), fleet.rests_on)


def _exit(
    guest: Guest,
    steps: Mapping[int, Step],
    targets: Mapping[int, int],
    names: Callable[[Iterable[int]], Sequence[str]],
) -> Exit:
    fps: dict[Compatibility, list[int]] = {state: [] for state in Compatibility}
    obstacles: Counter[str] = Counter()
    for fp, step in steps.items():
        fps[step.compatibility].append(fp)
        if step.compatibility is not Compatibility.COMPATIBLE:
            whats = step.features or (step.reason,)
            obstacles.update(dict.fromkeys(whats, targets[fp]))
    state = next(
        (state for state in (Compatibility.COMPATIBLE, Compatibility.UNKNOWN) if fps[state]),
        Compatibility.INCOMPATIBLE,
    )
    able = () if state is Compatibility.INCOMPATIBLE else names(fps[state])
    ordered = sorted(obstacles.items(), key=lambda pair: (-pair[1], pair[0]))
    return Exit("", guest.running, state, able, tuple(Obstacle(*pair) for pair in ordered))
