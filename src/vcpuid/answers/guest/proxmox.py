"""Proxmox VE's CPU as a definition, and a definition as its `cpu:` line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from vcpuid.answers.guest.definition import (
    Definition,
    Loss,
    Written,
    lose_epc,
    lose_members,
    lose_settings,
    translate_requests,
)
from vcpuid.answers.guest.qemu import fold
from vcpuid.errors import UndecidedError
from vcpuid.guest.proxmox import is_option, is_proxmox, load_models, parse_proxmox, render_proxmox
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.terms.feature import Dialect
from vcpuid.terms.guest import AddressBits, CpuMode, FeatureRequest, GuestCpu, Policy, Setting
from vcpuid.terms.place import Place

TITLE = "Proxmox's cpu line"
INPUT = "a cpu: line"

_CUSTOM_NAME = "vcpuid"
_NESTED = "nested-virt"
_NO_FORM = "Proxmox has no option for it"

is_like = is_proxmox


def read(text: str, source: str, _map: CpuMap | None = None) -> Definition:
    """Read a VM's configuration, its `cpu:` line, or a section of cpu-models.conf.

    Raises:
        InputError: It has no CPU, or a line that Proxmox does not take.
    """
    cpu, arguments, place = parse_proxmox(text, source)
    nested = [request for request in cpu.requests if request.name == _NESTED]
    named = replace(cpu, requests=tuple(request for request in cpu.requests if request.name != _NESTED))
    definition = fold(named)
    why = "it is svm or vmx, as the host's vendor has it: name one of them"
    losses = [Loss(_NESTED, why, request.place) for request in nested]
    if arguments:
        losses.append(
            Loss(f"args: {arguments}", "QEMU gets it behind Proxmox's own options", place or Place(source))
        )
    return replace(definition, cpu=replace(definition.cpu, topology=cpu.topology), losses=tuple(losses))


def write(definition: Definition, _map: CpuMap | None = None) -> Written:
    """Write a definition as a `cpu:` line, with a custom model before it where the line may not have its flags.

    Raises:
        UndecidedError: It begins with the host's model, which only libvirt and the host can tell.
    """
    cpu = definition.cpu
    if cpu.mode is CpuMode.HOST_MODEL:
        raise UndecidedError(
            "Proxmox has no host-model, and what it stands for only the host can tell",
            source=str(cpu.place),
            next_step="Give a named model, or the <cpu> that `virsh domcapabilities` shows for host-model.",
        )
    requests, losses = translate_requests(definition, Dialect.QEMU)
    flags = [
        FeatureRequest(setting.name, _policy_of(setting), setting.place)
        for setting in definition.beside
        if isinstance(setting.value, bool)
    ]
    options = [setting for setting in definition.beside if not isinstance(setting.value, bool)]
    losses += lose_settings(tuple(option for option in options if not is_option(option)), _NO_FORM)
    losses += _lost_in_cpu(cpu)
    losses += lose_epc(definition.epc, _NO_FORM)
    written = replace(
        cpu,
        requests=(*requests, *flags),
        settings=tuple(options),
        address_bits=None if cpu.address_bits and cpu.address_bits.limit else cpu.address_bits,
    )
    return Written(render_proxmox(written, _CUSTOM_NAME), tuple(losses))


def _policy_of(setting: Setting) -> Policy:
    return Policy.REQUIRE if setting.value else Policy.DISABLE


def _lost_in_cpu(cpu: GuestCpu) -> Iterator[Loss]:
    if cpu.mode is CpuMode.DEFAULT:
        yield Loss("no model", "Proxmox takes kvm64", cpu.place)
    elif cpu.mode is CpuMode.CUSTOM and cpu.model not in load_models():
        yield Loss(f"model {cpu.model}", "Proxmox VE 9 has no such CPU type", cpu.place)
    for request in cpu.requests:
        if request.policy in (Policy.FORCE, Policy.FORBID):
            what = f"policy {request.policy.value} of {request.name}"
            yield Loss(
                what, f"Proxmox has only + and -: it is {'+' if request.policy.asks else '-'}", request.place
            )
    yield from lose_members(cpu, _NO_FORM)
    if cpu.address_bits is not None and cpu.address_bits.limit is not None:
        yield Loss(f"at most {cpu.address_bits.limit} physical address bits", _NO_FORM, cpu.place)
    if cpu.address_bits == AddressBits("emulate") and cpu.mode is not CpuMode.CUSTOM:
        yield Loss("other physical address bits than the host's, unnumbered", _NO_FORM, cpu.place)
    topology = cpu.topology
    for level in ("threads", "dies", "clusters") if topology is not None else ():
        if (count := getattr(topology, level)) != 1:
            yield Loss(f"{count} {level}", "Proxmox has sockets and cores", cpu.place)
