"""Why does a guest have a feature, or not? Every hop's verdict, and what they mean together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from vcpuid.answers.look_up import look_up
from vcpuid.answers.nova import notes_on_nova
from vcpuid.atlas import Atlas, Match
from vcpuid.errors import AmbiguousNameError
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.guest import Guest, guest_of_domain
from vcpuid.layers import JUDGES
from vcpuid.layers.exposure import judge_exposure
from vcpuid.snapshot import Snapshot
from vcpuid.terms.feature import Dialect, Feature
from vcpuid.terms.verdict import Basis, Chain, Layer, State, Verdict

_LAYERS_BY_CHAIN = {chain: tuple(layer for layer in Layer if layer.chain is chain) for chain in Chain}
# The first hop that speaks for the hypervisor: below it, "has it" does not yet mean that a guest can get it.
HYPERVISOR_LAYERS = (Layer.KVM, Layer.QEMU, Layer.LIBVIRT)
# The one conclusion that blames firmware for what CPUID lacks: a sourced table says that this CPU model has it.
_HIDDEN_BY_FIRMWARE = "firmware.off-known-model"
ON_SOME_CPUS = "silicon.some"
# Whose missing evidence is told first where nothing is lost.
_QUESTIONS = (
    Layer.GUEST,
    Layer.PROCESS,
    Layer.DOMAIN,
    Layer.NOVA,
    Layer.LIBVIRT,
    Layer.QEMU,
    Layer.KVM,
    Layer.SILICON,
)


@dataclass(frozen=True, slots=True)
class BrokenAt:
    """Where each chain breaks; None for one that does not.

    Supply breaks at the first hop from which on every decided hop lacks the feature; demand at the hop that
    fails to ask, after the last one that asked.
    """

    supply: Layer | None
    demand: Layer | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for one feature.

    Attributes:
        match: The feature, and how its name led to it.
        guest: The guest in words, or None where none was given.
        verdicts: Every hop's verdict.
        asked: What the last decided hop of demand says.
        available: What the last decided hop of supply says.
        got: What the guest shows.
        broken_at: Where the chains break.
        decisive: The verdicts that explain the answer, most important first.
        notes: Things that people should know besides, such as a second -cpu option.
        exposure: What the hops together say of a guest that has what nobody asked for; None of any other.
    """

    match: Match
    guest: str | None
    verdicts: Mapping[Layer, Verdict]
    asked: State
    available: State
    got: State
    broken_at: BrokenAt
    decisive: tuple[Verdict, ...]
    notes: tuple[str, ...]
    exposure: Verdict | None = None

    @property
    def feature(self) -> Feature:
        """The feature."""
        return self.match.feature

    @property
    def is_predicted(self) -> bool:
        """Whether what the guest got is a prediction, since nobody has seen it."""
        return self.got.decided and self.verdicts[Layer.GUEST].basis is Basis.PREDICTED

    @property
    def lost_at(self) -> tuple[Layer, ...]:
        """The hops at which it is lost, where a chain breaks; none where the guest has it all the same."""
        if self.got is State.PRESENT:
            return ()
        return tuple(layer for layer in (self.broken_at.supply, self.broken_at.demand) if layer is not None)

    @property
    def outcome(self) -> State:
        """PRESENT (the answer is yes), ABSENT (no) or UNKNOWN (undecided)."""
        if self.got.decided:
            return self.got
        states = (self.available,) if self.guest is None else (self.asked, self.available)
        if State.ABSENT in states:
            return State.ABSENT
        hypervisor = [self.verdicts[layer].state for layer in HYPERVISOR_LAYERS]
        if any(state is not State.PRESENT for state in states) or State.PRESENT not in hypervisor:
            return State.UNKNOWN
        return State.UNKNOWN if self.verdicts[Layer.GUEST].state is State.UNKNOWN else State.PRESENT

    @property
    def mends(self) -> tuple[str, ...]:
        """What to do, in this order; empty where nothing is lost or exposed, or nothing is known."""
        if self.outcome is State.PRESENT:
            return (self.exposure.mend,) if self.exposure else ()
        return tuple(dict.fromkeys(verdict.mend for verdict in self.decisive if verdict.mend))


