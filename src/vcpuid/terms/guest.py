"""A guest CPU definition: what somebody asks for, in whichever dialect it was written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from vcpuid.terms.place import Place


class Accelerator(Enum):
    """Who runs the guest's instructions."""

    KVM = "kvm"
    TCG = "tcg"


class CpuMode(Enum):
    """Where the guest's CPU begins, before single features are added or taken away."""

    HOST_PASSTHROUGH = "host-passthrough"
    HOST_MODEL = "host-model"
    MAXIMUM = "maximum"
    CUSTOM = "custom"
    DEFAULT = "default"  # nothing said: the hypervisor's own default model


class Policy(Enum):
    """What is asked of one feature, in libvirt's words; QEMU's on and off are require and disable."""

    FORCE = "force"
    REQUIRE = "require"
    OPTIONAL = "optional"
    DISABLE = "disable"
    FORBID = "forbid"

    @property
    def asks(self) -> bool:
        """Whether this policy asks for the feature (rather than for its absence)."""
        return self in (Policy.FORCE, Policy.REQUIRE, Policy.OPTIONAL)


@dataclass(frozen=True, slots=True)
class FeatureRequest:
    """One feature by its name in the definition's dialect, what is asked of it, and where."""

    name: str
    policy: Policy
    place: Place


@dataclass(frozen=True, slots=True)
class GuestCpu:
    """A guest's CPU as one document asks for it.

    Attributes:
        mode: Where the CPU begins.
        model: The named model; None outside custom mode.
        requests: Single features in the order in which they were written.
        place: Where the definition stands.
        migratable: Whether what cannot migrate is left out; None where nothing is said.
        at_least: Whether the host's other features are asked for too (libvirt's match='minimum').
    """

    mode: CpuMode
    model: str | None
    requests: tuple[FeatureRequest, ...]
    place: Place
    migratable: bool | None = None
    at_least: bool = False

    def request_for(self, names: frozenset[str]) -> FeatureRequest | None:
        """Give the last request for any of these names, or None."""
        return next((request for request in reversed(self.requests) if request.name in names), None)
