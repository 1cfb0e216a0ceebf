"""The answer of `vcpuid explain`, for programs; the page for people is that of the search."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from vcpuid.answers.explain import explain
from vcpuid.render.document import Document
from vcpuid.render.explain import explain_document
from vcpuid.web.parameters import TEXT, read_text
from vcpuid.web.view import View


def _answer(request: Request) -> Document:
    return explain_document([explain(read_text(request))])


VIEW: Final = View(
    "A feature, a bit or a value in every dialect",
    _answer,
    api="/explain",
    schema="explain",
    parameters=(TEXT,),
)