def why(
    name: str, snapshot: Snapshot | Evidence, guest: Guest | str | None = None, vendor: str | None = None
) -> Answer:
    """Follow one feature through supply and demand to what a guest got.

    Args:
        name: A feature's name in any dialect, or its address.
        snapshot: The host's evidence.
        guest: A libvirt domain's name, or a guest found otherwise; None asks for supply alone.
        vendor: Chooses between meanings of an ambiguous name; None for the vendor of the host's CPU.

    Raises:
        UnknownNameError, AmbiguousNameError: The name cannot be resolved.
        InputError: The evidence is damaged, or has no such guest.

    Examples:
        >>> from vcpuid import Snapshot, why
        >>> answer = why("sgx", Snapshot.read("h07.json"), guest="web-1")
        >>> answer.available.name, answer.got.name, answer.broken_at.supply
        ('ABSENT', 'ABSENT', <Layer.FIRMWARE: 'firmware'>)
    """
    evidence = snapshot if isinstance(snapshot, Evidence) else Evidence(snapshot)
    target = guest_of_domain(evidence, guest) if isinstance(guest, str) else guest
    return follow(_look_up(name, vendor, evidence), evidence, target)


def _look_up(name: str, vendor: str | None, evidence: Evidence) -> Match:
    """Look a name up; where vendors mean different bits by it, that of this host's CPU is meant."""
    try:
        return look_up(name, vendor)
    except AmbiguousNameError:
        if vendor is not None or isinstance(evidence.cpuid, Gap) or not evidence.cpuid.vendor:
            raise
        return look_up(name, evidence.cpuid.vendor)


def follow(match: Match, evidence: Evidence, target: Guest | None = None) -> Answer:
    """Follow a feature that was looked up already.

    Raises:
        InputError: The evidence is damaged.
    """
    # A mirror has no name of its own anywhere: QEMU copies the bit that it repeats.
    judged = _original_of(match.feature)
    verdicts = {layer: judge(judged, evidence, target) for layer, judge in JUDGES.items()}
    answer = conclude(match, target, verdicts)
    exposure = judge_exposure(judged, evidence, verdicts)
    if exposure is not None:
        answer = replace(answer, exposure=exposure, notes=(exposure.explanation, *answer.notes))
    if target is None or target.nova is None or target.definition is not None:
        return answer
    return replace(answer, notes=(*answer.notes, *notes_on_nova(judged, evidence.libvirt, target.nova)))


def _original_of(feature: Feature) -> Feature:
    repeated = Atlas.load().at(feature.mirror) if feature.mirror else ()
    return repeated[0] if repeated and not feature.spellings(Dialect.QEMU) else feature


def conclude(match: Match, guest: Guest | None, verdicts: Mapping[Layer, Verdict]) -> Answer:
    """Draw the answer from the hops' verdicts."""
    supply = [verdicts[layer] for layer in _LAYERS_BY_CHAIN[Chain.SUPPLY]]
    demand = [verdicts[layer] for layer in _LAYERS_BY_CHAIN[Chain.DEMAND]]
    got = verdicts[Layer.GUEST].state
    supply_break = chain_break(supply)
    if supply_break is Layer.SILICON and verdicts[Layer.FIRMWARE].rule == _HIDDEN_BY_FIRMWARE:
        supply_break = Layer.FIRMWARE
    available = last_decided(supply)
    if verdicts[Layer.SILICON].rule == ON_SOME_CPUS:
        # What a hop above lists was asked on one CPU; the guest may run on any.
        supply_break, available = Layer.SILICON, State.ABSENT
    broken = BrokenAt(supply=supply_break, demand=chain_break(demand))
    return Answer(
        match=match,
        guest=guest.label if guest else None,
        verdicts=verdicts,
        asked=last_decided(demand),
        available=available,
        got=got,
        broken_at=broken,
        decisive=_decisive(verdicts, broken, got, guest),
        notes=(*_notes_on_feature(match.feature, verdicts), *_notes(guest)),
    )


