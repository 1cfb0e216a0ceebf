"""A leaf's registers, as grids of 32 bits."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from vcpuid.answers.leaf import explain_leaf
from vcpuid.render.document import Document
from vcpuid.render.leaf import leaf_document
from vcpuid.web.parameters import LEAF, SUBLEAF, read_leaf, read_subleaf
from vcpuid.web.view import View


def _answer_first(request: Request) -> Document:
    return leaf_document(explain_leaf(read_leaf(request)))


def _answer(request: Request) -> Document:
    return leaf_document(explain_leaf(read_leaf(request), read_subleaf(request)))


VIEWS: Final = (
    View(
        "A leaf's first subleaf",
        _answer_first,
        api="/leaves/{leaf}",
        schema="leaf",
        page="/cpuid/{leaf}",
        template="leaf",
        parameters=(LEAF,),
    ),
    View(
        "A subleaf of a leaf",
        _answer,
        api="/leaves/{leaf}/{subleaf}",
        schema="leaf",
        page="/cpuid/{leaf}/{subleaf}",
        template="leaf",
        parameters=(LEAF, SUBLEAF),
    ),
)
