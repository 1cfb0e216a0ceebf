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
class Setting:
    """A property of QEMU's CPU that is no feature, by QEMU's name, with its value, and where it is given."""

    name: str
    value: bool | int | str
    place: Place

    @property
    def text(self) -> str:
        """The value as people write it."""
        return ("on" if self.value else "off") if isinstance(self.value, bool) else str(self.value)


class Match(Enum):
    """How a guest's CPU and its host's have to agree, in libvirt's words."""

    MINIMUM = "minimum"  # the host's other features are asked for too
    EXACT = "exact"
    STRICT = "strict"  # the host may have no other features


class Check(Enum):
    """How much libvirt compares before and after the start, in its own words."""

    NONE = "none"
    PARTIAL = "partial"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Topology:
    """What a guest sees of sockets and cores; levels that nobody named are 1."""

    sockets: int
    cores: int
    threads: int
    dies: int = 1
    clusters: int = 1

    @property
    def cpus(self) -> int:
        """The virtual CPUs that it makes up."""
        return self.sockets * self.dies * self.clusters * self.cores * self.threads


@dataclass(frozen=True, slots=True)
class CacheMode:
    """What a guest sees of caches: `emulate`, `passthrough` or `disable`; `level` where one is named."""

    mode: str
    level: int | None = None


@dataclass(frozen=True, slots=True)
class AddressBits:
    """The width of physical addresses: `emulate` `bits` of them, or `passthrough` up to `limit`."""

    mode: str
    bits: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class NumaCell:
    """One NUMA node of a guest: its number, CPUs as libvirt writes them (`0-3,^2`), and memory."""

    number: int | None
    cpus: str | None
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class GuestCpu:
    """A guest's CPU as one document asks for it, or a host's as libvirt describes it.

    Attributes:
        mode: Where the CPU begins.
        model: The named model; None outside custom mode.
        requests: Single features in the order in which they were written.
        place: Where the definition stands.
        migratable: Whether what cannot migrate is left out; None where nothing is said.
        match: How it and the host's CPU have to agree.
        check: How much libvirt compares; None where nothing is said.
        fallback: Whether a model that is not to be had may be replaced by another; None where nothing is said.
        vendor: The vendor that the host must have, by libvirt's name for it.
        vendor_id: The vendor's twelve letters that the guest sees, where they are not the model's.
        arch: The architecture; only a host's CPU names one, and so is told from a guest's.
        topology: Sockets, cores and threads.
        cache: What the guest sees of caches.
        address_bits: The width of physical addresses.
        cells: The guest's NUMA nodes.
        settings: QEMU's properties that take more than on and off, each once, in the order in which they were
            last written.
    """

    mode: CpuMode
    model: str | None
    requests: tuple[FeatureRequest, ...]
    place: Place
    migratable: bool | None = None
    match: Match = Match.EXACT
    check: Check | None = None
    fallback: bool | None = None
    vendor: str | None = None
    vendor_id: str | None = None
    arch: str | None = None
    topology: Topology | None = None
    cache: CacheMode | None = None
    address_bits: AddressBits | None = None
    cells: tuple[NumaCell, ...] = ()
    settings: tuple[Setting, ...] = ()

    @property
    def is_host(self) -> bool:
        """Whether this is a host's CPU."""
        return self.arch is not None

    def request_for(self, names: frozenset[str]) -> FeatureRequest | None:
        """Give the last request for any of these names, or None."""
        return next((request for request in reversed(self.requests) if request.name in names), None)
