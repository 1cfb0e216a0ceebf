"""Nova: does nova.conf ask libvirt for it?"""

from __future__ import annotations

from dataclasses import replace

from vcpuid.evidence import Evidence
from vcpuid.evidence.guest import Guest
from vcpuid.guest.nova import NovaCpu, nova_version
from vcpuid.layers.asking import capabilities_of, judge_definition, libvirt_names, map_of
from vcpuid.layers.rule import rule, unread
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.terms.feature import Feature
from vcpuid.terms.guest import GuestCpu
from vcpuid.terms.verdict import Basis, Layer, Provenance, Verdict

# What is said of the first of cpu_models, and of the model that a flavor leads to.
_BY_FLAVOR = {"nova.model": "nova.flavor-model", "nova.model-lacks": "nova.flavor-model-lacks"}


def judge(feature: Feature, evidence: Evidence, guest: Guest | None) -> Verdict:
    """Judge what nova.conf asks for; a flavor and an image have a say where they are given."""
    if guest is None or guest.nova is None:
        failure = evidence.failure("nova") if guest is not None and (guest.definition or guest.live) else None
        if failure is not None:
            return unread(Layer.NOVA, failure)
        return rule("nova.none").verdict("no nova.conf" if guest else "no guest given")
    nova = guest.nova
    names = libvirt_names(feature, evidence)
    verdict = _judge_options(nova, names)
    if verdict is None:
        capabilities = capabilities_of(evidence, nova.accelerator, guest.emulator)
        cpu = _spelled(nova.cpu, map_of(evidence))
        verdict = judge_definition(Layer.NOVA, cpu, feature, evidence, capabilities)
    if nova.flavor is None:
        return verdict
    if (told := _BY_FLAVOR.get(verdict.rule)) is not None:
        name = min(names, default=feature.name)
        verdict = rule(told).verdict(f"{verdict.summary} (flavor {nova.flavor})", verdict.evidence, libvirt=name)
    return replace(verdict, basis=Basis.PREDICTED, rules_version=f"Nova {nova_version()}")


def _judge_options(nova: NovaCpu, names: frozenset[str]) -> Verdict | None:
    """Judge by the options alone; None where the CPU that they lead to decides."""
    place = str(nova.cpu.place)
    dropped = next((request for request in nova.dropped if request.name in names), None)
    if dropped is not None:
        return rule("nova.dropped").verdict(
            f"{dropped.place}: cpu_mode none drops flags", [Provenance(str(dropped.place), dropped.name)]
        )
    if nova.refusal is not None:
        told, summary = "nova.refused", nova.refusal
        if nova.flavor is not None:  # its exception's class comes first
            told, summary = "nova.guest-refused", f"{nova.refusal.partition(':')[0]} (flavor {nova.flavor})"
        return rule(told).verdict(summary, [Provenance(place, nova.refusal)], refusal=nova.refusal)
    if nova.config is None:
        return rule("nova.undecided").verdict(nova.unseen or "", [Provenance(place, "not known here")])
    random = next((name for name in nova.config.random if name in names), None)
    if random is not None:
        return rule("nova.random").verdict(
            f"{random} stands in it with both signs", [Provenance(place, f"+{random} and -{random}")]
        )
    if nova.config.mode == "none":
        return rule("nova.no-cpu").verdict("cpu_mode none asks for no CPU", [Provenance(place, "cpu_mode none")])
    return None


def settled_cpu(nova: NovaCpu, cpu_map: CpuMap | None) -> GuestCpu | None:
    """Give the CPU that libvirt is asked for; None where Nova asks for none, or which one is not settled."""
    if nova.refusal is not None or nova.config is None or nova.config.random:
        return None
    return _spelled(nova.cpu, cpu_map)


def _spelled(cpu: GuestCpu, cpu_map: CpuMap | None) -> GuestCpu:
    """Give a model the map's capital letters, as Nova does."""
    if cpu.model is None or cpu_map is None or cpu.model in cpu_map.models:
        return cpu
    return replace(
        cpu, model=next((name for name in cpu_map.models if name.lower() == cpu.model.lower()), cpu.model)
    )
