"""Answers as JSON documents. Feature, verdict, address and error have one form each that all documents compose."""

from __future__ import annotations

from typing import Any

from vcpuid.answers.explain import Explanation, FeatureExplanation
from vcpuid.answers.why import Answer
from vcpuid.errors import VcpuidError
from vcpuid.terms.address import Bits, CpuidRegister, Word
from vcpuid.terms.feature import Feature
from vcpuid.terms.verdict import Layer, Verdict

Document = dict[str, Any]


def word_document(word: Word) -> Document:
    """Give a word: leaf, subleaf and register, or an MSR's index."""
    if isinstance(word, CpuidRegister):
        return {"leaf": word.leaf, "subleaf": word.subleaf, "register": word.register.value}
    return {"msr": word.index}


def address_document(bits: Bits) -> Document:
    """Give an address: its word, the first and last bit, and how people write it."""
    return {**word_document(bits.word), "low": bits.low, "high": bits.high, "text": str(bits)}


def feature_document(feature: Feature) -> Document:
    """Give a feature with its names by dialect."""
    return {
        "name": feature.name,
        "title": feature.title,
        "description": feature.description,
        "bits": [address_document(bits) for bits in feature.bits],
        "vendors": sorted(feature.vendors),
        "names": {
            dialect.value: [{"name": name.text, "since": name.since or None} for name in names]
            for dialect, names in feature.names.items()
        },
        "mirror": address_document(feature.mirror) if feature.mirror else None,
        "source": feature.source,
    }


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


def why_document(answers: list[Answer], host: str, taken_at: str) -> Document:
    """Give the answers of `why`."""
    return {
        "schema": "vcpuid-why/1",
        "host": host,
        "taken_at": taken_at,
        "answers": [
            {
                "feature": feature_document(answer.feature),
                "matched": [dialect.value for dialect in answer.match.dialects],
                "guest": answer.guest,
                "asked": answer.asked.value,
                "available": answer.available.value,
                "got": answer.got.value,
                "outcome": answer.outcome.value,
                "broken_at": {
                    "supply": _layer(answer.broken_at.supply),
                    "demand": _layer(answer.broken_at.demand),
                },
                "verdicts": [verdict_document(answer.verdicts[layer]) for layer in Layer],
                "mend": list(answer.mends),
                "notes": list(answer.notes),
            }
            for answer in answers
        ],
    }


def _layer(layer: Layer | None) -> str | None:
    return layer.value if layer else None


def explain_document(explanations: list[Explanation]) -> Document:
    """Give the answers of `explain`."""
    return {"schema": "vcpuid-explain/1", "answers": [_explanation(answer) for answer in explanations]}


def _explanation(answer: Explanation) -> Document:
    if isinstance(answer, FeatureExplanation):
        return {
            "feature": feature_document(answer.match.feature),
            "matched": [dialect.value for dialect in answer.match.dialects],
            "known_since": {dialect.value: since for dialect, since in answer.known_since.items()},
            "leaf_title": answer.leaf_title,
            "see_also": [feature_document(feature) for feature in answer.neighbours],
        }
    return {
        "word": word_document(answer.word),
        "value": answer.value,
        "leaf_title": answer.leaf_title,
        "numbers": [
            {"address": address_document(number.bits), "name": number.field.name, "value": number.value}
            for number in answer.numbers
        ],
        "set_bits": [
            {
                "address": address_document(bit.bits),
                "features": [feature.name for feature in bit.features],
                "field": bit.field.name if bit.field else None,
            }
            for bit in answer.set_bits
        ],
    }


def error_document(error: VcpuidError) -> Document:
    """Give an error."""
    return {
        "schema": "vcpuid-error/1",
        "message": error.message,
        "source": error.source,
        "line": error.line,
        "found": error.found,
        "expected": error.expected,
        "next_step": error.next_step,
        "exit_status": error.exit_status,
    }
