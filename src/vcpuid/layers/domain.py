"""Domain: does the libvirt domain's XML ask for it?"""

from __future__ import annotations

from vcpuid.evidence import Evidence
from vcpuid.evidence.guest import Guest
from vcpuid.guest.libvirt import DomainDefinition
from vcpuid.layers.asking import capabilities_of, judge_definition
from vcpuid.layers.rule import rule
from vcpuid.layers.special import on_by_default
from vcpuid.rules.libvirt.switches import Switch, switch_of
from vcpuid.terms.feature import Feature
from vcpuid.terms.guest import Accelerator, CpuMode
from vcpuid.terms.verdict import Layer, Provenance, Verdict


def judge(feature: Feature, evidence: Evidence, guest: Guest | None) -> Verdict:
    """Judge the XML that asked: that of this run, else that of the next start."""
    if guest is None or guest.definition is None:
        if guest is not None and guest.live is not None:
            return rule("domain.unread").verdict("only the live XML, which is an answer and no question")
        return rule("domain.none").verdict("no domain XML" if guest else "no guest given")
    switch = switch_of(feature)
    if switch is not None and switch.path is not None:
        decided = _judge_switch(feature, switch, guest.definition, guest.accelerator or Accelerator.KVM)
        if decided is not None:
            return decided
    capabilities = capabilities_of(evidence, guest.accelerator, guest.emulator)
    return judge_definition(Layer.DOMAIN, guest.definition.cpu, feature, evidence, capabilities)


def _judge_switch(
    feature: Feature, switch: Switch, definition: DomainDefinition, accelerator: Accelerator
) -> Verdict | None:
    """Judge a feature that an element of its own turns on; None where its mode or QEMU's default decides."""
    attributes = definition.switches.get(switch.path or "")
    place = str(definition.place)
    if attributes is None:
        passes_all = definition.cpu.mode in (CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM)
        if on_by_default(feature, accelerator) or (passes_all and not feature.name.startswith("hv-")):
            return None
        return rule("domain.switch-missing").verdict(
            f"no <{switch.tag}> element", [Provenance(place, f"no {switch.path}")], element=switch.element
        )
    shown = " ".join(f"{name}={value!r}" for name, value in attributes.items())
    proof = [Provenance(place, f"{switch.path} {shown}")]
    conclusion = "switch" if switch.is_on(attributes) else "switch-off"
    return rule(f"domain.{conclusion}").verdict(f"<{switch.tag} {shown}/>", proof, element=switch.element)