def last_decided(verdicts: Iterable[Verdict]) -> State:
    """Give the last decided state of a chain; where none is, UNKNOWN if any hop is, else NOT_APPLICABLE."""
    states = [verdict.state for verdict in verdicts]
    decided = [state for state in states if state.decided]
    if decided:
        return decided[-1]
    return State.UNKNOWN if State.UNKNOWN in states else State.NOT_APPLICABLE


def chain_break(verdicts: Iterable[Verdict]) -> Layer | None:
    """Give the hop at which a chain breaks: it and every decided hop after it are ABSENT.

    For supply it is the hop that loses the feature, for demand the one that fails to ask.
    """
    broken = None
    for verdict in verdicts:
        if verdict.state is State.PRESENT:
            broken = None
        elif verdict.state is State.ABSENT and broken is None:
            broken = verdict.layer
    return broken


def _decisive(
    verdicts: Mapping[Layer, Verdict], broken: BrokenAt, got: State, guest: Guest | None
) -> tuple[Verdict, ...]:
    if got is State.PRESENT:
        return (verdicts[Layer.GUEST],)
    breaks = [verdicts[layer] for layer in (broken.supply, broken.demand) if layer is not None]
    if breaks:
        return tuple(breaks)
    unknown = [verdicts[layer] for layer in _QUESTIONS if verdicts[layer].state is State.UNKNOWN]
    if got is State.ABSENT:
        return (verdicts[Layer.GUEST],)
    return tuple(unknown[: 2 if guest else 1])


def _notes_on_feature(feature: Feature, verdicts: Mapping[Layer, Verdict]) -> Iterable[str]:
    if _original_of(feature) is not feature:
        yield f"AMD's CPUs repeat {feature.mirror} here; the hops were judged by that bit."
    later = [layer.value for layer in (Layer.QEMU, Layer.LIBVIRT) if verdicts[layer].state is State.PRESENT]
    if verdicts[Layer.KVM].state is State.ABSENT and later:
        yield (
            f"KVM does not list it, yet {' and '.join(later)} would give it: one of the two is out of date "
            "(libvirt's capabilities cache?), or this KVM shows more than it lists."
        )


def _notes(guest: Guest | None) -> Iterable[str]:
    if guest is None:
        return
    if guest.command is not None and guest.command.replaced:
        used = guest.command.cpus[-1].text.split(",", maxsplit=1)[0]
        forgotten = ", ".join(argument.text.split(",", maxsplit=1)[0] for argument in guest.command.replaced)
        yield (
            f"The process has {len(guest.command.cpus)} -cpu options. QEMU uses the last ({used}) and forgets the "
            f"others whole: choosing {forgotten} in <cpu> has no effect."
        )
    elif guest.definition is not None and "-cpu" in guest.definition.passthrough:
        yield (
            "The domain's <qemu:commandline> has a -cpu of its own. It comes after the one that libvirt writes, "
            "and QEMU uses the last: the <cpu> element will have no effect."
        )
    if guest.next_definition is not None and guest.definition is not None:
        now, then = (
            (
                definition.cpu.mode,
                definition.cpu.model,
                {(ask.name, ask.policy) for ask in definition.cpu.requests},
            )
            for definition in (guest.definition, guest.next_definition)
        )
        if now != then:
            yield "The domain's <cpu> was changed after the start: the next cold start asks for something else."
    if guest.live is not None and guest.definition is not None and guest.running:
        asked = {(request.name, request.policy) for request in guest.definition.cpu.requests}
        replaced = guest.command is not None and bool(guest.command.replaced)
        dropped = [
            request.name
            for request in guest.live.cpu.requests
            if not replaced
            and not request.policy.asks
            and any(name == request.name and policy.asks for name, policy in asked)
        ]
        if dropped:
            yield f"QEMU dropped at the start: {', '.join(dropped)} (asked for, disabled in the live XML)."
