"""A CPU feature: a set of bits, and what each project calls it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from vcpuid.terms.address import Bits


class Dialect(Enum):
    """A project that has names of its own for features."""

    MANUAL = "manual"
    LINUX = "linux"
    QEMU = "qemu"
    LIBVIRT = "libvirt"
    TRAIT = "trait"

    @property
    def label(self) -> str:
        """The dialect as a heading for people."""
        return _LABELS[self]


_LABELS = {
    Dialect.MANUAL: "manuals",
    Dialect.LINUX: "/proc/cpuinfo",
    Dialect.QEMU: "QEMU",
    Dialect.LIBVIRT: "libvirt",
    Dialect.TRAIT: "OpenStack trait",
}


class Name(NamedTuple):
    """What one project calls a feature.

    Attributes:
        text: The name, exactly as that project writes it.
        since: The version in which a source dates it or in which it was first measured; may be empty.
        also: Bits that the name sets besides its own (QEMU's xsave sets XCR0 bits).
        earlier: Bits that older versions of the project gave the name (libvirt's VMX controls moved).
        migratable: Whether the project keeps it in a CPU that is to migrate (libvirt drops invtsc).
    """

    text: str
    since: str = ""
    also: tuple[Bits, ...] = ()
    earlier: tuple[Bits, ...] = ()
    migratable: bool = True


@dataclass(frozen=True, slots=True)
class Feature:
    """A named set of bits; the guest has the feature when it has all of them.

    Attributes:
        name: Our name for it: QEMU's where it has one, else libvirt's, Linux's, the manual's.
        bits: Single bits, ordered by address; empty for a switch that no bit shows, or whose bit is not known.
        names: Every name by dialect, the preferred one first.
        vendors: The vendors in whose CPUs these bits mean this; empty for all.
        hypervisors: Of bits that hypervisors make, those that give them this meaning; empty for all other bits.
        title: Two to six words; empty where we have not described it.
        description: What it gives a guest, in our own words; may be empty.
        mirror: The address that this bit repeats (AMD's 0x80000001), else None.
        source: Where the fact comes from.
    """

    name: str
    bits: tuple[Bits, ...]
    names: Mapping[Dialect, tuple[Name, ...]] = field(default_factory=dict)
    vendors: frozenset[str] = frozenset()
    hypervisors: frozenset[str] = frozenset()
    title: str = ""
    description: str = ""
    mirror: Bits | None = None
    source: str = ""

    @property
    def address(self) -> str:
        """The bits in the manuals' short form, or why there are none."""
        return " + ".join(str(bits) for bits in self.bits) or self.why_no_bit

    @property
    def why_no_bit(self) -> str:
        """Why a feature without bits has none; a sourced row says so, Linux makes it, or nobody looked."""
        if self.source:
            return "no CPUID or MSR bit"
        if set(self.names) == {Dialect.LINUX}:
            return "no bit: Linux makes this flag itself"
        return "its bit is not in the atlas"

    def name_in(self, dialect: Dialect) -> str | None:
        """Give the preferred name in a dialect, or None where it has none."""
        names = self.names.get(dialect, ())
        return names[0].text if names else None

    def spellings(self, dialect: Dialect) -> frozenset[str]:
        """Give every name in a dialect."""
        return frozenset(name.text for name in self.names.get(dialect, ()))
