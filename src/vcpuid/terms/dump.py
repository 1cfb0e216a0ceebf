"""What CPUID and the MSRs of one or many CPUs answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from vcpuid.terms.address import Bits, CpuidRegister, Word

Registers = tuple[int, int, int, int]

_HYPERVISOR_RANGE = 0x4000
# Leaves whose subleaf 0 says in EAX which is their last subleaf (SDM vol. 2A, CPUID).
COUNTED_LEAVES = frozenset((0x7, 0x14, 0x17, 0x18, 0x1D, 0x1E, 0x20, 0x24, 0x29))


def base_of(leaf: int) -> int:
    """Give the first leaf of the range in which a leaf lies: the one whose EAX is the range's maximum.

    Hypervisors put each of their interfaces 0x100 above the last; every other range has 0x10000 leaves.
    """
    return leaf & ~0xFF if leaf >> 16 == _HYPERVISOR_RANGE else leaf & ~0xFFFF


class MissingRow(Enum):
    """What a row that is not in the dump means; each dump format has its own answer."""

    ZERO = "zero"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Cpu:
    """The answers of one logical CPU, or of something that speaks for one (KVM's supported set).

    Attributes:
        number: The logical CPU's number.
        rows: `(leaf, subleaf)` to the four registers.
        msrs: MSR index to value.
        missing: What a row within the maximum that is not here means.
    """

    number: int
    rows: Mapping[tuple[int, int], Registers]
    msrs: Mapping[int, int] = field(default_factory=dict)
    missing: MissingRow = MissingRow.UNKNOWN

    def maximum(self, leaf: int) -> int | None:
        """Give the highest leaf of the range in which `leaf` lies, or None where the dump cannot tell."""
        base = base_of(leaf)
        row = self.rows.get((base, 0))
        if row is None:
            return None
        maximum = row[0]
        if maximum == 0 and base >> 16 == _HYPERVISOR_RANGE:
            return base + 1  # KVM's word for one leaf more (Linux, Documentation/virt/kvm/x86/cpuid.rst)
        # An invalid maximum (an old CPU's answer to 0x80000000) means that the range does not exist.
        return maximum if base <= maximum <= base | 0xFFFF else base - 1

    def is_beyond_last(self, leaf: int, subleaf: int) -> bool:
        """Tell whether subleaf 0 says that the leaf does not have this subleaf."""
        first = self.rows.get((leaf, 0)) if leaf in COUNTED_LEAVES else None
        return first is not None and subleaf > first[0]

    def read(self, word: Word) -> int | None:
        """Read one word; 0 where the leaf or subleaf does not exist, None where nothing is known.

        A leaf above the maximum does not exist, whatever the CPU answers to it.
        """
        if not isinstance(word, CpuidRegister):
            return self.msrs.get(word.index)
        maximum = self.maximum(word.leaf)
        if maximum is not None and word.leaf > maximum:
            return 0
        row = self.rows.get((word.leaf, word.subleaf))
        if row is not None:
            return row[word.register.position]
        if self.is_beyond_last(word.leaf, word.subleaf):
            return 0
        return 0 if self.missing is MissingRow.ZERO and self.rows else None

    def has(self, bits: Bits) -> bool | None:
        """Tell whether all of these bits are set; None where their word is not known."""
        value = self.read(bits.word)
        return None if value is None else value & bits.mask == bits.mask


@dataclass(frozen=True, slots=True)
class Dump:
    """The CPUs of one machine, in order, and where their answers come from."""

    cpus: tuple[Cpu, ...]
    origin: str
