"""What decides a migration and is no CPU feature: told beside an answer about features, never judged by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from vcpuid.answers.party import Party
from vcpuid.decode.addresses import decode_addresses
from vcpuid.decode.frequency import decode_frequency
from vcpuid.evidence import Gap
from vcpuid.terms.dump import Cpu


class Unchecked(NamedTuple):
    """One subject; the values are empty where they are not known."""

    subject: str
    source: str
    target: str

    @property
    def differs(self) -> bool:
        """Whether both are known and differ."""
        return bool(self.source and self.target) and self.source != self.target


def unchecked(source: Party, target: Party) -> Iterator[Unchecked]:
    """Give every subject with what is known of both sides."""
    others = subjects_of(target)
    for subject, value in subjects_of(source).items():
        yield Unchecked(subject, value, others[subject])


def subjects_of(party: Party) -> dict[str, str]:
    """Give every subject with what is known of one party; empty where nothing is."""
    return {subject: reader(party) for subject, reader in _SUBJECTS.items()}


def known_of(party: Party) -> dict[str, str]:
    """Give what is known of one side: subject to value."""
    return {subject: value for subject, reader in _SUBJECTS.items() if (value := reader(party))}


def _qemu(party: Party) -> str:
    if party.evidence is None:
        return f"QEMU {party.versions.qemu}" if party.versions.qemu else ""
    if not isinstance(party.evidence.libvirt, Gap) and party.evidence.libvirt.hypervisor:
        return party.evidence.libvirt.hypervisor
    binaries = () if isinstance(party.evidence.qemu, Gap) else party.evidence.qemu
    return next((f"QEMU {binary.version}" for binary in binaries if binary.version), "")


def _libvirt(party: Party) -> str:
    if party.evidence is None:
        return party.versions.libvirt
    libvirt = party.evidence.libvirt
    return "" if isinstance(libvirt, Gap) else libvirt.version


def _kernel(party: Party) -> str:
    if party.evidence is None:
        return party.versions.kernel
    kernel = party.evidence.kernel
    return "" if isinstance(kernel, Gap) else kernel.release


def _microcode(party: Party) -> str:
    if party.evidence is None:
        return party.versions.microcode
    cpuinfo = party.evidence.cpuinfo
    return "" if isinstance(cpuinfo, Gap) else ", ".join(cpuinfo.microcode)


def _nested(party: Party) -> str:
    kernel = party.evidence.kernel if party.evidence else None
    if kernel is None or isinstance(kernel, Gap):
        return ""
    values = (kernel.modules.get(module, {}).get("nested") for module in ("kvm_intel", "kvm_amd"))
    return next((f"nested={value}" for value in values if value), "")


def _first_cpu(party: Party) -> Cpu | None:
    if party.evidence is not None and not isinstance(party.evidence.cpuid, Gap):
        return next(iter(party.evidence.cpuid.dump.cpus), None)
    return next(iter(party.cpus), None)


def _address_bits(party: Party) -> str:
    cpu = _first_cpu(party)
    addresses = decode_addresses(cpu) if cpu else None
    return f"{addresses.physical_bits} bits" if addresses else ""


def _tsc(party: Party) -> str:
    cpu = _first_cpu(party)
    frequency = decode_frequency(cpu) if cpu else None
    return f"{frequency.tsc_hz / 1e6:.1f} MHz" if frequency and frequency.tsc_hz else ""


def _nothing(_: Party) -> str:
    return ""


_SUBJECTS: dict[str, Callable[[Party], str]] = {
    "QEMU version": _qemu,
    "machine type": _nothing,
    "libvirt version": _libvirt,
    "kernel": _kernel,
    "microcode": _microcode,
    "TSC frequency": _tsc,
    "physical address bits": _address_bits,
    "nested virtualization": _nested,
    "feature MSRs": _nothing,
}
