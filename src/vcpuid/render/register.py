"""Registers and their bits as JSON documents."""

from __future__ import annotations

from vcpuid.answers.register import BitExplanation, Cell, RegisterExplanation
from vcpuid.atlas import AnyField, Atlas
from vcpuid.atlas.fields import Field
from vcpuid.render.document import Document, address_document, word_document
from vcpuid.render.explain import explanation_document
from vcpuid.render.ways import ways_of
from vcpuid.terms.address import CpuidRegister
from vcpuid.terms.feature import Feature


def bit_document(answer: BitExplanation) -> Document:
    """Give one bit of a register."""
    match = answer.explanation.match
    subleaf = answer.word.subleaf if isinstance(answer.word, CpuidRegister) else None
    return {
        "schema": "vcpuid-bit/1",
        "explanation": explanation_document(answer.explanation),
        "ways": ways_document(match.feature),
        "fields": [field_document(field, subleaf) for field in answer.fields],
        "register": register_document(answer.register) if answer.register else None,
    }


def ways_document(feature: Feature) -> list[Document]:
    """Give the ways to ask for a feature."""
    return [{"place": way.place, "text": way.text, "since": way.since or None} for way in ways_of(feature)]


def field_document(field: AnyField, subleaf: int | None = None) -> Document:
    """Give a field, by default in the first subleaf that has it."""
    bits = field.bits(subleaf) if isinstance(field, Field) else field.bits()
    return {
        "name": field.name,
        "address": address_document(bits),
        "vendors": sorted(field.vendors),
        "encoding": field.encoding,
        "unit": field.unit,
        "values": {str(raw): text for raw, text in field.values.items()},
        "description": Atlas.load().describe_field(field),
        "source": field.source,
    }


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
