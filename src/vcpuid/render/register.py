"""Registers and their bits as JSON documents."""

from __future__ import annotations

from vcpuid.answers.register import BitExplanation, Cell, RegisterExplanation
from vcpuid.atlas import Atlas
from vcpuid.render.document import Document, word_document
from vcpuid.render.explain import explanation_document
from vcpuid.render.ways import ways_of
from vcpuid.terms.feature import Feature


def bit_document(answer: BitExplanation) -> Document:
    """Give one bit of a register."""
    match = answer.explanation.match
    return {
        "schema": "vcpuid-bit/1",
        "explanation": explanation_document(answer.explanation),
        "ways": ways_document(match.feature),
        "register": register_document(answer.register) if answer.register else None,
    }


def ways_document(feature: Feature) -> list[Document]:
    """Give the ways to ask for a feature."""
    return [{"place": way.place, "text": way.text, "since": way.since or None} for way in ways_of(feature)]


def register_document(register: RegisterExplanation) -> Document:
    """Give a register with its grids."""
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
