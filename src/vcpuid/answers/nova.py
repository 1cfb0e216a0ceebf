"""A host as Nova sees it, and what Nova's rules make of a configuration, a flavor and an image on it."""

from __future__ import annotations

from dataclasses import replace

from vcpuid.evidence.gap import Gap
from vcpuid.evidence.libvirt import LibvirtEvidence
from vcpuid.guest.nova import NovaCpu
from vcpuid.guest.nova.flavor import Flavor, Image
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.nova.guest import guest_cpu
from vcpuid.rules.nova.host import NovaHost
from vcpuid.rules.nova.refusal import NovaRefusalError
from vcpuid.rules.nova.traits import required_traits
from vcpuid.terms.guest import Accelerator, CpuMode, GuestCpu


def nova_host(libvirt: LibvirtEvidence | Gap, cpu_map: CpuMap) -> NovaHost:
    """Give a host as Nova sees it; `cpu_map` serves where its own is not known.

    Raises:
        InputError: Its map is one that libvirt would refuse.
    """
    if isinstance(libvirt, Gap):
        return NovaHost(Models(cpu_map))
    # Nova names no domain type when it has libvirt compare, and libvirt takes KVM where there is one.
    answers = (libvirt.capabilities_for(accelerator, None) for accelerator in (Accelerator.KVM, Accelerator.TCG))
    capabilities = next((answer for answer in answers if answer is not None), None)
    return NovaHost(
        Models(libvirt.cpu_map or cpu_map), libvirt.host_cpu, capabilities.host_model if capabilities else None
    )


def ask_nova(nova: NovaCpu, host: NovaHost, flavor: Flavor, image: Image | None = None) -> NovaCpu:
    """Give what Nova asks libvirt for, for a guest of a flavor and an image."""
    if nova.config is None or nova.refusal is not None:
        return nova
    traits = required_traits(flavor)
    try:
        cpu = guest_cpu(nova.config, host, flavor, image)
    except NovaRefusalError as error:
        return replace(nova, refusal=f"{error.kind}: {error.words} (at {error.when.value})", traits=traits)
    return replace(nova, cpu=cpu or GuestCpu(CpuMode.DEFAULT, None, (), nova.cpu.place), traits=traits)
