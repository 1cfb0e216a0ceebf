"""CPUID as the collector read it on each CPU."""

from __future__ import annotations

from dataclasses import dataclass

from vcpuid.decode.identity import Signature, signature_of, vendor_of
from vcpuid.dumps.snapshot import read_cpus
from vcpuid.snapshot.node import Node
from vcpuid.terms.address import Bits, CpuidRegister, Register
from vcpuid.terms.dump import Cpu, Dump, MissingRow

_HYPERVISOR = Bits(CpuidRegister(1, 0, Register.ECX), 31, 31)


@dataclass(frozen=True, slots=True)
class CpuidEvidence:
    """The machine's CPUs as this kernel sees them.

    Attributes:
        dump: One Cpu for each that was read.
        not_read: CPUs that were left alone (isolated or offline).
    """

    dump: Dump
    not_read: tuple[int, ...]

    @property
    def under_hypervisor(self) -> bool:
        """Whether an outer hypervisor made these answers."""
        return any(cpu.has(_HYPERVISOR) for cpu in self.dump.cpus)

    @property
    def vendor(self) -> str | None:
        """The vendor in the words of our tables; None for one that they do not have."""
        return vendor_of(self.dump.cpus[0]) if self.dump.cpus else None

    @property
    def signature(self) -> Signature | None:
        """Family, model and stepping of the first CPU."""
        return signature_of(self.dump.cpus[0]) if self.dump.cpus else None


def read_cpuid(data: Node) -> CpuidEvidence:
    """Read the `cpuid` source.

    Raises:
        InputError: The record is damaged.
    """
    cpus = tuple(Cpu(number, rows, missing=MissingRow.ZERO) for number, rows in read_cpus(data["cpus"]).items())
    not_read = tuple(node.number() for node in data.get("not_read") or ())
    via = data["via"].text()
    return CpuidEvidence(Dump(cpus, f"CPUID via {via}"), not_read)
