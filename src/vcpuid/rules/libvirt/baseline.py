"""The best CPU that all of several hosts can run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from vcpuid.errors import InputError
from vcpuid.rules.libvirt.decode import Blockers, Decoded, Side, decode
from vcpuid.rules.libvirt.definition import encode
from vcpuid.rules.libvirt.models import CpuData, Models
from vcpuid.terms.guest import GuestCpu


def baseline(
    models: Models,
    cpus: Sequence[GuestCpu],
    *,
    allowed: Blockers | None = None,
    offered: Collection[str] | None = None,
    migratable: bool = False,
) -> Decoded:
    """Describe what CPUs have in common, as a guest's CPU.

    Args:
        models: The map.
        cpus: The CPUs, at least one; each with a model.
        allowed: The hypervisor's models; None for all of the map's.
        offered: The features that the hypervisor can give; None for all of the map's.
        migratable: Leave out features with which a guest cannot migrate by the map's word. (Where the hypervisor
            is asked, libvirt goes by its word instead: by what is `offered`.)

    Raises:
        InputError: There is none, or they are of several vendors or have nothing in common; `encode` refuses one;
            the map has not a vendor or has no model for them.
    """
    if not cpus:
        raise InputError("no CPU to describe")
    bits, vendor = -1, None
    for position, cpu in enumerate(cpus):
        bits &= encode(models, cpu).bits
        # The first CPU's model has no say in the vendor; seen with libvirt 9.0 and 11.3.
        vendor = _join_vendor(models, vendor, cpu, models.model(cpu.model or "").vendor if position else None)
    if offered is not None:
        bits &= models.bits_of(name for name in offered if name in models.features)
    if not bits:
        raise InputError("the CPUs have no feature in common")
    names = dict.fromkeys(cpu.model for cpu in cpus if cpu.model)
    decoded = decode(
        models, CpuData(bits, vendor), Side.GUEST, allowed=allowed, preferred=tuple(names), migratable=migratable
    )
    is_sure = len(names) == 1 and decoded.cpu.model in names
    cpu = replace(
        decoded.cpu,
        fallback=not is_sure,
        vendor=vendor if all(cpu.vendor for cpu in cpus) else None,
    )
    return Decoded(cpu, decoded.trials)


def _join_vendor(models: Models, vendor: str | None, cpu: GuestCpu, of_model: str | None) -> str | None:
    """Give the vendor of the CPUs so far and one more."""
    if cpu.vendor and of_model and cpu.vendor != of_model:
        raise InputError(
            f"the CPU model {cpu.model} is from {of_model}, its definition says another vendor",
            source=cpu.place.source,
            line=cpu.place.line,
            found=repr(cpu.vendor),
        )
    own = cpu.vendor or of_model
    if own is None or own == vendor:
        return vendor
    if vendor is not None:
        raise InputError(
            "the CPUs are of several vendors",
            source=cpu.place.source,
            line=cpu.place.line,
            found=f"{vendor} and {own}",
        )
    models.check_vendor(own, cpu.place)
    return own
