"""The CPU that all of several hosts can give, what each host costs, and which hosts belong together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import and_
from typing import NamedTuple

from vcpuid.answers.offer import Offer, OfferReader, common_map
from vcpuid.answers.party import Party
from vcpuid.errors import InputError, UsageError
from vcpuid.rules.libvirt.decode import Blockers, Decoded, Side, Trial, decode, passed_over
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.models import CpuData
from vcpuid.terms.guest import GuestCpu


class Cost(NamedTuple):
    """What one host, or several equal ones, keep from all others.

    Attributes:
        hosts: Their names.
        features: What the baseline would have besides, were they not there.
    """

    hosts: tuple[str, ...]
    features: tuple[str, ...]


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
        trials: The models that were tried, and why they lost.
        rests_on: The map whose names are used.
        unnamed: Features that hosts have and the map has no name for.
        allowed: How many models every host can run; None where a host does not tell.
    """

    cpu: GuestCpu | None
    refusal: str
    hosts: tuple[Party, ...]
    start: tuple[str, ...]
    accept: tuple[str, ...]
    costs: tuple[Cost, ...]
    groups: tuple[Group, ...]
    trials: tuple[Trial, ...]
    rests_on: str
    unnamed: tuple[str, ...]
    allowed: int | None

    @property
    def is_safe(self) -> bool:
        """Whether every host is sure to give it: no host is known by CPUID or KVM's list alone."""
        return all(party.basis.is_safe for party in self.hosts)


def baseline(parties: Sequence[Party], cpu_map: CpuMap | None = None) -> Baseline:
    """Find the CPU that all hosts can give.

    Args:
        parties: The hosts; definitions of guests count as hosts that can give just that.
        cpu_map: The map whose names to use; None for the one that all hosts' libvirt know.

    Raises:
        UsageError: There is no host.
        InputError: A description has a model or feature that no map at hand has.
    """
    if not parties:
        raise UsageError("no host", expected="at least one snapshot, dump, domain capabilities or <cpu>")
    reader = OfferReader(cpu_map or common_map(parties))
    return _Finder(reader, [reader.read(party) for party in parties]).find()


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
            cpu=decoded.cpu if decoded else None,
            refusal=refusal,
            hosts=tuple(offer.party for offer in self._offers),
            start=self._names(common) if decoded else (),
            accept=self._names(self._acceptable() & ~common) if decoded else (),
            costs=self._costs() if decoded else (),
            groups=tuple(self._groups(common if decoded else None)),
            trials=(*passed_over(decoded),) if decoded else (),
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
            migratable=True,
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


def _common_models(offers: Iterable[Offer]) -> Blockers | None:
    """Give the models that every host can run; None where one does not tell."""
    common: frozenset[str] | None = None
    for offer in offers:
        capabilities = offer.party.capabilities
        if capabilities is None or not capabilities.usable_models:
            return None
        common = capabilities.usable_models if common is None else common & capabilities.usable_models
    return None if common is None else dict.fromkeys(common, ())
