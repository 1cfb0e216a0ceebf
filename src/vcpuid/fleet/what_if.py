"""The baseline of the fleet if hosts or features were given up, and what a wanted model would cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from vcpuid.answers.baseline import Baseline, barriers_of, baseline_of
from vcpuid.answers.offer import Offer
from vcpuid.errors import UsageError
from vcpuid.fleet import queries
from vcpuid.fleet.baseline import offers_of
from vcpuid.fleet.fleet import Fleet
from vcpuid.rules.lint import nearest


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


class Barred(NamedTuple):
    """Hosts that cannot give a model.

    Attributes:
        hosts: Their names.
        features: What they lack of it; empty where their libvirt calls it unusable, and no more.
    """

    hosts: Sequence[str]
    features: tuple[str, ...]


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
        unknown: Hosts of which only an upper bound is known, and which may lack more.
    """

    date: str
    model: str
    hosts: int
    give_up_hosts: Sequence[str]
    give_up_features: tuple[str, ...] | None
    barriers: tuple[Barred, ...]
    foreign: Sequence[str]
    unknown: int


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
            meant = nearest(name, models.features)
            hint = f"Did you mean {meant}? " if meant else ""
            raise UsageError("no feature of libvirt's map", found=repr(name), next_step=f"{hint}{_EXPLAIN}")
    engine, gone = fleet.engine, sorted(set(without))
    engine.keep("given_up", queries.GIVE_UP, ["\n".join(gone)])
    unknown = engine.rows(queries.UNKNOWN_HOSTS) if gone else []
    if unknown:
        raise fleet.unknown(*(host for (host,) in unknown))
    mask = models.bits_of(features)
    all_hosts, staying = engine.rows(queries.COUNT_CONFIGURATIONS), engine.rows(queries.STAYING)
    if not staying:
        raise UsageError("no host would stay", found=f"{len(gone)} hosts to give up, of as many")
    before = baseline_of(fleet.reader, offers_of(fleet, all_hosts))._replace(rests_on=fleet.rests_on)
    offers = [_without_bits(offer, mask) for offer in offers_of(fleet, staying)]
    after = baseline_of(fleet.reader, offers)._replace(rests_on=fleet.rests_on)
    given_up = set(features)
    # KVM's list is not cut: a feature that is given up comes back from there as one that guests may bring along.
    after = after._replace(accept=tuple(name for name in after.accept if name not in given_up))
    return WhatIf(
        date=fleet.date,
        hosts=sum(count for _, count, _ in staying),
        without=tuple(gone),
        given_up=tuple(sorted(given_up)),
        before=before,
        after=after,
        gained=tuple(name for name in after.start if name not in before.start),
        lost=tuple(name for name in before.start if name not in after.start),
    )


def _without_bits(offer: Offer, mask: int) -> Offer:
    return offer._replace(data=offer.data._replace(bits=offer.data.bits & ~mask))


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
    foreign: list[int] = []
    unknown = total = 0
    for fp, count, _ in fleet.engine.rows(queries.COUNT_CONFIGURATIONS):
        total += count
        offer = fleet.offer(fp)
        if vendor is not None and offer.data.vendor != vendor:
            foreign.append(fp)
            continue
        own.append(offer._replace(party=replace(offer.party, name=str(fp))))
        unknown += 0 if offer.party.basis.is_safe else count
    found = [
        ([int(name) for name in barrier.hosts], barrier.features)
        for barrier in barriers_of(fleet.reader, own, model)
    ]
    barred = [fp for fps, _ in found for fp in fps]
    lacking = models.bits_of([name for _, features in found for name in features])
    can_be_cut = own and not foreign and all(features for _, features in found)
    return Price(
        date=fleet.date,
        model=model,
        hosts=total,
        give_up_hosts=fleet.hosts_of([*foreign, *barred]),
        give_up_features=tuple(models.names(lacking)) if can_be_cut else None,
        barriers=tuple(Barred(fleet.hosts_of(fps), features) for fps, features in found),
        foreign=fleet.hosts_of(foreign),
        unknown=unknown,
    )
