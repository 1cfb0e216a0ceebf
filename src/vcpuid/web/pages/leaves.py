"""Every leaf of the atlas."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from vcpuid.answers.leaf import list_leaves
from vcpuid.render.document import Document
from vcpuid.render.leaf import leaves_document
from vcpuid.web.view import View


def _answer(_: Request) -> Document:
    return leaves_document(list_leaves())


VIEW: Final = View(
    "Every CPUID leaf that the atlas has",
    _answer,
    api="/leaves",
    schema="leaves",
    page="/cpuid",
    template="leaves",
)
