"""The CPU that all of several hosts can give, what each host costs, and which hosts belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from operator import and_
from typing import NamedTuple

from vcpuid.answers.offer import Offer, OfferReader
from vcpuid.answers.party import Party
from vcpuid.errors import InputError, UsageError
from vcpuid.rules.libvirt.decode import Blockers, Decoded, Outcome, Side, Trial, decode
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.models import CpuData
from vcpuid.terms.guest import AddressBits, GuestCpu


class Cost(NamedTuple):
    """What one host, or several equal ones, keep from all others.

    Attributes:
        hosts: Their names.
        features: What the baseline would have besides, were they not there.
    """

    hosts: tuple[str, ...]
    features: tuple[str, ...]


class Barrier(NamedTuple):
    """What keeps hosts from a model.

    Attributes:
        hosts: Their names.
        features: What the model has and they cannot give; empty where their libvirt calls it unusable, no more.
    """

    hosts: tuple[str, ...]
    features: tuple[str, ...]


class Candidate(NamedTuple):
    """A model that was tried and is not the baseline's.

    Attributes:
        name: Its name.
        outcome: Why it lost.
        score: What its description would have cost; None where it was not weighed.
        added: What would have to be added to it.
        taken_away: What would have to be taken away from it.
        best_of: Hosts that it describes best.
        is_better: Whether it has more than the chosen one gives, some host has it, and others keep it out.
        barriers: The hosts that cannot give it whole, those with the fewest gaps first.
    """

    name: str
    outcome: Outcome
    score: int | None
    added: tuple[str, ...]
    taken_away: tuple[str, ...]
    best_of: tuple[str, ...]
    is_better: bool
    barriers: tuple[Barrier, ...]


class Group(NamedTuple):
    """Hosts that share a baseline of their own.

    Attributes:
        hosts: Their names.
        cpu: Their baseline; None where none of the models that all of them can run describes it.
        gains: What it has beyond the baseline of all; None where all have none.
    """

    hosts: tuple[str, ...]
    cpu: GuestCpu | None
    gains: tuple[str, ...] | None


class Baseline(NamedTuple):
    """The answer.

    Attributes:
        cpu: The CPU to start guests with; None where the hosts have none in common.
        refusal: Why they have none; empty where they have.
        hosts: The hosts, with what their features rest on.
        start: The features that guests are started with, by libvirt's names in the map's order.
        accept: Features that every host could give a guest besides, if it came with them.
        costs: What single hosts cost, dearest first.
        groups: Hosts that share a baseline of their own; one group for hosts that are alike.
        candidates: The other models, and why each is not the one: those that weigh least first.
        rests_on: The map whose names are used.
        unnamed: Features that hosts have and the map has no name for.
        allowed: How many models every host can run, some less a few features; None where no host tells.
    """

    cpu: GuestCpu | None
    refusal: str
    hosts: tuple[Party, ...]
    start: tuple[str, ...]
    accept: tuple[str, ...]
    costs: tuple[Cost, ...]
    groups: tuple[Group, ...]
    candidates: tuple[Candidate, ...]
    rests_on: str
    unnamed: tuple[str, ...]
    allowed: int | None

    @property
    def is_safe(self) -> bool:
        """Whether every host is sure to give it, since none is known by CPUID or KVM's list alone."""
        return all(party.basis.is_safe for party in self.hosts)


# What is no candidate: the one that won, and models that no host of this kind could be called by.
_NO_CANDIDATES = frozenset((Outcome.CHOSEN, Outcome.VENDOR, Outcome.NOT_FOR_SIDE))


class _Kind(NamedTuple):
    """Hosts that are alike to a model: their bits, the models that they can run, and their names."""

    bits: int
    runnable: Blockers | None
    hosts: list[str]


def _by_weight(trial: Trial) -> tuple[bool, bool, int, int]:
    return trial.score is None, not trial.matches, trial.score or 0, trial.penalty


