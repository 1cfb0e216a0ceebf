"""What a hop says of a feature, and how we know."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """A hop's answer; missing evidence is UNKNOWN, never ABSENT."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"

    @property
    def decided(self) -> bool:
        """Whether the hop said yes or no."""
        return self in (State.PRESENT, State.ABSENT)


class Chain(Enum):
    """The two chains that meet in a guest, and their meeting."""

    SUPPLY = "supply"
    DEMAND = "demand"
    GOT = "got"


class Layer(Enum):
    """A hop on a feature's road, in the order of its chain."""

    SILICON = "silicon"
    FIRMWARE = "firmware"
    KERNEL = "kernel"
    KVM = "kvm"
    QEMU = "qemu"
    LIBVIRT = "libvirt"
    NOVA = "nova"
    DOMAIN = "domain"
    PROCESS = "process"
    GUEST = "guest"

    @property
    def chain(self) -> Chain:
        """The chain that this hop belongs to."""
        if self is Layer.GUEST:
            return Chain.GOT
        return Chain.DEMAND if self in (Layer.NOVA, Layer.DOMAIN, Layer.PROCESS) else Chain.SUPPLY


class Basis(Enum):
    """Whether a verdict was seen or worked out."""

    OBSERVED = "observed"
    PREDICTED = "predicted"


@dataclass(frozen=True, slots=True)
class Provenance:
    """One piece of evidence: its source (an ioctl, `file:line`, a command) and what it said."""

    source: str
    value: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A hop's answer for one feature.

    Attributes:
        layer: The hop.
        state: Its answer.
        rule: The row of the layers' table that led to it, as in `kvm.supported`.
        explanation: That row in words: what was seen.
        summary: The evidence in a few words.
        evidence: Everything that was looked at.
        cannot_prove: What this evidence leaves open.
        mend: What to do about it; for UNKNOWN what would give the evidence. May be empty.
        basis: Observed, or predicted by rules.
        rules_version: For a prediction: which rules, of which version.
    """

    layer: Layer
    state: State
    rule: str
    explanation: str
    summary: str
    evidence: tuple[Provenance, ...] = ()
    cannot_prove: str = ""
    mend: str = ""
    basis: Basis = Basis.OBSERVED
    rules_version: str | None = None
