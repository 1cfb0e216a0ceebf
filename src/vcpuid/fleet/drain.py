"""Can a host be emptied: which of its guests can go where, and what keeps the others."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from vcpuid.answers.compare import Comparer, Compatibility
from vcpuid.errors import UsageError
from vcpuid.fleet import queries
from vcpuid.fleet.moving import Guest, Step, leave, read_guest
from vcpuid.fleet.store import Fleet
from vcpuid.fleet.which_hosts import Obstacle


class Exit(NamedTuple):
    """One guest.

    Attributes:
        guest: Its name.
        running: Whether it runs: then it is to migrate, else it is started elsewhere.
        compatibility: Whether any host can take it.
        hosts: The hosts that can, or may where none is sure to.
        obstacles: What keeps it from how many hosts, most frequent first.
    """

    guest: str
    running: bool
    compatibility: Compatibility
    hosts: tuple[str, ...]
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
    found = fleet.engine.rows(queries.HOST, [host])
    if not found:
        raise UsageError("no host of this name in the fleet", found=repr(host), next_step=_NAMES)
    ((own,),) = found
    places = {other: (fp, place) for fp, other, place in fleet.places(within)}
    targets: dict[int, list[str]] = {}
    for other, (fp, place) in places.items():
        if other != host and place == places[host][1]:
            targets.setdefault(fp, []).append(other)
    configurations = fleet.configurations()
    offers = {fp: configurations[fp].offer(fleet.reader, "the target") for fp in {own, *targets}}
    comparer = Comparer(fleet.reader)
    judged: dict[Guest, Exit] = {}
    exits = []
    for name, running, asked, got, accelerator, machine, domain in fleet.engine.rows(queries.GUESTS_OF, [host]):
        guest = read_guest(asked, got, running=running, accelerator=accelerator, machine=machine, domain=domain)
        if guest not in judged:
            steps = {fp: leave(comparer, guest, offers[own], offers[fp]) for fp in targets}
            judged[guest] = _exit(guest, steps, targets)
        exits.append(judged[guest]._replace(guest=name))
    exits.sort(key=lambda one: (_WORST_FIRST.index(one.compatibility), one.guest))
    common = f"{within} {places[host][1] or '(none)'}" if within else ""
    count = sum(len(names) for names in targets.values())
    return Drain(fleet.date, host, common, count, tuple(exits), fleet.reader.models.title)


_NAMES = "Hosts are called as in their snapshots, else by their files."


def _exit(guest: Guest, steps: dict[int, Step], targets: dict[int, list[str]]) -> Exit:
    hosts: dict[Compatibility, list[str]] = {state: [] for state in Compatibility}
    obstacles: Counter[str] = Counter()
    for fp, step in steps.items():
        hosts[step.compatibility] += targets[fp]
        if step.compatibility is not Compatibility.COMPATIBLE:
            whats = step.features or (step.reason,)
            obstacles.update(dict.fromkeys(whats, len(targets[fp])))
    state = next(
        (state for state in (Compatibility.COMPATIBLE, Compatibility.UNKNOWN) if hosts[state]),
        Compatibility.INCOMPATIBLE,
    )
    able = () if state is Compatibility.INCOMPATIBLE else tuple(sorted(hosts[state]))
    ordered = sorted(obstacles.items(), key=lambda pair: (-pair[1], pair[0]))
    return Exit("", guest.running, state, able, tuple(Obstacle(*pair) for pair in ordered))
