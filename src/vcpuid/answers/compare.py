"""Can a guest, or every guest of a host, run on another host? There and back, with reasons by layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import Enum
from typing import NamedTuple

from vcpuid.answers.offer import Offer, OfferReader
from vcpuid.answers.party import Basis, Party
from vcpuid.answers.unchecked import Unchecked, unchecked
from vcpuid.answers.versions import libvirt_of, next_qemus
from vcpuid.answers.why import Answer, why
from vcpuid.errors import UsageError
from vcpuid.evidence import Evidence, Gap
from vcpuid.layers.asking import DEFAULT_MODEL
from vcpuid.rules.libvirt.compare import Relation, compare_data
from vcpuid.rules.libvirt.full_check import unforeseen
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.libvirt.partial import settled
from vcpuid.rules.qemu.knowledge import version_of
from vcpuid.terms.guest import Accelerator, Check, CpuMode, GuestCpu
from vcpuid.terms.verdict import Layer

_WHERE_IT_RUNS = (
    "mode {mode} becomes the CPU of the host on which the guest starts: compare that host with this one"
)
_UNNAMED = "libvirt.unknown-name"
_BY = {Basis.CPUID: "CPUID alone: KVM and QEMU may give less", Basis.KVM: "KVM's list: QEMU was not asked"}


class Compatibility(Enum):
    """Whether guests can run there, by their CPU."""

    COMPATIBLE = "compatible"
    INCOMPATIBLE = "incompatible"
    UNKNOWN = "unknown"


class Missing(NamedTuple):
    """A feature that is asked for and not to be had.

    Attributes:
        feature: libvirt's name.
        layer: Where the target's supply breaks; None where that is not known.
        rule: The conclusion of the layers' table, as in `kvm.not-supported`; empty where no layer was asked.
        reason: What was seen; empty where only CPUID or a description is known.
        mend: What to do about it; may be empty.
        is_sure: Whether the target surely lacks it: KVM may make a feature that CPUID lacks, and not all was read.
    """

    feature: str
    layer: Layer | None
    rule: str = ""
    reason: str = ""
    mend: str = ""
    is_sure: bool = True


class Way(NamedTuple):
    """One direction.

    Attributes:
        source: Whose guests are to run.
        target: Where.
        compatibility: The answer.
        relation: What the target is to what is asked for, in libvirt's words; None where nothing can be compared.
        reason: The answer in a sentence.
        missing: What is asked for and the target lacks.
        forbidden: What the guest forbids, or its complete definition is without, and the target has.
        extra: What the target has besides.
    """

    source: str
    target: str
    compatibility: Compatibility
    relation: Relation | None
    reason: str
    missing: tuple[Missing, ...] = ()
    forbidden: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


class CompareAnswer(NamedTuple):
    """The answer.

    Attributes:
        there: From the first to the second.
        back: From the second to the first; None where the first is a guest.
        parties: The two, with what their features rest on.
        rests_on: The map whose features were compared.
        unchecked: What was not compared.
    """

    there: Way
    back: Way | None
    parties: tuple[Party, Party]
    rests_on: str
    unchecked: tuple[Unchecked, ...]

    @property
    def compatibility(self) -> Compatibility:
        """The worse of both directions; a guest's is the only one."""
        return worst_of(way for way in (self.there, self.back) if way)


def worst_of(ways: Iterable[Way]) -> Compatibility:
    """Give the worst of some ways' answers."""
    states = {way.compatibility for way in ways}
    for state in (Compatibility.INCOMPATIBLE, Compatibility.UNKNOWN):
        if state in states:
            return state
    return Compatibility.COMPATIBLE


def compare(first: Party, second: Party, cpu_map: CpuMap | None = None) -> CompareAnswer:
    """Compare a guest or a host with a host.

    Args:
        first: Who asks: a guest, or a host with the guests that get all it gives.
        second: The host.
        cpu_map: The map to compare by; None for the one that both hosts' libvirt know.

    Raises:
        UsageError: The second is a guest.
        InputError: A description has a model or feature that no map at hand has.

    Examples:
        >>> from vcpuid import Snapshot, compare, party_of_snapshot
        >>> first, second = (party_of_snapshot(Snapshot.read(path)) for path in ("h10.json", "h11.json"))
        >>> way = compare(first, second).there
        >>> way.compatibility.value, way.missing[0].feature
        ('incompatible', 'sgx')
    """
    if second.is_guest:
        raise UsageError(
            "the second is to be a host",
            found=f"{second.name}: a guest's definition",
            expected="a snapshot, a dump, domain capabilities or a host's <cpu>",
            next_step="A guest's definition comes first: vcpuid compare GUEST HOST",
        )
    comparer = Comparer(OfferReader((first, second), cpu_map))
    rests_on = comparer.reader.models.title
    beside = tuple(unchecked(first, second))
    if first.is_guest:
        seen = second.under(first.accelerator)
        way = _untold(first, second) if seen is None else comparer.guest_way(first, comparer.reader.read(seen))
        return CompareAnswer(way, None, (first, seen or second), rests_on, beside)
    source, target = comparer.reader.read(first), comparer.reader.read(second)
    there, back = comparer.host_way(source, target), comparer.host_way(target, source)
    return CompareAnswer(there, back, (first, second), rests_on, beside)


