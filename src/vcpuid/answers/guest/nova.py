"""nova.conf as a definition, and a definition as its [libvirt] section."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from vcpuid.answers.guest.definition import (
    Definition,
    Loss,
    Written,
    lose_epc,
    lose_settings,
    translate_requests,
)
from vcpuid.errors import InputError, UndecidedError
from vcpuid.guest.nova import NovaConfig, NovaCpu, is_nova_conf, parse_ini, parse_nova_files, render_nova
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.terms.feature import Dialect

TITLE = "nova.conf's [libvirt] section"
INPUT = "a nova.conf"

is_like = is_nova_conf


def read(text: str, source: str, cpu_map: CpuMap | None = None) -> Definition:
    """Read a nova.conf: what Nova asks for where no flavor has a say.

    Raises:
        InputError: Nova would not start with it.
        UndecidedError: An option rests on another whose value is not in it.
    """
    nova = parse_nova_files([parse_ini(text, source)])
    place = nova.cpu.place
    if nova.refusal is not None:
        raise InputError(f"Nova refuses it: {nova.refusal}", source=place.source, line=place.line)
    if nova.config is None:
        raise UndecidedError(nova.unseen or "", source=place.source, line=place.line)
    models = (cpu_map or shipped_map()).models
    # Nova looks a model up whatever its capital letters are.
    model = next((name for name in models if name.lower() == (nova.cpu.model or "").lower()), nova.cpu.model)
    losses = tuple(_lost_in_conf(nova, nova.config))
    return Definition(Dialect.LIBVIRT, replace(nova.cpu, model=model), losses=losses)


def _lost_in_conf(nova: NovaCpu, config: NovaConfig) -> Iterator[Loss]:
    for item in config.models[1:]:
        yield Loss(f"model {item.text}", "a flavor's traits choose among the models", item.place)
    for request in nova.dropped:
        yield Loss(f"feature {request.name}", "with cpu_mode none Nova drops every flag", request.place)
    for request in nova.cpu.requests:
        if request.name in config.random:
            opposite = "disable" if request.policy.asks else "require"
            why = "the flags have both, and which counts differs from one start of Nova to the next"
            yield Loss(f"feature {request.name} ({opposite})", why, request.place)


def write(definition: Definition, _map: CpuMap | None = None) -> Written:
    """Write a definition as the section, with the command for the flavor that says the rest as a comment."""
    requests, losses = translate_requests(definition, Dialect.LIBVIRT)
    cpu = replace(definition.cpu, requests=requests)
    section = render_nova(cpu)
    losses += [Loss(unsaid.what, unsaid.why, cpu.place) for unsaid in section.lost]
    losses += lose_settings(definition.beside, "nova.conf has no option for it")
    losses += lose_epc(definition.epc, "upstream Nova has no support of SGX")
    lines = [section.text.rstrip("\n")]
    if section.flavor:
        properties = "".join(f" --property {key}={value}" for key, value in section.flavor.items())
        lines += ["# The flavor says the rest:", f"# openstack flavor set{properties} FLAVOR"]
    return Written("\n".join(lines), tuple(losses))
