"""Exposure: a guest has what no hop of demand asked for. What takes it away, and in which definition."""

from __future__ import annotations

from collections.abc import Mapping

from vcpuid.evidence import Evidence
from vcpuid.layers.asking import libvirt_names
from vcpuid.layers.rule import rule
from vcpuid.terms.feature import Dialect, Feature
from vcpuid.terms.verdict import Chain, Layer, State, Verdict

_DEMAND = tuple(layer for layer in Layer if layer.chain is Chain.DEMAND)
_TAKEN_AWAY = frozenset(("nova.disable", "domain.disable", "domain.switch-off", "process.disable"))


def judge_exposure(feature: Feature, evidence: Evidence, verdicts: Mapping[Layer, Verdict]) -> Verdict | None:
    """Judge the hops' verdicts together; None where somebody asked, or the guest has it not, or it has no name.

    The mend goes to the first hop that has a part in this guest: those after it are made from it.
    """
    got = verdicts[Layer.GUEST]
    demand = [verdicts[layer] for layer in _DEMAND if verdicts[layer].state is not State.NOT_APPLICABLE]
    states = {verdict.state for verdict in demand}
    if got.state is not State.PRESENT or State.PRESENT in states or State.ABSENT not in states:
        return None
    hop = demand[0].layer
    names = feature.spellings(Dialect.QEMU) if hop is Layer.PROCESS else libvirt_names(feature, evidence)
    if not names:  # nothing in the definition stands for it
        return None
    is_disabled = any(verdict.rule in _TAKEN_AWAY for verdict in demand)
    return rule("guest.exposed-disabled" if is_disabled else f"guest.exposed-{hop.value}").verdict(
        got.summary,
        (*got.evidence, *(proof for verdict in demand for proof in verdict.evidence)),
        predicted_by=got.rules_version,
        name=feature.name_in(Dialect.QEMU) or feature.name if hop is Layer.PROCESS else min(names),
    )
