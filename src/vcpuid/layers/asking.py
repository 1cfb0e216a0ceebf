"""Whether a definition in libvirt's names asks for a feature: what nova.conf and domain XML share."""

from __future__ import annotations

from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.libvirt import DomainCapabilities, LibvirtEvidence
from vcpuid.layers.rule import name_fields, rule
from vcpuid.layers.special import (
    beside_cpuid,
    follows_topology,
    is_guest_made,
    is_not_migratable,
    on_by_default,
    on_request,
)
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.terms.feature import Dialect, Feature
from vcpuid.terms.guest import Accelerator, CpuMode, FeatureRequest, GuestCpu, Match
from vcpuid.terms.verdict import Layer, Provenance, Verdict

# What libvirt starts when a domain has no <cpu>: QEMU's default model (seen with libvirt 9.0 and 11.3).
DEFAULT_MODEL = "qemu64"


def libvirt_names(feature: Feature, evidence: Evidence) -> frozenset[str]:
    """Give libvirt's names for these bits: the host's map's own where there is one, else the atlas's."""
    cpu_map = map_of(evidence)
    in_map = names_in_map(feature, cpu_map) if cpu_map else frozenset()
    return in_map or feature.spellings(Dialect.LIBVIRT)


def names_in_map(feature: Feature, cpu_map: CpuMap) -> frozenset[str]:
    """Give the map's names for these bits, or for the bits that an earlier libvirt gave the same name."""
    earlier = (name for name in feature.names.get(Dialect.LIBVIRT, ()) if name.earlier)
    moved = {
        name.text
        for name in earlier
        if name.text in cpu_map.features and cpu_map.features[name.text].bits == name.earlier
    }
    return frozenset(found.name for found in cpu_map.named(feature.bits)) | moved


def map_of(evidence: Evidence) -> CpuMap | None:
    """Give the host's CPU map, or None."""
    return evidence.libvirt.cpu_map if isinstance(evidence.libvirt, LibvirtEvidence) else None


def capabilities_of(
    evidence: Evidence, accelerator: Accelerator | None, emulator: str | None
) -> DomainCapabilities | None:
    """Give the domain capabilities that hold for a guest; KVM's where its accelerator is not known."""
    if isinstance(evidence.libvirt, Gap):
        return None
    return evidence.libvirt.capabilities_for(accelerator or Accelerator.KVM, emulator)


def host_model_has(
    names: frozenset[str], capabilities: DomainCapabilities | None, cpu_map: CpuMap | None
) -> bool | None:
    """Tell whether libvirt's host-model has a feature; None where the evidence does not decide."""
    if capabilities is None or capabilities.host_model is None:
        return None
    request = capabilities.host_model.request_for(names)
    if request is not None:
        return request.policy.asks
    return model_has(names, capabilities.host_model.model, cpu_map)


def model_has(names: frozenset[str], model: str | None, cpu_map: CpuMap | None) -> bool | None:
    """Tell whether a named model has a feature, by the map; None where the evidence does not decide."""
    features = cpu_map.model_features(model) if cpu_map and model and names else None
    return None if features is None else bool(names & features)


def misnamed(cpu: GuestCpu, feature: Feature, names: frozenset[str]) -> FeatureRequest | None:
    """Give a request that means this feature by a name that is not libvirt's, or None."""
    spellings = {_letters(name.text) for own in feature.names.values() for name in own}
    return next(
        (request for request in cpu.requests if request.name not in names and _letters(request.name) in spellings),
        None,
    )


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def judge_definition(
    layer: Layer,
    cpu: GuestCpu,
    feature: Feature,
    evidence: Evidence,
    capabilities: DomainCapabilities | None,
) -> Verdict:
    """Judge whether a definition asks for the feature: by name, else by its mode, else by its model."""
    names = libvirt_names(feature, evidence)
    name = min(names, default=feature.name)
    hop = layer.value
    request = cpu.request_for(names)
    if request is not None:
        conclusion = "require" if request.policy.asks else "disable"
        summary = f"{request.place} policy {request.policy.value}" if layer is Layer.DOMAIN else str(request.place)
        return rule(f"{hop}.{conclusion}").verdict(
            summary,
            [Provenance(str(request.place), f"{request.name}: {request.policy.value}")],
            libvirt=name,
            place=str(request.place),
        )
    wrong = misnamed(cpu, feature, names)
    if wrong is not None:
        return rule(f"{hop}.wrong-name").verdict(
            f"{wrong.place}: {wrong.name!r} is not libvirt's name",
            [Provenance(str(wrong.place), wrong.name)],
            libvirt=name,
            written=wrong.name,
            place=str(wrong.place),
        )
    by_default = _judge_default(layer, cpu, feature, capabilities)
    return by_default or _judge_mode(layer, cpu, names, evidence, capabilities)


