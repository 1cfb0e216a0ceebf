"""One guest with everything that is known of it, whichever way it was named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from vcpuid.errors import InputError
from vcpuid.evidence.cpuid import CpuidEvidence
from vcpuid.evidence.gap import Gap
from vcpuid.evidence.host import Evidence
from vcpuid.evidence.running import (
    DomainEvidence,
    MonitorEvidence,
    ProcessEvidence,
    find_domain,
    find_process,
)
from vcpuid.guest.libvirt import DomainDefinition
from vcpuid.guest.nova import NovaCpu
from vcpuid.guest.qemu import CommandLine
from vcpuid.terms.guest import Accelerator

# Under plain SEV the hypervisor still decides what CPUID says (AMD APM vol. 2, 15.34 to 15.36).
_MODULE_DECIDES = frozenset(("sev-snp", "sev-snp-guest", "tdx", "tdx-guest"))


@dataclass(frozen=True, slots=True)
class Guest:
    """What is known of the guest that a question is about.

    Attributes:
        label: What it is for people, as in `domain web-1`.
        running: Whether it runs now.
        nova: The nova.conf that asks for it; None where Nova has no part in it.
        definition: The domain XML that asked for it; None for a guest without one.
        next_definition: The domain XML of the next start, where that is another.
        live: Its domain XML as libvirt rewrote it after the start.
        command: Its QEMU's command line.
        process: Its QEMU's process, while it runs.
        monitor: What its QEMU reported over QMP.
        inside: CPUID as read inside the guest.
    """

    label: str
    running: bool = False
    nova: NovaCpu | None = None
    definition: DomainDefinition | None = None
    next_definition: DomainDefinition | None = None
    live: DomainDefinition | None = None
    command: CommandLine | None = None
    process: ProcessEvidence | None = None
    monitor: MonitorEvidence | None = None
    inside: CpuidEvidence | None = None

    @property
    def accelerator(self) -> Accelerator | None:
        """Who runs the guest, by its process, else its XML, else nova.conf; None where nothing tells."""
        for source in (self.command, self.live, self.definition, self.nova):
            if source is not None and source.accelerator is not None:
                return source.accelerator
        return None

    @property
    def emulator(self) -> str | None:
        """The QEMU binary that the guest's XML names, or None."""
        definition = self.definition or self.live
        return definition.emulator if definition else None

    @property
    def launch_security(self) -> str | None:
        """The kind of launch security (`sev-snp`, `tdx`) that decides the guest's CPUID, or None."""
        definition = self.live or self.definition
        kinds = (
            definition.launch_security if definition else None,
            self.command.confidential if self.command else None,
        )
        return next((kind for kind in kinds if kind in _MODULE_DECIDES), None)


class NamedGuest(NamedTuple):
    """A guest of a host, under a name that no other of its guests has.

    Attributes:
        name: Its domain's name, else what its process is called.
        pid: Its QEMU process; None while it does not run, or where the process was not seen.
        is_domain: Whether libvirt knows it.
        guest: What is known of it.
    """

    name: str
    pid: int | None
    is_domain: bool
    guest: Guest


def every_guest(evidence: Evidence) -> Iterator[NamedGuest]:
    """Walk the guests of a host: every domain, and every process that is no domain's."""
    domains = () if isinstance(evidence.domains, Gap) else evidence.domains
    processes = () if isinstance(evidence.processes, Gap) else evidence.processes
    for domain in domains:
        guest = guest_of_domain(evidence, domain.uuid or domain.name)
        yield NamedGuest(domain.name, domain.pid, is_domain=True, guest=guest)
    known = {domain.pid for domain in domains}
    taken = {domain.name for domain in domains}
    for process in processes:
        if process.pid not in known:
            name = process.name or f"process {process.pid}"
            name = name if name not in taken else f"{name} ({process.pid})"
            taken.add(name)
            guest = guest_of_process(evidence, process.pid)
            yield NamedGuest(name, process.pid, is_domain=False, guest=guest)


def guest_of_domain(evidence: Evidence, name: str) -> Guest:
    """Join a libvirt domain with its process and its nova.conf.

    Raises:
        InputError: libvirt gave no domains, or not this one.
    """
    if isinstance(evidence.domains, Gap):
        raise _unreachable("libvirt's domains", evidence.domains, evidence)
    domain = find_domain(evidence.domains, name, evidence.snapshot.source)
    processes = () if isinstance(evidence.processes, Gap) else evidence.processes
    process = next((process for process in processes if process.pid == domain.pid), None)
    return _joined(f"domain {domain.name}", evidence, domain, process)


def guest_of_process(evidence: Evidence, pid: int) -> Guest:
    """Join a QEMU process with its libvirt domain, where it has one.

    Raises:
        InputError: The processes could not be read, or this is no QEMU.
    """
    if isinstance(evidence.processes, Gap):
        raise _unreachable("QEMU's processes", evidence.processes, evidence)
    process = find_process(evidence.processes, pid, evidence.snapshot.source)
    domains = () if isinstance(evidence.domains, Gap) else evidence.domains
    domain = next((domain for domain in domains if domain.pid == pid), None)
    return _joined(f"process {pid}", evidence, domain, process)


def _joined(
    label: str, evidence: Evidence, domain: DomainEvidence | None, process: ProcessEvidence | None
) -> Guest:
    monitors = () if isinstance(evidence.monitor, Gap) else evidence.monitor
    nova = None if domain is None or isinstance(evidence.nova, Gap) else evidence.nova
    return Guest(
        label=label,
        running=process is not None or (domain is not None and domain.running),
        nova=nova,
        definition=(domain.started or domain.inactive) if domain else None,
        next_definition=domain.inactive if domain and domain.started else None,
        live=domain.live if domain else None,
        command=process.command if process else None,
        process=process,
        monitor=next((found for found in monitors if _is_same(found, domain, process)), None),
    )


def _is_same(monitor: MonitorEvidence, domain: DomainEvidence | None, process: ProcessEvidence | None) -> bool:
    by_domain = domain is not None and monitor.domain == domain.name
    return by_domain or (process is not None and monitor.pid == process.pid)


def _unreachable(what: str, gap: Gap, evidence: Evidence) -> InputError:
    return InputError(
        f"{what} are not in the evidence",
        source=evidence.snapshot.source,
        found=str(gap),
        next_step=gap.remedy or None,
    )
