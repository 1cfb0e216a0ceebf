"""Domain: does the libvirt domain's XML ask for it?"""

from __future__ import annotations

from vcpuid.evidence import Evidence
from vcpuid.evidence.guest import Guest
from vcpuid.layers.asking import capabilities_of, judge_definition
from vcpuid.layers.rule import rule
from vcpuid.terms.feature import Feature
from vcpuid.terms.verdict import Layer, Verdict


def judge(feature: Feature, evidence: Evidence, guest: Guest | None) -> Verdict:
    """Judge the XML that asked: that of this run, else that of the next start."""
    if guest is None or guest.definition is None:
        if guest is not None and guest.live is not None:
            return rule("domain.unread").verdict("only the live XML, which is an answer and no question")
        return rule("domain.none").verdict("no domain XML" if guest else "no guest given")
    capabilities = capabilities_of(evidence, guest.accelerator, guest.emulator)
    return judge_definition(Layer.DOMAIN, guest.definition.cpu, feature, evidence, capabilities)
