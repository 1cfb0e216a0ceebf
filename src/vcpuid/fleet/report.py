"""All that a snapshot of a fleet answers without more being given, put together."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from vcpuid.fleet.baseline import PlaceBaseline, find_baselines
from vcpuid.fleet.drift import Drift, find_drift
from vcpuid.fleet.fleet import Fleet
from vcpuid.fleet.matrix import Matrix, Sum, make_matrix
from vcpuid.fleet.summary import Summary, summarise

MOST_PLACES: Final = 40
"""So many places have a baseline of their own in a report: those with most hosts."""


class FleetReport(NamedTuple):
    """What there is to tell of a fleet.

    Attributes:
        summary: What it consists of.
        matrix: Who can receive guests from whom.
        total: What that comes to.
        together: The CPU that all hosts can give.
        by: What places are: `vendor`, `zone`, `cluster` or a label.
        places: The baseline of each place, that of most hosts first; empty where all hosts are of one place.
        left_out: How many places are left out.
        drift: What changed since an earlier snapshot; None where there is none.
    """

    summary: Summary
    matrix: Matrix
    total: Sum
    together: tuple[PlaceBaseline, ...]
    by: str
    places: tuple[PlaceBaseline, ...]
    left_out: int
    drift: Drift | None


def report_on_fleet(fleet: Fleet, by: str | None = None, before: str | None = None) -> FleetReport:
    """Ask a fleet.

    Args:
        fleet: One of its snapshots.
        by: What hosts are grouped by for baselines: `vendor`, `zone`, `cluster` or a label; None
            for zones, if there are any.
        before: The earlier snapshot with which it is compared; None for the one before, if there is any.

    Raises:
        InputError: The store cannot be read.
        UsageError: There is no snapshot of that date, or no host has such a label.
    """
    fleet.check_label(by)
    by = by or "zone"
    hosts: Counter[str] = Counter()
    for place, _, count, _ in fleet.groups(by):
        hosts[place] += count
    largest = sorted(hosts, key=lambda place: (-hosts[place], place))[:MOST_PLACES]
    matrix = make_matrix(fleet)
    places = find_baselines(fleet, by, largest) if len(hosts) > 1 else ()
    earlier = before or max((date for date in fleet.dates if date < fleet.date), default=None)
    return FleetReport(
        summary=summarise(fleet),
        matrix=matrix,
        total=matrix.sum_up(),
        together=find_baselines(fleet),
        by=by,
        places=tuple(sorted(places, key=lambda one: largest.index(one.place))),
        left_out=len(hosts) - len(largest),
        drift=find_drift(fleet, earlier) if earlier is not None else None,
    )
