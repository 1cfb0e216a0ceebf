"""Nova: does nova.conf ask libvirt for it?"""

from __future__ import annotations

from vcpuid.evidence import Evidence
from vcpuid.evidence.guest import Guest
from vcpuid.layers.asking import capabilities_of, judge_definition, libvirt_names
from vcpuid.layers.rule import rule, unread
from vcpuid.terms.feature import Feature
from vcpuid.terms.verdict import Layer, Provenance, Verdict


def judge(feature: Feature, evidence: Evidence, guest: Guest | None) -> Verdict:
    """Judge what nova.conf asks for; flavors and images are not part of the evidence."""
    if guest is None or guest.nova is None:
        failure = evidence.failure("nova") if guest is not None and (guest.definition or guest.live) else None
        if failure is not None:
            return unread(Layer.NOVA, failure)
        return rule("nova.none").verdict("no nova.conf" if guest else "no guest given")
    nova = guest.nova
    names = libvirt_names(feature, evidence)
    dropped = next((request for request in nova.dropped if request.name in names), None)
    if dropped is not None:
        return rule("nova.dropped").verdict(
            f"{dropped.place}: cpu_mode none drops flags", [Provenance(str(dropped.place), dropped.name)]
        )
    if nova.refusal is not None:
        return rule("nova.refused").verdict(
            nova.refusal, [Provenance(str(nova.cpu.place), nova.refusal)], refusal=nova.refusal
        )
    if nova.config is None:
        return rule("nova.undecided").verdict(
            nova.unseen or "", [Provenance(str(nova.cpu.place), "not known here")]
        )
    random = next((name for name in nova.config.random if name in names), None)
    if random is not None:
        return rule("nova.random").verdict(
            f"{random} stands in it with both signs", [Provenance(str(nova.cpu.place), f"+{random} and -{random}")]
        )
    if nova.config.mode == "none":
        return rule("nova.no-cpu").verdict(
            "cpu_mode none asks for no CPU", [Provenance(str(nova.cpu.place), "cpu_mode none")]
        )
    capabilities = capabilities_of(evidence, nova.accelerator, guest.emulator)
    return judge_definition(Layer.NOVA, nova.cpu, feature, evidence, capabilities)
