"""A verdict as a part of JSON documents."""

from __future__ import annotations

from vcpuid.render.document import Document
from vcpuid.terms.verdict import Verdict


def verdict_document(verdict: Verdict) -> Document:
    """Give a verdict with its evidence."""
    return {
        "layer": verdict.layer.value,
        "chain": verdict.layer.chain.value,
        "state": verdict.state.value,
        "basis": verdict.basis.value,
        "rule": verdict.rule,
        "rules_version": verdict.rules_version,
        "summary": verdict.summary,
        "explanation": verdict.explanation,
        "evidence": [{"source": proof.source, "value": proof.value} for proof in verdict.evidence],
        "cannot_prove": verdict.cannot_prove,
        "mend": verdict.mend,
    }
