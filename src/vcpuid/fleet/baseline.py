"""The CPU that all hosts of a place can give: each distinct configuration is read once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from vcpuid.answers.baseline import Baseline, baseline_of
from vcpuid.answers.offer import Offer
from vcpuid.fleet.fleet import Fleet


class PlaceBaseline(NamedTuple):
    """One place's baseline.

    Attributes:
        place: The vendor, zone, cluster or label's value; empty for hosts without one, or for all.
        hosts: How many hosts it has.
        distinct: How many distinct configurations these have.
        baseline: The answer; equal hosts stand in it as one, under the name of the first.
    """

    place: str
    hosts: int
    distinct: int
    baseline: Baseline


def find_baselines(
    fleet: Fleet, by: str | None = None, only: Collection[str] | None = None
) -> tuple[PlaceBaseline, ...]:
    """Find the baseline of each place.

    Args:
        fleet: The fleet.
        by: `vendor` of the CPU, `zone`, `cluster` or a label to group hosts by; None for all hosts as one.
        only: The places that are wanted; None for all.

    Raises:
        InputError: The store cannot be read.

    Examples:
        >>> from vcpuid import fleet_baselines, open_fleet
        >>> (everywhere,) = fleet_baselines(open_fleet("fleet"))
        >>> everywhere.hosts, everywhere.baseline.cpu.model
        (2, 'Skylake-Client-IBRS')
    """
    places: dict[str, list[tuple[int, int, str]]] = {}
    for place, fp, count, host in fleet.groups(by):
        if only is None or place in only:
            places.setdefault(place, []).append((fp, count, host))
    answers = []
    for place, members in places.items():
        hosts = sum(count for _, count, _ in members)
        own = offers_of(fleet, members)
        found = baseline_of(fleet.reader, own)._replace(rests_on=fleet.rests_on)
        answers.append(PlaceBaseline(place, hosts, len(members), found))
    return tuple(answers)


def offers_of(fleet: Fleet, members: Iterable[Sequence[Any]]) -> list[Offer]:
    """Give what configurations offer: of each its fingerprint, its number of hosts, and the first of them."""
    offers = []
    for fp, count, host in members:
        name = host if count == 1 else f"{host} (and {count - 1} like it)"
        offer = fleet.offer(fp)
        offers.append(offer._replace(party=replace(offer.party, name=name)))
    return offers
