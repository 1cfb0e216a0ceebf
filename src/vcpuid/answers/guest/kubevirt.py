"""KubeVirt's CPU block as a definition, and a definition as such a block."""

from __future__ import annotations

import re
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
from vcpuid.guest.kubevirt import parse_kubevirt, render_kubevirt
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.terms.feature import Dialect
from vcpuid.terms.guest import Check, CpuMode, GuestCpu

TITLE = "KubeVirt's cpu block"
INPUT = "a manifest"

# Keys of a manifest, or of its cpu block; the value of Proxmox's `cpu:` stands on the same line.
_KEY = re.compile(r"^\s*(?:(?:apiVersion|spec|domain|model|features)\s*:|cpu\s*:\s*(?:$|[#{]))", re.MULTILINE)
_NOT_IN_BLOCK = "the cpu block has no place for it"


def is_like(text: str) -> bool:
    """Tell whether a text is JSON or YAML with a key of a manifest or of its cpu block."""
    return text.startswith(("{", "---")) or bool(_KEY.search(text))


def read(text: str, source: str, _map: CpuMap | None = None) -> Definition:
    """Read a manifest, or its cpu block.

    Raises:
        InputError: It is no such manifest.
    """
    cpu, beside = parse_kubevirt(text, source)
    losses = [Loss(entry.path, "only the model, features and topology are read", entry.place) for entry in beside]
    return Definition(Dialect.LIBVIRT, cpu, losses=tuple(losses))


def write(definition: Definition, _map: CpuMap | None = None) -> Written:
    """Write a definition as the cpu block of a manifest."""
    requests, losses = translate_requests(definition, Dialect.LIBVIRT)
    cpu = replace(definition.cpu, requests=requests)
    losses += _lost_in_cpu(cpu)
    hyperv = tuple(setting for setting in definition.beside if setting.name.startswith(("hv-", "kvm")))
    others = tuple(setting for setting in definition.beside if setting not in hyperv)
    losses += lose_settings(hyperv, "it belongs into spec.domain.features or clock, outside of the cpu block")
    losses += lose_settings(others, "KubeVirt has no field for it")
    losses += lose_epc(definition.epc, "KubeVirt has no field for EPC memory")
    if cpu.mode is CpuMode.MAXIMUM:
        cpu = replace(cpu, mode=CpuMode.DEFAULT)
    return Written(render_kubevirt(cpu), tuple(losses))


def _lost_in_cpu(cpu: GuestCpu) -> Iterator[Loss]:
    if cpu.mode in (CpuMode.MAXIMUM, CpuMode.DEFAULT):
        yield Loss(f"mode {cpu.mode.value}", "KubeVirt has no word for it, and takes host-model", cpu.place)
    topology = cpu.topology
    for level in ("dies", "clusters") if topology is not None else ():
        if (count := getattr(topology, level)) != 1:
            yield Loss(f"{count} {level}", "KubeVirt has sockets, cores and threads", cpu.place)
    yield from lose_members(cpu, _NOT_IN_BLOCK)
    if cpu.fallback is False:
        yield Loss("fallback='forbid'", _NOT_IN_BLOCK, cpu.place)
    if cpu.check is Check.FULL:
        yield Loss("check='full'", _NOT_IN_BLOCK, cpu.place)
    if cpu.address_bits is not None:
        yield Loss(f"physical address bits, {cpu.address_bits.mode}", _NOT_IN_BLOCK, cpu.place)
