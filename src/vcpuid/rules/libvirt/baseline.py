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
        migratable: Leave out features with which a guest cannot migrate.

    Raises:
        InputError: The CPUs are of several vendors or have nothing in common; the map has not a model or feature.
    """
    data = [encode(models, cpu) for cpu in cpus]
    vendors = dict.fromkeys(cpu.vendor for cpu in cpus if cpu.vendor)
    if len(vendors) > 1:
        raise InputError("the CPUs are of several vendors", found=" and ".join(vendors))
    bits = data[0].bits
    for one in data[1:]:
        bits &= one.bits
    if offered is not None:
        bits &= models.bits_of(name for name in offered if name in models.features)
    if not bits:
        raise InputError("the CPUs have no feature in common")
    vendor = next(iter(vendors), None)
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
