"""A bit: what it is, what each project calls it, how it is asked for."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from vcpuid.answers.register import explain_bit
from vcpuid.render.document import Document, address_document
from vcpuid.render.register import bit_document
from vcpuid.web.parameters import BIT, LEAF, REGISTER, SUBLEAF, read_bits
from vcpuid.web.view import View


def _answer(request: Request) -> Document:
    return bit_document(explain_bit(read_bits(request)))


def _context(request: Request) -> Document:
    return {"here": address_document(read_bits(request))}


VIEW: Final = View(
    "A bit of a CPUID register",
    _answer,
    api="/leaves/{leaf}/{subleaf}/{register}/{bit}",
    schema="bit",
    page="/cpuid/{leaf}/{subleaf}/{register}/{bit}",
    template="bit",
    parameters=(LEAF, SUBLEAF, REGISTER, BIT),
    page_context=_context,
)
