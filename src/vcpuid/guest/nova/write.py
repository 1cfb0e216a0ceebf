"""Writing a guest's CPU as nova.conf's [libvirt] section, and saying what that cannot express."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vcpuid.guest.nova.config import MODES
from vcpuid.terms.guest import Check, CpuMode, FeatureRequest, GuestCpu, Match, Policy

_MIB = 1 << 20
_MODE_NAMES = {mode: name for name, mode in MODES.items()}
_SIGNS = {Policy.REQUIRE: "", Policy.DISABLE: "-"}
_ASKED_AS = {Policy.FORCE: Policy.REQUIRE, Policy.OPTIONAL: None, Policy.FORBID: Policy.DISABLE}


class Unsaid(NamedTuple):
    """What of a CPU the section does not say, and why."""

    what: str
    why: str


class NovaSection(NamedTuple):
    """A section of nova.conf.

    Attributes:
        text: Its lines, each with its end.
        lost: What neither it nor a flavor can say.
        flavor: The extra specs of a flavor that express more of it.
    """

    text: str
    lost: tuple[Unsaid, ...]
    flavor: dict[str, str]


def render_nova(cpu: GuestCpu) -> NovaSection:
    """Write a CPU whose names are libvirt's as the section that makes Nova ask for it.

    Nova writes the flags of every guest of the host. Topology, NUMA nodes and the width of addresses are a
    flavor's.
    """
    lost: list[Unsaid] = []
    mode = cpu.mode
    if mode is CpuMode.MAXIMUM:
        mode = CpuMode.HOST_PASSTHROUGH
        lost.append(Unsaid("mode maximum", "Nova has none, and host-passthrough stands in for it"))
    lines = [f"cpu_mode = {_MODE_NAMES[mode]}"]
    if mode is CpuMode.CUSTOM and cpu.model is not None:
        lines.append(f"cpu_models = {cpu.model}")
    elif mode is CpuMode.CUSTOM:
        lost.append(Unsaid("mode custom without a model", "nova-compute does not start with it"))
    flags = [flag for request in cpu.requests if (flag := _flag_of(request, lost)) is not None]
    if flags and mode is CpuMode.DEFAULT:
        lost.append(Unsaid(f"the features {', '.join(flags)}", "with cpu_mode none Nova drops every flag"))
    elif flags:
        lines.append(f"cpu_model_extra_flags = {', '.join(flags)}")
    lost += _lost_of(cpu)
    text = "".join(f"{line}\n" for line in ("[libvirt]", *lines))
    return NovaSection(text, tuple(lost), dict(_specs_of(cpu)))


def _flag_of(request: FeatureRequest, lost: list[Unsaid]) -> str | None:
    name = request.name
    # What oslo.config or Nova would read as something else: a separator, a sign, a variable, another letter.
    if not name or name != name.lower() or name[0] in "+-" or set(name) & set(", \t\r\n\"'$"):
        lost.append(Unsaid(f"the feature {name!r}", "a flag cannot be written so"))
        return None
    policy = _ASKED_AS.get(request.policy, request.policy)
    if policy is not request.policy:
        instead = "is left out" if policy is None else f"is written as {policy.value}"
        what = f"policy {request.policy.value} of {name}"
        lost.append(Unsaid(what, f"Nova knows require and disable, and it {instead}"))
    return None if policy is None else f"{_SIGNS[policy]}{name}"


def _lost_of(cpu: GuestCpu) -> Iterator[Unsaid]:
    """Say what neither nova.conf nor a flavor can express."""
    topology, address_bits = cpu.topology, cpu.address_bits
    migratable = "on" if cpu.migratable else "off"
    check = cpu.check.value if cpu.check else ""
    cases = (
        (cpu.match is not Match.EXACT, f"match {cpu.match.value}", "Nova always writes exact"),
        (check not in ("", Check.PARTIAL.value), f"check {check}", "Nova writes none, and libvirt takes partial"),
        (cpu.migratable is not None, f"migratable {migratable}", "Nova never writes it"),
        (cpu.fallback is False, "fallback forbid", "Nova never writes it, and libvirt may replace the model"),
        (cpu.vendor is not None, f"vendor {cpu.vendor}", "Nova never writes it"),
        (cpu.vendor_id is not None, f"vendor_id {cpu.vendor_id}", "Nova never writes it"),
        (cpu.cache is not None, f"cache {cpu.cache.mode if cpu.cache else ''}", "Nova never writes it"),
        (
            topology is not None and (topology.dies, topology.clusters) != (1, 1),
            "dies and clusters",
            "Nova writes sockets, cores and threads alone",
        ),
        (
            address_bits is not None and address_bits.limit is not None,
            "the limit of the address bits",
            "Nova never writes it",
        ),
        (
            any(cell.memory_bytes % _MIB for cell in cpu.cells),
            "the memory of NUMA nodes below a MiB",
            "a flavor counts MiB",
        ),
    )
    yield from (Unsaid(what, why) for is_lost, what, why in cases if is_lost)


def _specs_of(cpu: GuestCpu) -> Iterator[tuple[str, str]]:
    """Give the extra specs that make Nova write the rest; the flavor's vCPUs and memory have to fit."""
    if cpu.topology is not None:
        for level in ("sockets", "cores", "threads"):
            yield f"hw:cpu_{level}", str(getattr(cpu.topology, level))
    if cpu.address_bits is not None and cpu.address_bits.mode in ("passthrough", "emulate"):
        yield "hw:maxphysaddr_mode", cpu.address_bits.mode
        if cpu.address_bits.bits is not None:
            yield "hw:maxphysaddr_bits", str(cpu.address_bits.bits)
    if cpu.cells:
        yield "hw:numa_nodes", str(len(cpu.cells))
        for number, cell in enumerate(cpu.cells):
            if cell.cpus is not None:
                yield f"hw:numa_cpus.{number}", cell.cpus
            yield f"hw:numa_mem.{number}", str(cell.memory_bytes // _MIB)
