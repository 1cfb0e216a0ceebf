"""The guests of the fleet against one upgraded host: who will not start there, not go there, not come back."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from vcpuid.answers.compare import Comparer, Compatibility
from vcpuid.answers.offer import OfferReader
from vcpuid.answers.party import Party
from vcpuid.errors import UsageError
from vcpuid.fleet import queries
from vcpuid.fleet.fleet import Fleet
from vcpuid.fleet.moving import Guest, Step, come_back, migrate, read_guest, start


class Move(Enum):
    """What is to be done with a guest."""

    START = "start"
    MIGRATE = "migrate"
    COME_BACK = "come back"


class Trouble(NamedTuple):
    """One thing that guests cannot do, or may not.

    Attributes:
        move: What.
        compatibility: INCOMPATIBLE where they cannot, UNKNOWN where evidence does not tell.
        reason: Why, in a sentence.
        features: For which features, each with the layer that loses it where that is known.
        is_old: Whether their own hosts could not start them either: the upgrade is not to blame.
        guests: How many guests.
        example: One of them, as host/guest.
    """

    move: Move
    compatibility: Compatibility
    reason: str
    features: tuple[str, ...]
    is_old: bool
    guests: int
    example: str


class Precheck(NamedTuple):
    """The answer.

    Attributes:
        date: The snapshot of the fleet.
        target: The upgraded host.
        guests: How many guests were judged.
        distinct: Of how many kinds they are: equal definitions on equal hosts.
        troubles: What they cannot do, then what they may not; those of most guests first.
        rests_on: The map that was compared by.
    """

    date: str
    target: Party
    guests: int
    distinct: int
    troubles: tuple[Trouble, ...]
    rests_on: str

    @property
    def compatibility(self) -> Compatibility:
        """The worst of all."""
        return self.troubles[0].compatibility if self.troubles else Compatibility.COMPATIBLE


def precheck(fleet: Fleet, target: Party) -> Precheck:
    """Judge all guests of the fleet against a host.

    Raises:
        UsageError: The target is a guest.
        InputError: A description has a model or feature that no map at hand has; or the store cannot be read.

    Examples:
        >>> from vcpuid import Snapshot, fleet_precheck, open_fleet, party_of_snapshot
        >>> upgraded = party_of_snapshot(Snapshot.read("updated/node-1.json"))
        >>> answer = fleet_precheck(open_fleet("fleet", "2026-01-31"), upgraded)
        >>> answer.guests, answer.compatibility.value
        (4, 'incompatible')
        >>> first = answer.troubles[0]
        >>> first.move.value, first.guests, first.features
        ('migrate', 2, ('hle (silicon)', 'rtm (silicon)'))
    """
    if target.is_guest:
        raise UsageError("this is a guest's definition", found=target.name, expected="an upgraded host's snapshot")
    reader: OfferReader = fleet.reader
    comparer, there = Comparer(reader), reader.read(target)
    configurations = fleet.configurations()
    offers = {fp: configuration.offer(reader, "its host") for fp, configuration in configurations.items()}
    rows = fleet.engine.rows(queries.KINDS_OF_GUESTS)
    troubles: dict[tuple[Move, Step, bool], tuple[int, str]] = {}
    for fp, count, example, running, asked, got, accelerator, machine, domain in rows:
        guest = read_guest(asked, got, running=running, accelerator=accelerator, machine=machine, domain=domain)
        here = offers[fp]
        own = start(comparer, guest, here)
        steps = {Move.START: start(comparer, guest, there)}
        if running:
            steps[Move.MIGRATE] = migrate(comparer, guest, here, there)
        if steps[Move.START].compatibility is not Compatibility.INCOMPATIBLE:
            steps[Move.COME_BACK] = come_back(comparer, guest, here, there)
        for move, step in steps.items():
            if step.compatibility is not Compatibility.COMPATIBLE:
                key = move, step, _is_old(guest, step, own)
                before, first = troubles.get(key, (0, example))
                troubles[key] = before + count, min(first, example)
    listed = (Trouble(move, *step, is_old, *found) for (move, step, is_old), found in troubles.items())
    ordered = tuple(sorted(listed, key=_by_weight))
    guests = sum(row[1] for row in rows)
    return Precheck(fleet.date, target, guests, len(rows), ordered, fleet.rests_on)


def _is_old(guest: Guest, step: Step, own: Step) -> bool:
    """Tell whether a guest could not be started on its own host either: one that runs, for the same features."""
    if own.compatibility is not Compatibility.INCOMPATIBLE:
        return False
    return not guest.running or _plain(step) <= _plain(own)


def _plain(step: Step) -> set[str]:
    """Give the features without the layers that lose them: those are known of hosts with a snapshot at hand."""
    return {feature.partition(" (")[0] for feature in step.features}


def _by_weight(one: Trouble) -> tuple[object, ...]:
    """Sort what is sure and new first, then by how many it meets."""
    is_unsure = one.compatibility is Compatibility.UNKNOWN
    return is_unsure, one.is_old, -one.guests, one.move.value, one.reason, one.features
