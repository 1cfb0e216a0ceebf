"""Leaves, their registers and their bits as JSON documents."""

from __future__ import annotations

from collections.abc import Iterable

from vcpuid.answers.leaf import BitExplanation, Cell, LeafExplanation, LeafSummary, RegisterExplanation
from vcpuid.atlas import Atlas, Field
from vcpuid.render.document import Document, address_document, word_document
from vcpuid.render.explain import explanation_document
from vcpuid.render.ways import ways_of
from vcpuid.terms.feature import Feature


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
        "registers": [_register(register) for register in answer.registers],
    }


def bit_document(answer: BitExplanation) -> Document:
    """Give one bit of a register."""
    match = answer.explanation.match
    return {
        "schema": "vcpuid-bit/1",
        "explanation": explanation_document(answer.explanation),
        "ways": ways_document(match.feature),
        "fields": [field_document(field, answer.word.subleaf) for field in answer.fields],
        "register": _register(answer.register) if answer.register else None,
    }


def ways_document(feature: Feature) -> list[Document]:
    """Give the ways to ask for a feature."""
    return [{"place": way.place, "text": way.text, "since": way.since or None} for way in ways_of(feature)]


def field_document(field: Field, subleaf: int | None = None) -> Document:
    """Give a field, by default in the first subleaf that has it."""
    return {
        "name": field.name,
        "address": address_document(field.bits(subleaf)),
        "vendors": sorted(field.vendors),
        "encoding": field.encoding,
        "unit": field.unit,
        "values": {str(raw): text for raw, text in field.values.items()},
        "description": Atlas.load().describe_field(field),
        "source": field.source,
    }


def _register(register: RegisterExplanation) -> Document:
    return {
        **word_document(register.word),
        "text": register.word.manual,
        "grids": [
            {"scopes": list(grid.scopes), "cells": [cell_document(cell) for cell in grid.cells]}
            for grid in register.grids
        ],
    }


def cell_document(cell: Cell) -> Document:
    """Give a cell of a register."""
    feature, field = cell.feature, cell.field
    return {
        "low": cell.bits.low,
        "high": cell.bits.high,
        "name": feature.name if feature else field.name if field else "",
        "title": Atlas.load().describe_field(field) if field else feature.title if feature else "",
        "vendors": sorted(field.vendors if field else feature.vendors if feature else ()),
        "is_feature": feature is not None,
    }
