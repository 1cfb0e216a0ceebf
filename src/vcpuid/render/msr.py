"""MSRs as JSON documents."""

from __future__ import annotations

from collections.abc import Iterable

from vcpuid.answers.msr import MsrExplanation, MsrSummary
from vcpuid.render.document import Document
from vcpuid.render.explain import tie_document
from vcpuid.render.register import register_document


def msrs_document(msrs: Iterable[MsrSummary]) -> Document:
    """Give the list of MSRs."""
    return {"schema": "vcpuid-msrs/1", "msrs": [msr_summary_document(msr) for msr in msrs]}


def msr_summary_document(summary: MsrSummary) -> Document:
    """Give one MSR of a list."""
    msr = summary.msr
    return {
        "msr": msr.word.index,
        "name": msr.name,
        "aliases": list(msr.aliases),
        "vendors": sorted(msr.vendors),
        "title": msr.title,
        "fields": summary.fields,
    }


def msr_document(answer: MsrExplanation) -> Document:
    """Give one MSR."""
    msr = answer.msr
    return {
        "schema": "vcpuid-msr/1",
        "msr": msr.word.index,
        "name": msr.name,
        "aliases": list(msr.aliases),
        "vendors": sorted(msr.vendors),
        "title": msr.title,
        "source": msr.source,
        "relations": [tie_document(tie) for tie in answer.ties],
        "register": register_document(answer.register),
    }
