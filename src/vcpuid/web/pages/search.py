"""What there is for a text."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from vcpuid.answers.search import search
from vcpuid.render.document import Document
from vcpuid.render.search import search_document
from vcpuid.web.parameters import TEXT, read_text
from vcpuid.web.view import View


def _answer(request: Request) -> Document:
    return search_document(search(read_text(request)))


VIEW: Final = View(
    "What the atlas has for a text",
    _answer,
    api="/search",
    schema="search",
    page="/search",
    template="search",
    parameters=(TEXT,),
)
