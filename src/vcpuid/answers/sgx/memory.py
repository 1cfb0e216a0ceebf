"""The enclave memory of a host: how much each NUMA node has, and how much of it guests have already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from vcpuid.decode.sgx import epc_sections
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.libvirt import SgxOffer
from vcpuid.terms.epc import EpcSection
from vcpuid.terms.guest import Accelerator


class KnownBy(Enum):
    """Who told which NUMA node has how much."""

    KERNEL = "the kernel, by node"
    LIBVIRT = "libvirt, by node"
    CPUID = "CPUID, a section a node assumed"


class Use(NamedTuple):
    """Enclave memory of one guest.

    Attributes:
        guest: Its name.
        size_bytes: One of its sections.
        nodes: The host's nodes that it may come from; empty for any.
        runs: Whether the guest runs, and so has it.
    """

    guest: str
    size_bytes: int
    nodes: frozenset[int]
    runs: bool


class Node(NamedTuple):
    """One NUMA node's enclave memory.

    Attributes:
        number: The node.
        size_bytes: All of it.
        used_bytes: What running guests may have of it. A guest that may take its memory from several nodes
            counts whole at each of them: so no more is free than is sure to be.
    """

    number: int
    size_bytes: int
    used_bytes: int

    @property
    def free_bytes(self) -> int:
        """What is sure to be free."""
        return max(self.size_bytes - self.used_bytes, 0)


class Memory(NamedTuple):
    """The enclave memory of a host.

    Attributes:
        nodes: Its nodes that have any, by number.
        uses: What guests have, or will ask for at their start.
        known_by: Who told of the nodes; None where nobody did.
    """

    nodes: tuple[Node, ...]
    uses: tuple[Use, ...]
    known_by: KnownBy | None

    @property
    def size_bytes(self) -> int:
        """All enclave memory."""
        return sum(node.size_bytes for node in self.nodes)

    @property
    def used_bytes(self) -> int:
        """What running guests have."""
        return sum(use.size_bytes for use in self.uses if use.runs)

    @property
    def free_bytes(self) -> int:
        """What is sure to be free."""
        return max(min(self.size_bytes - self.used_bytes, sum(node.free_bytes for node in self.nodes)), 0)


def sections_in_cpuid(evidence: Evidence) -> tuple[int, ...] | None:
    """Give the bytes of CPUID's sections; None where they were not read."""
    if isinstance(evidence.cpuid, Gap) or not evidence.cpuid.dump.cpus:
        return None
    sections = epc_sections(evidence.cpuid.dump.cpus[0])
    return None if sections is None else tuple(section.size_bytes for section in sections)


def offer_of_libvirt(evidence: Evidence) -> SgxOffer | None:
    """Give what domain capabilities for KVM offer; None where they offer none, or were not read."""
    if isinstance(evidence.libvirt, Gap):
        return None
    answer = evidence.libvirt.capabilities_for(Accelerator.KVM, None)
    return answer.sgx_offer if answer else None


def read_memory(evidence: Evidence) -> Memory:
    """Add up what the host has, and what its guests have of it."""
    sizes, known_by = _sizes(evidence)
    uses = tuple(_uses(evidence))
    running = [use for use in uses if use.runs]
    nodes = tuple(
        Node(number, size, sum(use.size_bytes for use in running if not use.nodes or number in use.nodes))
        for number, size in sorted(sizes.items())
        if size
    )
    return Memory(nodes, uses, known_by if nodes else None)


def _sizes(evidence: Evidence) -> tuple[Mapping[int, int], KnownBy]:
    if not isinstance(evidence.sgx, Gap) and any(evidence.sgx.epc_bytes.values()):
        return evidence.sgx.epc_bytes, KnownBy.KERNEL
    offer = offer_of_libvirt(evidence)
    if offer is not None and offer.sections:
        return offer.sections, KnownBy.LIBVIRT
    return dict(enumerate(sections_in_cpuid(evidence) or ())), KnownBy.CPUID


def _uses(evidence: Evidence) -> Iterator[Use]:
    """Walk the sections of every guest once: a domain's process says best what it has."""
    processes = () if isinstance(evidence.processes, Gap) else evidence.processes
    domains = () if isinstance(evidence.domains, Gap) else evidence.domains
    by_pid = {process.pid: process for process in processes}
    for domain in domains:
        process = by_pid.pop(domain.pid, None) if domain.pid is not None else None
        if process is not None and process.command.epc:
            yield from _sections(domain.name, process.command.epc, runs=True)
            continue
        definition = (domain.live or domain.started if domain.running else None) or domain.inactive
        if definition is not None:
            yield from _sections(domain.name, definition.epc, runs=domain.running)
    for process in by_pid.values():
        yield from _sections(process.name or f"process {process.pid}", process.command.epc, runs=True)


def _sections(guest: str, sections: tuple[EpcSection, ...], *, runs: bool) -> Iterator[Use]:
    for section in sections:
        yield Use(guest, section.size_bytes, section.nodes, runs)