def baseline(parties: Sequence[Party], cpu_map: CpuMap | None = None) -> Baseline:
    """Find the CPU that all hosts can give.

    Args:
        parties: The hosts; definitions of guests count as hosts that can give just that.
        cpu_map: The map whose names to use; None for the one that all hosts' libvirt know, or the shipped one.

    Raises:
        UsageError: There is no host.
        InputError: A description has a model or feature that no map at hand has.

    Examples:
        >>> from vcpuid import Snapshot, baseline, party_of_snapshot
        >>> hosts = [party_of_snapshot(Snapshot.read(path)) for path in ("h10.json", "h11.json", "h12.json")]
        >>> baseline(hosts).cpu.model
        'Icelake-Client'
    """
    if not parties:
        raise UsageError("no host", expected="at least one snapshot, dump, domain capabilities or <cpu>")
    reader = OfferReader(parties, cpu_map)
    return baseline_of(reader, [reader.read(party) for party in parties])


def baseline_of(reader: OfferReader, offers: Sequence[Offer]) -> Baseline:
    """Find the CPU that all of some offers hold, one at least."""
    return _Finder(reader, offers).find()


def barriers_of(reader: OfferReader, offers: Sequence[Offer], model: str) -> tuple[Barrier, ...]:
    """Find what keeps hosts from giving a model of the reader's map whole; hosts that can are not in it."""
    finder = _Finder(reader, offers)
    return tuple(finder.barriers(model))


