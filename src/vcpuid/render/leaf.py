"""Leaves as JSON documents."""

from __future__ import annotations

from collections.abc import Iterable

from vcpuid.answers.leaf import LeafExplanation, LeafSummary
from vcpuid.render.document import Document
from vcpuid.render.register import register_document


def leaves_document(leaves: Iterable[LeafSummary]) -> Document:
    """Give the list of leaves."""
    return {"schema": "vcpuid-leaves/1", "leaves": [summary_document(leaf) for leaf in leaves]}


def summary_document(leaf: LeafSummary) -> Document:
    """Give one leaf of a list."""
    return {"leaf": leaf.leaf, "title": leaf.title, "fields": leaf.fields}


def leaf_document(answer: LeafExplanation) -> Document:
    """Give one subleaf of a leaf."""
    return {
        "schema": "vcpuid-leaf/1",
        "leaf": answer.leaf,
        "subleaf": answer.subleaf,
        "title": answer.title,
        "subleaves": [{"first": first, "last": last} for first, last in answer.subleaves],
        "registers": [register_document(register) for register in answer.registers],
    }
