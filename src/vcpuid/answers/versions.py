"""The versions of a host's programs that decide about the guests that it starts next."""

from __future__ import annotations

from collections.abc import Iterator

from vcpuid.evidence import Evidence, Gap

_HYPERVISOR = "QEMU "


def next_qemus(evidence: Evidence) -> Iterator[str]:
    """Give libvirt's word, without which all binaries: guests that still run keep one that an upgrade replaced."""
    if not isinstance(evidence.libvirt, Gap) and evidence.libvirt.hypervisor.startswith(_HYPERVISOR):
        yield evidence.libvirt.hypervisor.removeprefix(_HYPERVISOR)
    elif not isinstance(evidence.qemu, Gap):
        yield from (one.version for one in evidence.qemu if one.version)


def libvirt_of(evidence: Evidence) -> str:
    """Give libvirt's version; empty where it is not known."""
    return "" if isinstance(evidence.libvirt, Gap) else evidence.libvirt.version