def _with_unnamed(way: Way, unnamed: Sequence[str], target: Party) -> Way:
    """Add features that the common map cannot name: no domain with them starts where libvirt has no name."""
    known = target.map_features
    if known is None:
        if way.compatibility is not Compatibility.COMPATIBLE:
            return way
        reason = f"the map has no name for {' '.join(unnamed)}"
        return way._replace(compatibility=Compatibility.UNKNOWN, reason=reason)
    lost = tuple(
        Missing(name, Layer.LIBVIRT, _UNNAMED, "its map has no name for it", "Use a newer libvirt there.")
        for name in unnamed
        if name not in known
    )
    if not lost:
        return way
    missing = (*way.missing, *lost)
    return way._replace(
        compatibility=Compatibility.INCOMPATIBLE,
        relation=Relation.INCOMPATIBLE,
        reason=f"it lacks {_count(missing)}",
        missing=missing,
    )


def _with_extra(way: Way, cpu: GuestCpu, target: Party) -> Way:
    """Add what the target's QEMU tells of a guest whose definition, check='full', is to be complete without it."""
    if target.evidence is None or way.compatibility is Compatibility.INCOMPATIBLE:
        return way
    qemu = min(next_qemus(target.evidence), key=version_of, default="")
    told = unforeseen(cpu, qemu)
    if not told:
        return way
    libvirt, names = libvirt_of(target.evidence), tuple(one.name for one in told)
    reason = (
        f"QEMU {qemu} tells of {' '.join(names)} where a socket has several CPUs, which check='full' refuses;"
        " started cold with check='partial' it runs there"
    )
    if not all(one.is_refused_by(libvirt) for one in told):
        newer = f"libvirt {libvirt}" if libvirt else "its libvirt"
        reason = f"{reason}; {newer} may be one that lets it pass"
        return way._replace(compatibility=Compatibility.UNKNOWN, reason=reason)
    return way._replace(compatibility=Compatibility.INCOMPATIBLE, reason=reason, forbidden=names)


def _untold(guest: Party, host: Party) -> Way:
    """Give the way to a host that does not tell what it gives under the guest's accelerator."""
    accelerator = guest.accelerator.value if guest.accelerator else "another accelerator"
    reason = f"the guest runs under {accelerator}, and what {host.name} gives under it is not known"
    return Way(guest.name, host.name, Compatibility.UNKNOWN, None, reason)


