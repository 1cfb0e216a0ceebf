"""The guests of a host as the store keeps them: libvirt's domains, and QEMU's processes that are no domain's."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from vcpuid.answers.guest.command import cpu_of_command
from vcpuid.errors import UsageError
from vcpuid.evidence import Evidence
from vcpuid.evidence.guest import Guest, NamedGuest, every_guest
from vcpuid.guest.libvirt import DomainDefinition, render_cpu
from vcpuid.guest.qemu import CommandLine
from vcpuid.terms.guest import CpuMode, GuestCpu


class GuestRow(NamedTuple):
    """One guest of a host; what is not known is empty.

    Attributes:
        guest: Its name.
        running: Whether it runs.
        asked: The <cpu> of its next start; of a process its -cpu, by libvirt's names.
        got: The <cpu> that it runs with: that of its live XML, or of a process what QMP says that it has.
        accelerator: Who runs its instructions.
        machine: Its machine type.
        domain: Whether libvirt knows it.
    """

    guest: str
    running: bool
    asked: str
    got: str
    accelerator: str = ""
    machine: str = ""
    domain: bool = True


def read_guests(evidence: Evidence, features: Collection[str]) -> tuple[GuestRow, ...]:
    """Read the guests of a host, in the order of their names.

    Args:
        evidence: The host's evidence.
        features: The names of libvirt's map.
    """
    rows = (_read(found, features) for found in every_guest(evidence))
    return tuple(sorted(rows, key=lambda row: row.guest))


def _read(found: NamedGuest, features: Collection[str]) -> GuestRow:
    guest, command = found.guest, found.guest.command
    # A second -cpu, written by hand into a domain, replaces the one that libvirt has made of its XML.
    if command is not None and (command.replaced or not found.is_domain):
        asked, got = _of_command(guest, command, features)
    else:
        # libvirt tells the XML of this run with the host's modes made into models: the next start makes them anew.
        asked, got = _cpu(guest.next_definition or guest.definition), _cpu(guest.live or _of_this_run(guest))
    definition = guest.definition or guest.live
    machine = (command.machine if command else None) or (definition.machine if definition else None)
    return GuestRow(
        guest=found.name,
        running=guest.running,
        asked=_text(asked),
        got=_text(got),
        accelerator=guest.accelerator.value if guest.accelerator else "",
        machine=machine or "",
        domain=found.is_domain,
    )


def _of_this_run(guest: Guest) -> DomainDefinition | None:
    return guest.definition if guest.running else None


def _cpu(definition: DomainDefinition | None) -> GuestCpu | None:
    return definition.cpu if definition else None


def _of_command(
    guest: Guest, command: CommandLine, features: Collection[str]
) -> tuple[GuestCpu | None, GuestCpu | None]:
    argument = command.effective
    if argument is None:
        return GuestCpu(CpuMode.DEFAULT, None, (), command.place), None
    asked = cpu_of_command(argument, features)
    if guest.monitor is None:
        return asked, None
    return asked, cpu_of_command(argument, features, guest.monitor.dropped)


def _text(cpu: GuestCpu | None) -> str:
    """Write a <cpu>; a process's arguments may hold what no XML can."""
    try:
        return render_cpu(cpu) if cpu else ""
    except UsageError:
        return ""
