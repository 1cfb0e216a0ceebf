"""The parts of a request, and how they are read: what is none of a kind is told as such."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request

from vcpuid.errors import UsageError
from vcpuid.terms.address import Bits, CpuidRegister, MsrRegister, Register
from vcpuid.web.view import Parameter

LONGEST_TEXT: Final = 200

LEAF: Final = Parameter(
    "leaf",
    "path",
    "The leaf, hexadecimal.",
    {"type": "string", "pattern": "^[0-9a-fA-F]{1,8}$"},
    "7",
)
SUBLEAF: Final = Parameter(
    "subleaf", "path", "The subleaf, decimal.", {"type": "integer", "minimum": 0, "maximum": 0xFFFFFFFF}, "0"
)
REGISTER: Final = Parameter(
    "register", "path", "The register.", {"enum": [register.value for register in Register]}, "ebx"
)
BIT: Final = Parameter("bit", "path", "The bit.", {"type": "integer", "minimum": 0, "maximum": 31}, "2")
MSR: Final = Parameter(
    "msr",
    "path",
    "The MSR's index, hexadecimal.",
    {"type": "string", "pattern": "^[0-9a-fA-F]{1,8}$"},
    "10a",
)
MSR_BIT: Final = Parameter("bit", "path", "The bit.", {"type": "integer", "minimum": 0, "maximum": 63}, "3")
TEXT: Final = Parameter(
    "q",
    "query",
    "A name in any dialect, an address, or a value.",
    {"type": "string", "maxLength": LONGEST_TEXT},
    "sgx",
)


def read_leaf(request: Request) -> int:
    """Read the leaf of a path."""
    return _read_hexadecimal(request, "leaf", "a leaf", "7 or 80000008")


def read_subleaf(request: Request) -> int:
    """Read the subleaf of a path."""
    return _read_number(request, "subleaf", 0xFFFFFFFF)


def read_bits(request: Request) -> Bits:
    """Read the bit of a path."""
    registers = {register.value: register for register in Register}
    text = request.path_params["register"]
    if text not in registers:
        raise UsageError("not a register", found=text, expected=", ".join(registers))
    word = CpuidRegister(read_leaf(request), read_subleaf(request), registers[text])
    bit = _read_number(request, "bit", word.width - 1)
    return Bits(word, bit, bit)


def read_msr(request: Request) -> MsrRegister:
    """Read the MSR of a path."""
    return MsrRegister(_read_hexadecimal(request, "msr", "an MSR", "10a or c0000080"))


def read_msr_bits(request: Request) -> Bits:
    """Read the bit of an MSR of a path."""
    word = read_msr(request)
    bit = _read_number(request, "bit", word.width - 1)
    return Bits(word, bit, bit)


def read_text(request: Request) -> str:
    """Read the text of a query."""
    texts = request.query_params.getlist("q")
    if len(texts) != 1:
        raise UsageError(
            "the query has no text q, or several", found=str(len(texts)), expected="one, as in ?q=sgx"
        )
    if len(texts[0]) > LONGEST_TEXT:
        raise UsageError(
            "the text is too long",
            found=f"{len(texts[0])} characters",
            expected=f"at most {LONGEST_TEXT}",
        )
    return texts[0]


def _read_hexadecimal(request: Request, name: str, kind: str, examples: str) -> int:
    text = request.path_params[name]
    if not re.fullmatch(r"[0-9a-fA-F]{1,8}", text):
        raise UsageError(f"not {kind}", found=text, expected=f"a hexadecimal number, as in {examples}")
    return int(text, 16)


def _read_number(request: Request, name: str, most: int) -> int:
    text = request.path_params[name]
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > most:
        raise UsageError(f"not a {name}", found=text, expected=f"a decimal number from 0 to {most}")
    return int(text)
