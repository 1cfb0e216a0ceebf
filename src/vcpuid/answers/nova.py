"""A host as Nova sees it, and what Nova's rules make of a configuration, a flavor and an image on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from vcpuid.errors import InputError
from vcpuid.evidence.gap import Gap
from vcpuid.evidence.libvirt import LibvirtEvidence
from vcpuid.guest.nova import NovaCpu, nova_version
from vcpuid.guest.nova.flavor import Flavor, Image
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.nova.check import Result, check_start, report_traits
from vcpuid.rules.nova.guest import guest_cpu
from vcpuid.rules.nova.host import NovaHost
from vcpuid.rules.nova.refusal import NovaRefusalError
from vcpuid.rules.nova.traits import flags_by_trait
from vcpuid.terms.feature import Dialect, Feature
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
    try:
        cpu = guest_cpu(nova.config, host, flavor, image)
    except NovaRefusalError as error:
        return replace(nova, refusal=f"{error.kind}: {error.words} (at {error.when.value})", flavor=flavor.name)
    none = GuestCpu(CpuMode.DEFAULT, None, (), nova.cpu.place)
    return replace(nova, cpu=cpu or none, flavor=flavor.name)


def notes_on_nova(feature: Feature, libvirt: LibvirtEvidence | Gap, nova: NovaCpu) -> Iterator[str]:
    """Say what Nova does on this host beside what it asks for: its start check, and the feature's trait."""
    config = nova.config
    if config is None or config.contradiction is not None or isinstance(libvirt, Gap) or libvirt.cpu_map is None:
        return
    by = f"By the rules of Nova {nova_version()}"
    try:
        host = nova_host(libvirt, libvirt.cpu_map)
        check = check_start(config, host)
        reported = report_traits(config, host) if check.result is not Result.REFUSED else None
    except InputError:
        return  # libvirt would refuse its own map or CPU: its hop has told it
    if check.result is Result.REFUSED:
        missing = f": {' '.join(check.missing)}" if check.missing else ""
        yield f"{by} nova-compute does not start on this host: {check.reason}{missing} ({check.place})."
    for trait in sorted(feature.spellings(Dialect.TRAIT)):
        if trait in flags_by_trait() and reported is not None:
            tells = "tells placement" if trait in reported else "does not tell placement"
            yield f"{by} this host {tells} that it has {trait}."
