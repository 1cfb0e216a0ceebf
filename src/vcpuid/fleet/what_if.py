"""The baseline of the fleet if hosts or features were given up, and what a wanted model would cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vcpuid.answers.baseline import Barrier, Baseline, barriers_of, baseline_of
from vcpuid.answers.offer import Offer
from vcpuid.errors import UsageError
from vcpuid.fleet import queries
from vcpuid.fleet.store import Fleet


class WhatIf(NamedTuple):
    """The answer.

    Attributes:
        date: The snapshot of the fleet.
        hosts: Hosts that stay.
        without: Hosts that are given up.
        given_up: Features that are given up, by libvirt's names.
        before: The baseline of all.
        after: The baseline of those that stay, without these features.
        gained: What guests start with then, and did not before.
        lost: What they no longer start with.
    """

    date: str
    hosts: int
    without: tuple[str, ...]
    given_up: tuple[str, ...]
    before: Baseline
    after: Baseline
    gained: tuple[str, ...]
    lost: tuple[str, ...]


class Price(NamedTuple):
    """What a wanted model costs: either these hosts, or these features. Each of both is needed, and no other.

    Attributes:
        date: The snapshot of the fleet.
        model: The model.
        hosts: Hosts of the fleet.
        give_up_hosts: The smallest set of hosts without which all others can give the model whole.
        give_up_features: The smallest set of features to take from the model, so that every host gives the rest;
            None where no set would do: hosts are of another vendor, or their libvirt calls the model unusable.
        barriers: The hosts that cannot give it, by what they lack; equal hosts together.
        foreign: Of `give_up_hosts` those of another vendor than the model.
        unsure: Hosts of which only an upper bound is known, and which may lack more.
    """

    date: str
    model: str
    hosts: int
    give_up_hosts: tuple[str, ...]
    give_up_features: tuple[str, ...] | None
    barriers: tuple[Barrier, ...]
    foreign: tuple[str, ...]
    unsure: int


def find_what_if(fleet: Fleet, without: Sequence[str] = (), features: Sequence[str] = ()) -> WhatIf:
    """Find the baseline without some hosts, or some features.

    Args:
        fleet: The fleet.
        without: Hosts to give up.
        features: Features to give up, by libvirt's names.

    Raises:
        UsageError: A host or a feature is not known, or no host would stay.
        InputError: The store cannot be read.
    """
    models = fleet.reader.models
    for name in features:
        if name not in models.features:
            raise UsageError("no feature of libvirt's map", found=repr(name), next_step=_EXPLAIN)
    gone = set(without)
    unknown = gone.difference(host for _, host in fleet.engine.rows(queries.HOSTS))
    if unknown:
        raise UsageError("no host of this name in the fleet", found=", ".join(sorted(unknown)))
    mask = models.bits_of(features)
    before, after, stay = [], [], 0
    for offer, hosts in _members(fleet):
        left = [host for host in hosts if host not in gone]
        before.append(offer)
        stay += len(left)
        if left:
            after.append(offer._replace(data=offer.data._replace(bits=offer.data.bits & ~mask)))
    if not after:
        raise UsageError("no host would stay", found=f"{len(gone)} hosts to give up, of as many")
    first, then = baseline_of(fleet.reader, before), baseline_of(fleet.reader, after)
    return WhatIf(
        date=fleet.date,
        hosts=stay,
        without=tuple(sorted(gone)),
        given_up=tuple(sorted(set(features))),
        before=first,
        after=then,
        gained=tuple(name for name in then.start if name not in first.start),
        lost=tuple(name for name in first.start if name not in then.start),
    )


_EXPLAIN = "`vcpuid explain NAME` tells libvirt's name of a feature."


def find_price(fleet: Fleet, model: str) -> Price:
    """Find what is to be given up for a model.

    A host that lacks anything of it must go, or all that it lacks must: so both sets are exact, and no bound.

    Raises:
        UsageError: The map has no such model.
        InputError: The store cannot be read.
    """
    models = fleet.reader.models
    if model not in models.models:
        raise UsageError("no model of libvirt", found=repr(model), next_step="`vcpuid map show` lists the models.")
    vendor = models.models[model].vendor
    own: list[Offer] = []
    foreign: list[str] = []
    names: dict[str, Sequence[str]] = {}
    unsure = total = 0
    for offer, hosts in _members(fleet):
        total += len(hosts)
        if vendor is not None and offer.data.vendor != vendor:
            foreign += hosts
            continue
        own.append(offer)
        names[offer.party.name] = hosts
        unsure += 0 if offer.party.basis.is_safe else len(hosts)
    barriers = tuple(
        Barrier(tuple(host for name in barrier.hosts for host in names[name]), barrier.features)
        for barrier in barriers_of(fleet.reader, own, model)
    )
    barred = [host for barrier in barriers for host in barrier.hosts]
    lacking = models.bits_of([name for barrier in barriers for name in barrier.features])
    can_be_cut = own and not foreign and all(barrier.features for barrier in barriers)
    return Price(
        date=fleet.date,
        model=model,
        hosts=total,
        give_up_hosts=tuple(sorted([*foreign, *barred])),
        give_up_features=tuple(models.names(lacking)) if can_be_cut else None,
        barriers=barriers,
        foreign=tuple(sorted(foreign)),
        unsure=unsure,
    )


def _members(fleet: Fleet) -> list[tuple[Offer, list[str]]]:
    """Give what each distinct configuration offers, under its first host's name, and its hosts."""
    hosts: dict[int, list[str]] = {}
    for fp, host in fleet.engine.rows(queries.HOSTS):
        hosts.setdefault(fp, []).append(host)
    configurations = fleet.configurations()
    return [(configurations[fp].offer(fleet.reader, names[0]), names) for fp, names in hosts.items()]
