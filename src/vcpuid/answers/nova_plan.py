"""What to write for Nova on several hosts: their [libvirt] sections, and the aggregates and flavors beside them.

All hosts of a vendor have the model and flags of their common baseline first, so guests that ask for nothing can
move between any two of them. After it stand richer models that the host can give whole, the least advanced first:
Nova takes the first that has the traits which a flavor requires, and the first of all for a flavor that requires
none. The flags of all hosts are the same, as Nova adds them to every model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from vcpuid.answers.baseline import Baseline, baseline_of
from vcpuid.answers.nova import nova_host
from vcpuid.answers.offer import Offer, OfferReader
from vcpuid.answers.party import Party
from vcpuid.atlas import Atlas
from vcpuid.guest.nova import NovaConfig, Unsaid, parse_ini, parse_nova_files, render_nova
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.nova.check import Check, check_start
from vcpuid.rules.nova.host import NovaHost
from vcpuid.rules.nova.traits import flags_by_trait, known_traits, traits_of
from vcpuid.terms.feature import Dialect
from vcpuid.terms.guest import CpuMode, GuestCpu, Policy
from vcpuid.terms.place import Place

_HERE = Place("the [libvirt] section")
SGX_TRAIT = "HW_CPU_X86_SGX"


class Rung(NamedTuple):
    """A model of cpu_models.

    Attributes:
        model: Its name.
        traits: The traits that lead Nova to it: it has them, and no model before it; empty for the first. Last are
            those that the flags have Nova report of every host, with such a model or not.
    """

    model: str
    traits: tuple[str, ...]


@dataclass(frozen=True)
class Member:
    """A host of a group.

    Attributes:
        offer: What it has.
        nova: What Nova sees of it.
        start: What nova-compute's check of the section ends with there.
        has: The traits of CPUs that it can give a guest.
        lacks: Those that it can not; of any other the evidence does not tell.
    """

    offer: Offer
    nova: NovaHost
    start: Check
    has: frozenset[str]
    lacks: frozenset[str]

    @property
    def name(self) -> str:
        """Its name."""
        return self.offer.party.name


@dataclass(frozen=True)
class Group:
    """Hosts with the same section.

    Attributes:
        aggregate: The name of an aggregate for them; empty where all hosts have one section.
        members: The hosts.
        rungs: The models, the least advanced first.
        section: The section's text.
        config: It, as Nova reads it.
        reported: The traits of CPUs that Nova will report by it.
        unmet: Those of them that flags give and no model has by itself: a flavor that requires one fails at spawn.
        by_hand: Traits that guests of its first model have and Nova never reports; SGX where all hosts have it.
        unsaid: What of the baseline Nova cannot express.
    """

    aggregate: str
    members: tuple[Member, ...]
    rungs: tuple[Rung, ...]
    section: str
    config: NovaConfig
    reported: tuple[str, ...]
    unmet: tuple[str, ...]
    by_hand: tuple[str, ...]
    unsaid: tuple[Unsaid, ...]


@dataclass(frozen=True)
class NovaPlan:
    """The answer.

    Attributes:
        groups: The hosts by their sections, those with the most hosts first.
        without: Hosts that have no CPU in common with others of their vendor, and why.
        is_safe: Whether every host is sure to give it.
        rests_on: The map whose names are used.
    """

    groups: tuple[Group, ...]
    without: tuple[tuple[tuple[str, ...], str], ...]
    is_safe: bool
    rests_on: str

    @property
    def members(self) -> Iterator[tuple[Group, Member]]:
        """Give each host with its group."""
        return ((group, member) for group in self.groups for member in group.members)


def plan_nova(parties: Sequence[Party], cpu_map: CpuMap | None = None) -> NovaPlan:
    """Plan the sections of hosts, one at least.

    Raises:
        InputError: A description has a model or feature that no map at hand has.
    """
    reader = OfferReader(parties, cpu_map)
    by_vendor: dict[str | None, list[Offer]] = {}
    for party in parties:
        offer = reader.read(party)
        by_vendor.setdefault(offer.data.vendor, []).append(offer)
    groups: list[Group] = []
    without = []
    for offers in by_vendor.values():
        common = baseline_of(reader, offers)
        if common.cpu is None:
            without.append((tuple(offer.party.name for offer in offers), common.refusal))
        else:
            groups += _Ladder(reader, offers, common, common.cpu).groups()
    groups.sort(key=lambda group: -len(group.members))
    is_safe = all(party.basis.is_safe for party in parties)
    return NovaPlan(tuple(_named(groups)), tuple(without), is_safe, reader.models.title)


def _named(groups: Sequence[Group]) -> Iterator[Group]:
    """Name the aggregates after the most advanced model of each."""
    taken: set[str] = set()
    for group in groups:
        stem = f"cpu-{re.sub(r'[^a-z0-9.-]', '-', group.rungs[-1].model.lower())}"
        names = (stem, *(f"{stem}-{number}" for number in range(2, len(groups) + 1)))
        name = next(name for name in names if name not in taken)
        taken.add(name)
        yield replace(group, aggregate=name) if len(groups) > 1 else group


class _Ladder:
    """Makes the groups of one vendor's hosts."""

    def __init__(self, reader: OfferReader, offers: Sequence[Offer], common: Baseline, cpu: GuestCpu) -> None:
        self._models: Models = reader.models
        self._offers = offers
        self._common = common
        self._cpu = cpu
        self._nova = NovaHost(reader.models)
        self._traits: dict[str, frozenset[str]] = {}
        self._by_flags = frozenset(traits_of({request.name for request in cpu.requests}))
        self._masks = _masks_of_traits(reader.models)

    def groups(self) -> Iterator[Group]:
        tops = [top for kind in self._kinds() if (top := self._top(kind)) is not None]
        by_rungs: dict[tuple[Rung, ...], list[Offer]] = {}
        for offer in self._offers:
            by_rungs.setdefault(tuple(self._rungs(offer, tops)), []).append(offer)
        for rungs, offers in by_rungs.items():
            yield self._group(rungs, offers)

    def _kinds(self) -> Iterator[list[Offer]]:
        by_name = {offer.party.name: offer for offer in self._offers}
        for group in self._common.groups:
            yield [by_name[name] for name in group.hosts]

    def _top(self, offers: Sequence[Offer]) -> str | None:
        """Give the model with the most features that all of some hosts can give whole."""
        whole = [name for name in self._richer if all(self._is_whole(name, offer) for offer in offers)]
        return max(whole, key=self._weight, default=None)

    def _weight(self, name: str) -> tuple[int, str]:
        return self._models.models[name].bits.bit_count(), name

    @property
    def _richer(self) -> Iterator[str]:
        """Give the models that have every trait of the common one, and more: libvirt's choices and hosts' own."""
        first = self._traits_of(self._cpu.model or "")
        own = {offer.model for offer in self._offers}
        for name, model in self._models.models.items():
            fits = (model.on_guest or name in own) and model.vendor in (None, self._cpu.vendor)
            if fits and first < self._traits_of(name):
                yield name

    def _is_whole(self, name: str, offer: Offer) -> bool:
        if self._models.models[name].bits & ~offer.data.bits:
            return False
        runnable = offer.runnable
        return runnable is None or (name in runnable and not runnable[name])

    def _rungs(self, offer: Offer, tops: Sequence[str]) -> Iterator[Rung]:
        """Give a host's models: each after the first is there for traits that none before it has."""
        first = self._cpu.model or ""
        yield Rung(first, ())
        seen = self._traits_of(first)
        for name in sorted({top for top in tops if self._is_whole(top, offer)}, key=self._weight):
            if more := self._traits_of(name) - seen:
                yield Rung(name, tuple(sorted(more, key=lambda trait: (trait in self._by_flags, trait))))
                seen |= more

    def _traits_of(self, model: str) -> frozenset[str]:
        """Give the traits that Nova finds in a model by itself."""
        if model not in self._traits:
            names = self._models.names(self._models.models[model].bits)
            self._traits[model] = frozenset(traits_of(frozenset(names)))
        return self._traits[model]

    def _group(self, rungs: tuple[Rung, ...], offers: Sequence[Offer]) -> Group:
        written = render_nova(self._cpu)
        section = written.text.replace(
            f"cpu_models = {self._cpu.model}\n", f"cpu_models = {', '.join(rung.model for rung in rungs)}\n"
        )
        config = parse_nova_files([parse_ini(section, _HERE.source)]).config
        assert config is not None  # noqa: S101 -- what we write Nova reads
        members = tuple(self._member(offer, config) for offer in offers)
        flags = frozenset(request.name for request in self._cpu.requests)
        asked = frozenset(request.name for request in self._cpu.requests if request.policy is not Policy.DISABLE)
        met = frozenset[str]().union(*(self._traits_of(rung.model) for rung in rungs))
        given = self._models.models[rungs[0].model].bits | self._models.bits_of(asked)
        given &= ~self._models.bits_of(flags - asked)
        return Group(
            "",
            members,
            rungs,
            section,
            config,
            tuple(sorted(met | self._by_flags)),
            tuple(sorted(self._by_flags - met)),
            tuple(sorted(self._by_hand(given, members))),
            written.lost,
        )

    def _by_hand(self, given: int, members: Sequence[Member]) -> Iterator[str]:
        for trait, masks in self._masks.items():
            if trait not in flags_by_trait() and any(not mask & ~given for mask in masks):
                yield trait
        if all(SGX_TRAIT in member.has for member in members):
            yield SGX_TRAIT

    def _member(self, offer: Offer, config: NovaConfig) -> Member:
        party = offer.party
        evidence = party.evidence
        seen = self._nova if evidence is None else nova_host(evidence.libvirt, self._models.cpu_map)
        if seen.offered is None and party.cpu is not None:
            seen = seen._replace(offered=party.cpu)
        own = seen.cpu or GuestCpu(CpuMode.CUSTOM, config.models[0].text, (), _HERE)
        seen = seen._replace(cpu=own)
        can = offer.data.bits | (self._models.read(party.kvm).bits if party.kvm else 0)
        has = {trait for trait, masks in self._masks.items() if any(not mask & ~can for mask in masks)}
        may = can | offer.untold
        lacks = {trait for trait, masks in self._masks.items() if all(mask & ~may for mask in masks)}
        return Member(offer, seen, check_start(config, seen), frozenset(has), frozenset(lacks))


def _masks_of_traits(models: Models) -> dict[str, tuple[int, ...]]:
    """Give the bits of each trait in a map, one mask an alternative; traits without a name in it are left out."""
    atlas = Atlas.load()
    found = {}
    for trait in sorted(known_traits()):
        features = [feature for feature in atlas.features() if trait in feature.spellings(Dialect.TRAIT)]
        names = [feature.name_in(Dialect.LIBVIRT) for feature in features]
        masks = tuple(models.features[name].bits for name in names if name in models.features)
        if masks:
            found[trait] = masks
    return found