class _Finder:
    """Finds the baseline of offers."""

    def __init__(self, reader: OfferReader, offers: Sequence[Offer]) -> None:
        self._reader = reader
        self._models = reader.models
        self._offers = offers

    def find(self) -> Baseline:
        refusal, decoded, common = "", None, self._in_common(self._offers)
        try:
            decoded = self._describe(self._offers)
        except InputError as error:
            refusal = ": ".join(filter(None, (error.message, error.found)))
        return Baseline(
            cpu=replace(decoded.cpu, address_bits=_narrowest(self._offers)) if decoded else None,
            refusal=refusal,
            hosts=tuple(offer.party for offer in self._offers),
            start=self._names(common) if decoded else (),
            accept=self._names(self._acceptable() & ~common) if decoded else (),
            costs=self._costs() if decoded else (),
            groups=tuple(self._groups(common if decoded else None)),
            candidates=tuple(self._candidates(decoded.trials, common)) if decoded else (),
            rests_on=self._models.title,
            unnamed=tuple(sorted({name for offer in self._offers for name in offer.unnamed})),
            allowed=None if (allowed := _common_models(self._offers)) is None else len(allowed),
        )

    def _describe(self, offers: Sequence[Offer]) -> Decoded:
        vendors = {offer.data.vendor for offer in offers}
        if len(vendors) > 1:
            names = sorted(vendor or "a vendor that the map does not know" for vendor in vendors)
            raise InputError("the hosts' CPUs are of several vendors", found=", ".join(names))
        bits = self._in_common(offers)
        if not bits:
            raise InputError("the hosts have no feature in common")
        models = dict.fromkeys(offer.model for offer in offers if offer.model)
        return decode(
            self._models,
            CpuData(bits, next(iter(vendors))),
            Side.GUEST,
            allowed=_common_models(offers),
            preferred=tuple(models),
        )

    def _describe_if_any(self, offers: Sequence[Offer]) -> GuestCpu | None:
        try:
            return self._describe(offers).cpu
        except InputError:
            return None

    def _in_common(self, offers: Iterable[Offer]) -> int:
        bits = self._models.known & ~self._reader.not_migratable
        for offer in offers:
            bits &= offer.data.bits
        return bits

    def _acceptable(self) -> int:
        """Give the bits that every host can give, also those with which no guest is started by default."""
        bits = self._models.known
        for offer in self._offers:
            can = offer.data.bits
            if offer.party.kvm is not None:
                can |= self._models.read(offer.party.kvm).bits & self._reader.named_by_qemu
            bits &= can
        return bits & ~self._reader.not_migratable

    def _costs(self) -> tuple[Cost, ...]:
        """Give what the baseline would gain without each kind of host."""
        kinds: dict[int, list[str]] = {}
        for offer in self._offers:
            kinds.setdefault(offer.data.bits, []).append(offer.party.name)
        if len(kinds) == 1:
            return ()
        bits = list(kinds)
        everything = self._models.known & ~self._reader.not_migratable
        before = list(accumulate(bits, and_, initial=everything))[:-1]
        after = list(accumulate(reversed(bits), and_, initial=everything))[:-1]
        costs = []
        for kind, left, right in zip(bits, before, reversed(after), strict=True):
            gained = left & right & ~kind
            if gained:
                costs.append(Cost(tuple(kinds[kind]), self._names(gained)))
        return tuple(sorted(costs, key=lambda cost: -len(cost.features)))

    def _candidates(self, trials: Sequence[Trial], common: int) -> Iterator[Candidate]:
        """Give the models that lost, with the hosts that keep each out."""
        best_of: dict[str | None, list[str]] = {}
        for offer in self._offers:
            best_of.setdefault(offer.model, []).append(offer.party.name)
        kinds = self._kinds()
        lost = [trial for trial in trials if trial.outcome not in _NO_CANDIDATES]
        chosen = next(trial for trial in trials if trial.outcome is Outcome.CHOSEN)
        least = (self._models.models[chosen.model].bits & common).bit_count()
        for trial in sorted(lost, key=_by_weight):
            whole = self._models.models[trial.model].bits
            owners = tuple(best_of.get(trial.model, ()))
            barriers = tuple(self._barriers(trial.model, whole, kinds))
            barred = sum(len(barrier.hosts) for barrier in barriers)
            is_weighed = trial.score is not None
            yield Candidate(
                name=trial.model,
                outcome=trial.outcome,
                score=trial.score,
                added=self._names(trial.extra if is_weighed else common & ~whole),
                taken_away=self._names(trial.lacking if is_weighed else whole & ~common),
                best_of=owners,
                is_better=bool(owners or barred < len(self._offers))
                and bool(barriers)
                and whole.bit_count() > least,
                barriers=barriers,
            )

    def barriers(self, model: str) -> Iterator[Barrier]:
        """Give the hosts that cannot give a model whole."""
        return self._barriers(model, self._models.models[model].bits, self._kinds())

    def _kinds(self) -> list[_Kind]:
        kinds: dict[object, _Kind] = {}
        for offer in self._offers:
            runnable = offer.runnable
            key = offer.data.bits, None if runnable is None else frozenset(runnable.items())
            kinds.setdefault(key, _Kind(offer.data.bits, runnable, [])).hosts.append(offer.party.name)
        return list(kinds.values())

    def _barriers(self, model: str, whole: int, kinds: Iterable[_Kind]) -> Iterator[Barrier]:
        """Give the hosts that cannot give a model whole: by its bits, or by their hypervisor's word."""
        barred: dict[int, list[str]] = {}
        for bits, runnable, hosts in kinds:
            blockers = () if runnable is None else runnable.get(model)
            known = (name for name in blockers or () if name in self._models.features)
            lacking = (whole | self._models.bits_of(known)) & ~bits
            if lacking or blockers is None:
                barred.setdefault(lacking, []).extend(hosts)
        for lacking, names in sorted(barred.items(), key=lambda item: item[0].bit_count()):
            yield Barrier(tuple(names), self._names(lacking))

    def _groups(self, common: int | None) -> Iterable[Group]:
        """Put hosts together that the same model describes best; vendors never mix."""
        members: dict[tuple[str | None, str | None], list[Offer]] = {}
        for offer in self._offers:
            members.setdefault((offer.data.vendor, offer.model), []).append(offer)
        for offers in sorted(members.values(), key=len, reverse=True):
            gains = None if common is None else self._names(self._in_common(offers) & ~common)
            hosts = tuple(offer.party.name for offer in offers)
            yield Group(hosts, self._describe_if_any(offers), gains)

    def _names(self, bits: int) -> tuple[str, ...]:
        return tuple(self._models.names(bits))


def _narrowest(offers: Iterable[Offer]) -> AddressBits | None:
    """Give the physical addresses that every host has; None where one does not tell (libvirt 9.0 never does)."""
    widths = [offer.party.cpu.address_bits if offer.party.cpu else None for offer in offers]
    limits = [width.limit for width in widths if width is not None and width.limit is not None]
    return AddressBits("passthrough", limit=min(limits)) if len(limits) == len(widths) else None


def _common_models(offers: Iterable[Offer]) -> Blockers | None:
    """Give the models that every host can run, each with what it loses on any; None where no host tells."""
    common: dict[str, frozenset[str]] | None = None
    for offer in offers:
        runnable = offer.runnable
        if runnable is None:
            continue
        if common is None:
            common = {name: frozenset(lost) for name, lost in runnable.items()}
        else:
            common = {name: lost.union(runnable[name]) for name, lost in common.items() if name in runnable}
    return common
