"""The parts of JSON documents: each has one form, which all documents use."""

from __future__ import annotations

from typing import Any

from vcpuid.errors import VcpuidError
from vcpuid.terms.address import Bits, CpuidRegister, Word
from vcpuid.terms.feature import Feature

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
        "hypervisors": sorted(feature.hypervisors),
        "names": {
            dialect.value: [{"name": name.text, "since": name.since or None} for name in names]
            for dialect, names in feature.names.items()
        },
        "mirror": address_document(feature.mirror) if feature.mirror else None,
        "source": feature.source,
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
