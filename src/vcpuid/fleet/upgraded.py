"""Names of a guest that an upgraded host does not know, or no longer: to its libvirt's map, to its QEMU."""

from __future__ import annotations

import re
from typing import NamedTuple

from vcpuid.answers.party import Party
from vcpuid.answers.versions import next_qemus
from vcpuid.rules.qemu.knowledge import Qemu, load_qemu, version_of
from vcpuid.terms.guest import CpuMode, GuestCpu

_VERSIONED = re.compile(r"pc-(?:i440fx|q35)-([0-9]+\.[0-9]+)(?:\.[0-9]+)?")
"""Machine types of QEMU itself. Those of distributions are not judged: which of them a build has is not known."""
_SERIES = 2
"""The numbers of a version that say which machine types and models it has."""


class Refusal(NamedTuple):
    """What a host's program refuses to start: why, in a sentence, and the names that it is about."""

    reason: str
    names: tuple[str, ...]


def refusal_of(host: Party, cpu: GuestCpu, machine: str, *, is_domain: bool) -> Refusal | None:
    """Find a name that a host surely refuses; None where there is none, or the host does not tell enough.

    Args:
        host: The host.
        cpu: The guest's CPU, by libvirt's names.
        machine: Its machine type; may be empty.
        is_domain: Whether libvirt starts it; else names of libvirt's map are of no matter.
    """
    names = _unknown_to_libvirt(host, cpu) if is_domain else ()
    if names:
        return Refusal(f"libvirt's map of {host.name} has no name for it", names)
    qemu = _qemu_of(host)
    if qemu is None:
        return None
    if _lacks_machine(qemu, machine):
        return Refusal(f"QEMU {qemu.asked} of {host.name} has no such machine type", (machine,))
    # libvirt may take another model in place of one that QEMU lacks, unless that is forbidden.
    is_bound = not is_domain or cpu.fallback is False
    model = cpu.model if cpu.mode is CpuMode.CUSTOM else None
    if model and is_bound and qemu.is_exact and model not in qemu.models:
        return Refusal(f"QEMU {qemu.asked} of {host.name} has no such CPU model", (model,))
    return None


def _unknown_to_libvirt(host: Party, cpu: GuestCpu) -> tuple[str, ...]:
    """Give the names that a host's own libvirt does not know; none where its map is not known."""
    own = host.cpu_map
    if own is None:
        return ()
    written = (request.name for request in cpu.requests if request.name not in own.features)
    model = (cpu.model,) if cpu.model and cpu.model not in own.models else ()
    return (*model, *written)


def _lacks_machine(qemu: Qemu, machine: str) -> bool:
    versioned = _VERSIONED.fullmatch(machine)
    if versioned is None:
        return False
    is_newer = version_of(versioned[1]) > version_of(qemu.asked)[:_SERIES]
    return is_newer or (qemu.is_exact and machine not in qemu.machines)


def _qemu_of(host: Party) -> Qemu | None:
    """Give what is known of the QEMU that a host starts next; None where it has several, or none that is told."""
    if host.evidence is None:
        return None
    versions = set(next_qemus(host.evidence))
    series = {version_of(version)[:_SERIES] for version in versions}
    if len(series) != 1 or len(min(series)) < _SERIES:
        return None
    return load_qemu(min(versions))
