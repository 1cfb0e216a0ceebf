"""An MSR, as grids of 64 bits, and each of its bits."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from vcpuid.answers.msr import explain_msr
from vcpuid.answers.register import explain_bit
from vcpuid.render.document import Document, address_document
from vcpuid.render.msr import msr_document
from vcpuid.render.register import bit_document
from vcpuid.web.parameters import MSR, MSR_BIT, read_msr, read_msr_bits
from vcpuid.web.view import View


def _answer(request: Request) -> Document:
    return msr_document(explain_msr(read_msr(request).index))


def _answer_bit(request: Request) -> Document:
    return bit_document(explain_bit(read_msr_bits(request)))


def _context(request: Request) -> Document:
    return {"here": address_document(read_msr_bits(request))}


VIEWS: Final = (
    View(
        "An MSR",
        _answer,
        api="/msrs/{msr}",
        schema="msr",
        page="/msr/{msr}",
        template="msr",
        parameters=(MSR,),
    ),
    View(
        "A bit of an MSR",
        _answer_bit,
        api="/msrs/{msr}/{bit}",
        schema="bit",
        page="/msr/{msr}/{bit}",
        template="bit",
        parameters=(MSR, MSR_BIT),
        page_context=_context,
    ),
)
