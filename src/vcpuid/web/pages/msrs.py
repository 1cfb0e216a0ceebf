"""Every MSR of the atlas."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from vcpuid.answers.msr import list_msrs
from vcpuid.render.document import Document
from vcpuid.render.msr import msrs_document
from vcpuid.web.view import View


def _answer(_: Request) -> Document:
    return msrs_document(list_msrs())


VIEW: Final = View(
    "Every MSR that the atlas has",
    _answer,
    api="/msrs",
    schema="msrs",
    page="/msr",
    template="msrs",
)
