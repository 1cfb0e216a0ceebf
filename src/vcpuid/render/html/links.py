"""Where the explorer shows what: one place that knows its addresses."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from vcpuid.render.document import Document

SECTIONS: Final = {
    "/cpuid": "Atlas",
    "/host": "Host",
    "/why": "Path",
    "/compare": "Compare",
    "/lint": "Lint",
    "/diagnose": "Diagnose",
    "/fleet": "Fleet",
}
"""The pages to which every page leads."""
_CPUID_BITS, _MSR_BITS = 32, 64
_TWINS: Final = {"/cpuid": "/leaves", "/msr": "/msrs"}

FLEET_QUESTIONS: Final = {
    "/fleet": "Summary",
    "/fleet/matrix": "Matrix",
    "/fleet/baseline": "Baseline",
    "/fleet/drift": "Drift",
    "/fleet/precheck": "Precheck",
    "/fleet/missing": "Missing",
    "/fleet/which-hosts": "Which hosts",
}
"""The pages of a fleet."""


def leaf_name(leaf: int) -> str:
    """Give a leaf as manuals write it."""
    return f"{leaf:02X}H"


def leaf_link(leaf: int, subleaf: int | None = None) -> str:
    """Give the page of a leaf, or of one of its subleaves."""
    return f"/cpuid/{leaf:x}" + ("" if subleaf is None else f"/{subleaf}")


def register_link(leaf: int, subleaf: int, register: str) -> str:
    """Give a register's place on its leaf's page."""
    return f"{leaf_link(leaf, subleaf)}#{register}"


def msr_name(index: int) -> str:
    """Give an MSR as manuals write it."""
    return f"{index:X}H"


def msr_link(index: int) -> str:
    """Give the page of an MSR."""
    return f"/msr/{index:x}"


def bit_link(word: Document, bit: int) -> str:
    """Give the page of a bit of a CPUID register or of an MSR."""
    if "msr" in word:
        return f"{msr_link(word['msr'])}/{bit}"
    return f"{leaf_link(word['leaf'], word['subleaf'])}/{word['register']}/{bit}"


def search_link(text: str) -> str:
    """Give the page that answers a text."""
    return f"/search?{urlencode({'q': text})}"


def word_link(word: Document) -> str:
    """Give a register's place on its leaf's page, or the page of an MSR."""
    if "msr" in word:
        return msr_link(word["msr"])
    return register_link(word["leaf"], word["subleaf"], word["register"])


def address_link(address: Document) -> str:
    """Give the page of an address's lowest bit."""
    return bit_link(address, address["low"])


def place_link(address: Document) -> str:
    """Give the page of an address; of a whole register or MSR that of the register."""
    width = _MSR_BITS if "msr" in address else _CPUID_BITS
    return word_link(address) if address["high"] - address["low"] + 1 == width else address_link(address)


def twin_link(page: str) -> str:
    """Give the JSON document of a page of the atlas."""
    for section, documents in _TWINS.items():
        if page == section or page.startswith(f"{section}/"):
            return f"/api/v1{documents}{page.removeprefix(section)}"
    return f"/api/v1{page}"


def fleet_link(question: str, **given: str | None) -> str:
    """Give the page of a question of a fleet; what is empty is not said."""
    said = urlencode({name: value for name, value in given.items() if value})
    return f"{question}?{said}" if said else question
