"""The guests of a host: libvirt's domains and QEMU's processes, joined where they are one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vcpuid.errors import InputError
from vcpuid.guest.libvirt import DomainDefinition, parse_domain
from vcpuid.guest.qemu import CommandLine, parse_arguments
from vcpuid.snapshot.node import Node
from vcpuid.terms.place import Place


@dataclass(frozen=True, slots=True)
class DomainEvidence:
    """One libvirt domain.

    Attributes:
        name: Its name.
        uuid: Its UUID.
        pid: Its QEMU process; None while it does not run, or where the process was not seen.
        running: Whether it runs.
        inactive: Its XML as it will start next; None for a transient domain.
        started: Its XML as this run was started; None where it may not be asked for.
        live: Its XML as libvirt rewrote it after asking QEMU.
    """

    name: str
    uuid: str
    pid: int | None
    running: bool
    inactive: DomainDefinition | None
    started: DomainDefinition | None
    live: DomainDefinition | None


@dataclass(frozen=True, slots=True)
class ProcessEvidence:
    """One QEMU process.

    Attributes:
        pid: Its number.
        exe: The path of its binary, in its own file system.
        name: The guest's name as its command line has it; may be empty.
        command: What its command line says of the CPU.
        is_replaced: Whether its binary is no longer in the file system: an upgrade has put another there.
    """

    pid: int
    exe: str
    name: str
    command: CommandLine
    is_replaced: bool = False


@dataclass(frozen=True, slots=True)
class MonitorEvidence:
    """What a running guest's QEMU reported over QMP.

    Attributes:
        domain: The domain's name; empty for a guest that libvirt does not know.
        pid: QEMU's process.
        properties: Property of its first CPU to value.
        dropped: Properties that QEMU could not give (unavailable-features).
    """

    domain: str
    pid: int
    properties: Mapping[str, bool]
    dropped: frozenset[str]


def read_domains(data: Node) -> tuple[DomainEvidence, ...]:
    """Read the `domains` source.

    Raises:
        InputError: The record, or a domain's XML, is damaged.
    """
    return tuple(_read_domain(node) for node in data["domains"])


def _read_domain(node: Node) -> DomainEvidence:
    name = node["name"].text()
    pid, inactive, started, live = (node.get(key) for key in ("pid", "inactive", "started", "live"))
    uuid = node.get("uuid")
    return DomainEvidence(
        name=name,
        uuid=uuid.text() if uuid else "",
        pid=pid.number() if pid else None,
        running=node.get("id") is not None,
        inactive=parse_domain(inactive.text(), f"domain {name}, inactive XML") if inactive else None,
        started=parse_domain(started.text(), f"domain {name}, XML of this run") if started else None,
        live=parse_domain(live.text(), f"domain {name}, live XML") if live else None,
    )


def read_processes(data: Node) -> tuple[ProcessEvidence, ...]:
    """Read the `processes` source.

    Raises:
        InputError: The record is damaged.
    """
    return tuple(_read_process(node) for node in data["processes"])


def _read_process(node: Node) -> ProcessEvidence:
    pid, name, deleted = node["pid"].number(), node.get("name"), node.get("deleted")
    arguments, place = node["args"].texts(), Place(f"process {pid}")
    return ProcessEvidence(
        pid=pid,
        exe=node["exe"].text(),
        name=name.text() if name else "",
        command=parse_arguments(arguments, place),
        is_replaced=deleted is not None and deleted.truth(),
    )


def read_monitor(data: Node) -> tuple[MonitorEvidence, ...]:
    """Read the `monitor` source.

    Raises:
        InputError: The record is damaged.
    """
    return tuple(_read_guest(node) for node in data["guests"])


def _read_guest(node: Node) -> MonitorEvidence:
    domain, pid, properties, dropped = (
        node.get(key) for key in ("domain", "pid", "properties", "unavailable_features")
    )
    return MonitorEvidence(
        domain=domain.text() if domain else "",
        pid=pid.number() if pid else 0,
        properties={
            name: value.value
            for name, value in (properties.members() if properties else ())
            if isinstance(value.value, bool)
        },
        dropped=frozenset(dropped.texts()) if dropped else frozenset(),
    )


def find_domain(domains: Iterable[DomainEvidence], name: str, source: str) -> DomainEvidence:
    """Find a domain by its name or UUID.

    Raises:
        InputError: There is none.
    """
    known = tuple(domains)
    for domain in known:
        if name in (domain.name, domain.uuid):
            return domain
    raise InputError(
        f"no domain {name!r}",
        source=source,
        expected=", ".join(domain.name for domain in known) or "any domain at all: libvirt lists none",
        next_step="`virsh list --all` shows the domains of this host; --uri chooses another connection.",
    )


def find_process(processes: Iterable[ProcessEvidence], pid: int, source: str) -> ProcessEvidence:
    """Find a QEMU process by its number.

    Raises:
        InputError: No QEMU runs under that number.
    """
    known = tuple(processes)
    for process in known:
        if process.pid == pid:
            return process
    raise InputError(
        f"process {pid} is no running QEMU",
        source=source,
        expected=", ".join(f"{process.pid} ({process.name or process.exe})" for process in known)
        or "any QEMU at all: none was seen",
        next_step="`pgrep -a qemu` shows QEMU's processes. It may have ended just now.",
    )
