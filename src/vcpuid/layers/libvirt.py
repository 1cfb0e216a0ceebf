"""libvirt: does its map know the feature, and do domain capabilities offer it?"""

from __future__ import annotations

from pathlib import PurePath

from vcpuid.atlas import describe_since
from vcpuid.errors import InputError
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.guest import Guest
from vcpuid.evidence.libvirt import DomainCapabilities, LibvirtEvidence
from vcpuid.layers.asking import capabilities_of, host_model_has, libvirt_names, names_in_map
from vcpuid.layers.rule import name_fields, rule, unread
from vcpuid.layers.special import beside_cpuid
from vcpuid.layers.words import is_paravirtual
from vcpuid.rules.libvirt.map import CpuMap, MapFeature
from vcpuid.terms.feature import Dialect, Feature
from vcpuid.terms.guest import Accelerator, CpuMode
from vcpuid.terms.verdict import Layer, Provenance, Verdict

# What libvirt 9.0 and 11.3 say where their QEMU finds no KVM.
_NO_KVM = "the accel 'kvm' is not supported by"
_ADVICE = {
    Accelerator.KVM: (
        "QEMU under KVM does not offer {feature} to libvirt here. "
        "Ask QEMU itself: `vcpuid why {feature} --active`."
    ),
    Accelerator.TCG: (
        "TCG (domain type qemu) emulates the CPU, and does not offer {feature} here. "
        "Run the guest under KVM (type='kvm') on a host that has it."
    ),
}


def judge(feature: Feature, evidence: Evidence, guest: Guest | None) -> Verdict:
    """Judge by the host's map, then by the host-model of domain capabilities."""
    if guest is not None and not (guest.definition or guest.live) and guest.command is not None:
        return rule("libvirt.not-used").verdict("started without libvirt")
    past = _passes_by(feature, evidence, guest)
    if past is not None:
        return rule("libvirt.passed-by").verdict(past)
    beside = beside_cpuid(feature)
    if beside is not None:
        return rule("libvirt.beside").verdict(beside)
    if not feature.bits or is_paravirtual(feature):
        return rule("libvirt.not-in-map").verdict("not in the map by design")
    if isinstance(evidence.libvirt, Gap):
        return unread(Layer.LIBVIRT, evidence.libvirt)
    libvirt = evidence.libvirt
    if libvirt.cpu_map is not None:
        refusal = _judge_map(feature, libvirt.cpu_map, libvirt)
        if refusal is not None:
            return refusal
    if guest is not None and guest.launch_security:
        return rule("libvirt.launch-security").verdict(f"launch security {guest.launch_security}")
    accelerator = guest.accelerator if guest else None
    capabilities = capabilities_of(evidence, accelerator, guest.emulator if guest else None)
    return _judge_capabilities(feature, evidence, libvirt, capabilities)


def _passes_by(feature: Feature, evidence: Evidence, guest: Guest | None) -> str | None:
    """Say why libvirt has no part in the request; None where it has."""
    definition = guest.definition if guest else None
    if guest is None or definition is None:
        return None
    if definition.cpu.request_for(libvirt_names(feature, evidence)) is not None:
        return None
    if definition.cpu.mode in (CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM):
        return f"mode {definition.cpu.mode.value} asks QEMU for everything"
    effective = guest.command.effective if guest.command else None
    by_hand = effective.cpu.request_for(feature.spellings(Dialect.QEMU)) if effective else None
    if by_hand is not None and by_hand.policy.asks:
        return "only the process's own -cpu asks for it"
    return None


def _judge_map(feature: Feature, cpu_map: CpuMap, libvirt: LibvirtEvidence) -> Verdict | None:
    if names_in_map(feature, cpu_map):
        return None
    names = feature.spellings(Dialect.LIBVIRT)
    wrong = next((cpu_map.features[name] for name in sorted(names) if name in cpu_map.features), None)
    if wrong is not None:
        return _wrong_mask(feature, wrong)
    since = next((name.since for name in feature.names.get(Dialect.LIBVIRT, ()) if name.since), "")
    return rule("libvirt.unknown-name").verdict(
        f"not in the map of libvirt {libvirt.version or '(unknown version)'}",
        [Provenance(cpu_map.source, f"no feature with {feature.address}")],
        version=libvirt.version,
        since=describe_since(Dialect.LIBVIRT, since),
        **name_fields(feature),
    )


def _map_damaged(fault: InputError) -> Verdict:
    source = PurePath(fault.source or "")
    place = ":".join(str(part) for part in (fault.source, fault.line) if part is not None)
    what = f"{fault.message}: found {fault.found}" if fault.found else fault.message
    return rule("libvirt.map-damaged").verdict(
        f"{place}: {what}",
        [Provenance(place, what)],
        directory=str(source.parent if source.suffix else source),  # of a file, or the folder that has no index
    )


def _unread(problem: Gap) -> Verdict:
    if _NO_KVM in problem.why:
        return rule("libvirt.without-kvm").verdict(str(problem), [Provenance(problem.what, problem.why)])
    return unread(Layer.LIBVIRT, problem)


def _wrong_mask(feature: Feature, wrong: MapFeature) -> Verdict:
    found = " + ".join(bits.plain for bits in wrong.bits) or "no bit"
    return rule("libvirt.wrong-mask").verdict(
        f"{wrong.place}: wrong mask",
        [Provenance(str(wrong.place), found)],
        file=str(wrong.place),
        found=found,
        expected=" + ".join(bits.plain for bits in feature.bits),
        libvirt=wrong.name,
    )


def _judge_capabilities(
    feature: Feature, evidence: Evidence, libvirt: LibvirtEvidence, capabilities: DomainCapabilities | None
) -> Verdict:
    names = libvirt_names(feature, evidence)
    known = "the name is known" if libvirt.cpu_map is not None else "map not read"
    has = host_model_has(names, capabilities, libvirt.cpu_map)
    if capabilities is None or capabilities.host_model is None or has is None:
        problem = evidence.problem("libvirt", "domcapabilities") or evidence.failure("libvirt")
        if libvirt.map_fault is not None:
            return _map_damaged(libvirt.map_fault)
        if problem is not None and capabilities is None:
            return _unread(problem)
        if libvirt.cpu_map is None and capabilities is not None and capabilities.host_model is not None:
            return rule("libvirt.model-unseen").verdict(f"{known}; domain capabilities do not tell")
        return rule("libvirt.name-known").verdict(f"{known}; domain capabilities do not tell")
    source = f"virsh domcapabilities --virttype {'kvm' if capabilities.accelerator.value == 'kvm' else 'qemu'}"
    proof = [Provenance(source, f"host-model {capabilities.host_model.model}: {'has' if has else 'lacks'} it")]
    if has:
        return rule("libvirt.host-model").verdict(f"domain capabilities; {known}", proof)
    cpu_map = libvirt.cpu_map
    if cpu_map is not None and any(
        not cpu_map.features[name].migratable for name in names & set(cpu_map.features)
    ):
        return rule("libvirt.not-migratable").verdict("host-model leaves out what cannot migrate", proof)
    if any(cache.stale and cache.emulator == capabilities.emulator for cache in libvirt.cache):
        return rule("libvirt.stale-cache").verdict("domain capabilities from a stale cache", proof)
    return rule("libvirt.host-model-lacks").verdict(
        f"domain capabilities; {known}",
        proof,
        advice=_ADVICE[capabilities.accelerator].format(feature=feature.name),
    )