def _judge_default(
    layer: Layer, cpu: GuestCpu, feature: Feature, capabilities: DomainCapabilities | None
) -> Verdict | None:
    """Judge what QEMU does unasked: its defaults, and what it leaves out of a CPU that may migrate."""
    accelerator = capabilities.accelerator if capabilities else Accelerator.KVM
    place = str(cpu.place)
    if on_by_default(feature, accelerator):
        return rule(f"{layer.value}.default").verdict("on by default in QEMU", [Provenance(place, "not named")])
    passes_all = cpu.mode in (CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM)
    if passes_all and is_not_migratable(feature) and cpu.migratable is not False:
        return rule(f"{layer.value}.migratable").verdict(
            f"mode {cpu.mode.value} leaves out what cannot migrate",
            [Provenance(place, f"migratable={'on' if cpu.migratable else 'not said'}")],
            **name_fields(feature),
        )
    if follows_topology(feature) or is_guest_made(feature) or (on_request(feature) and passes_all):
        return rule(f"{layer.value}.beside").verdict(beside_cpuid(feature) or "", [Provenance(place, "not named")])
    return None


def _judge_mode(
    layer: Layer,
    cpu: GuestCpu,
    names: frozenset[str],
    evidence: Evidence,
    capabilities: DomainCapabilities | None,
) -> Verdict:
    hop, name, place = layer.value, min(names, default=""), str(cpu.place)
    cpu_map = map_of(evidence)
    if cpu.mode in (CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM):
        return rule(f"{hop}.passthrough").verdict(f"mode {cpu.mode.value}", [Provenance(place, cpu.mode.value)])
    if cpu.mode is CpuMode.HOST_MODEL:
        shown, label = host_model_has(names, capabilities, cpu_map), "host-model"
        model_text = capabilities.host_model.model if capabilities and capabilities.host_model else None
        proof = [Provenance("virsh domcapabilities", f"host-model is {model_text}")]
    else:
        model = cpu.model or DEFAULT_MODEL
        shown, label = model_has(names, model, cpu_map), f"model {model}"
        if cpu.mode is CpuMode.DEFAULT:
            label = f"no <cpu>: {model}"
        proof = [Provenance(cpu_map.source if cpu_map else "libvirt's map", f"contents of {model}")]
    proof.insert(0, Provenance(place, label))
    if cpu.mode is CpuMode.CUSTOM and cpu_map is not None and cpu.model and cpu.model not in cpu_map.models:
        return rule(f"{hop}.unknown-model").verdict(
            f"no model {cpu.model} in the map", proof, model=cpu.model, source=cpu_map.source
        )
    if cpu.match is Match.MINIMUM and not shown:
        shown, label = (
            host_model_has(names, capabilities, cpu_map),
            f"{label}, and match='minimum' the host's features,",
        )
    if not names:
        return rule(f"{hop}.undecided").verdict("libvirt has no name for it: <features> may switch it", proof)
    if shown is None:
        return rule(f"{hop}.undecided").verdict(f"{label}: contents not in the evidence", proof)
    conclusion = "host-model" if cpu.mode is CpuMode.HOST_MODEL else "model"
    if shown:
        return rule(f"{hop}.{conclusion}").verdict(f"{label} has it", proof)
    return rule(f"{hop}.{conclusion}-lacks").verdict(f"{label} lacks it", proof, libvirt=name, place=place)