class Comparer:
    """Judges one direction after the other."""

    def __init__(self, reader: OfferReader) -> None:
        self.reader = reader

    def host_way(self, source: Offer, target: Offer) -> Way:
        """Judge whether every guest that gets all of one host's features can run on another."""
        names = source.party.name, target.party.name
        if source.data.vendor != target.data.vendor:
            reason = f"the CPU is from {_vendor(source)}, there from {_vendor(target)}"
            return Way(*names, Compatibility.INCOMPATIBLE, Relation.INCOMPATIBLE, reason)
        ignored = self.reader.beside_cpuid
        missing = source.data.bits & ~target.data.bits & ~ignored
        extra = target.data.bits & ~source.data.bits & ~source.untold & ~ignored
        relation = Relation.INCOMPATIBLE if missing else Relation.SUPERSET if extra else Relation.IDENTICAL
        way = self._way(names, relation, self._names(missing), target, extra=self._names(extra))
        unnamed = tuple(name for name in source.unnamed if name not in target.unnamed)
        return _with_unnamed(way, unnamed, target.party) if unnamed else way

    def guest_way(self, guest: Party, target: Offer) -> Way:
        """Judge whether a guest can run on a host."""
        names = guest.name, target.party.name
        cpu = guest.cpu
        assert cpu is not None  # noqa: S101 -- a guest is a definition
        if cpu.mode is CpuMode.DEFAULT:
            cpu = replace(cpu, mode=CpuMode.CUSTOM, model=DEFAULT_MODEL)
        if cpu.mode is not CpuMode.CUSTOM:
            return Way(*names, Compatibility.UNKNOWN, None, _WHERE_IT_RUNS.format(mode=cpu.mode.value))
        models = self.reader.models_for(guest, cpu)
        compared = compare_data(models, target.data, cpu)
        missing, reason = compared.missing, compared.reason
        blockers = self._blockers(models, cpu, target)
        if blockers and not reason:
            missing = tuple(name for name in blockers if name not in missing) + missing
            reason = f"QEMU's {cpu.model} has what the host lacks"
        if missing and cpu.check is Check.NONE:
            reason = "check='none': it starts there, and silently without what is missing"
        relation = Relation.INCOMPATIBLE if missing else compared.relation
        way = self._way(names, relation, missing, target, reason, compared.extra)
        if compared.forbidden:
            return way._replace(compatibility=Compatibility.INCOMPATIBLE, forbidden=compared.forbidden)
        if way.compatibility is Compatibility.COMPATIBLE and blockers is None:
            reason = f"{target.party.name}'s libvirt calls {cpu.model} unusable there, and does not say by what"
            return way._replace(compatibility=Compatibility.UNKNOWN, reason=reason)
        return _with_extra(way, cpu, target.party)

    @staticmethod
    def _blockers(models: Models, cpu: GuestCpu, target: Offer) -> tuple[str, ...] | None:
        """Give what QEMU's model still has and the target lacks; None where only its libvirt knows."""
        capabilities = target.party.capabilities
        if capabilities is None or not capabilities.usable_models:
            return ()  # old libvirts tell of none
        blockers = capabilities.blockers_of(cpu.model or "")
        decided = settled(models, cpu)
        return None if blockers is None else tuple(name for name in blockers if name not in decided)

    def _way(
        self,
        names: tuple[str, str],
        relation: Relation,
        missing: Iterable[str],
        target: Offer,
        reason: str = "",
        extra: Iterable[str] = (),
    ) -> Way:
        lost = tuple(self.missing(name, target) for name in missing)
        sure = [one for one in lost if one.is_sure]
        if sure or (relation is Relation.INCOMPATIBLE and not lost):
            state, reason = Compatibility.INCOMPATIBLE, reason or f"it lacks {_count(sure)}"
        elif lost:
            state, reason = Compatibility.UNKNOWN, "what is missing there was not read, or KVM may make it itself"
        elif not target.party.basis.is_safe:
            state, reason = Compatibility.UNKNOWN, f"nothing is missing, by {_BY[target.party.basis]}"
        else:
            state, reason = Compatibility.COMPATIBLE, "nothing is missing"
        return Way(*names, state, relation, reason, lost, (), tuple(extra))

    def missing(self, name: str, target: Offer) -> Missing:
        """Tell why a host cannot give a feature that it does not offer."""
        party = target.party
        bits = self.reader.models.features[name].bits if name in self.reader.models.features else 0
        can_be_made = party.basis is Basis.CPUID and bool(bits & self.reader.emulated)
        is_sure = not can_be_made and not bits & target.untold
        is_emulated = party.capabilities is not None and party.capabilities.accelerator is Accelerator.TCG
        if party.evidence is None or is_emulated:  # the layers below are those of KVM
            layer = Layer.SILICON if party.basis is Basis.CPUID and is_sure else None
            return Missing(name, layer, is_sure=is_sure)
        answer = _why_not(name, self.reader.models.cpu_map, party.evidence)
        if answer is None or answer.broken_at.supply is None:
            return Missing(name, None, is_sure=is_sure)
        layer = answer.broken_at.supply
        verdict = answer.verdicts[layer]
        return Missing(name, layer, verdict.rule, verdict.summary, verdict.mend, is_sure=not can_be_made)

    def _names(self, bits: int) -> tuple[str, ...]:
        return tuple(self.reader.models.names(bits))


def _why_not(name: str, cpu_map: CpuMap, evidence: Evidence) -> Answer | None:
    """Follow a feature of the map on the target; None where the atlas cannot tell which one it is."""
    written = cpu_map.features.get(name)
    vendor = None if isinstance(evidence.cpuid, Gap) else evidence.cpuid.vendor
    try:
        return why(written.bits[0].plain, evidence, vendor=vendor) if written and written.bits else None
    except UsageError:
        return None


def _vendor(offer: Offer) -> str:
    return offer.data.vendor or "a vendor that the map does not know"


def _count(missing: Sequence[Missing]) -> str:
    return f"{len(missing)} features" if len(missing) > 1 else missing[0].feature if missing else "something"
