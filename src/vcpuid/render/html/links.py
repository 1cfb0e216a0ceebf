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


def bit_link(word: Document, bit: int) -> str:
    """Give the page of a bit of a CPUID register."""
    return f"{leaf_link(word['leaf'], word['subleaf'])}/{word['register']}/{bit}"


def search_link(text: str) -> str:
    """Give the page that answers a text."""
    return f"/search?{urlencode({'q': text})}"


def address_link(address: Document) -> str:
    """Give the page of an address's lowest bit; an MSR's is what a search tells of it."""
    return bit_link(address, address["low"]) if "leaf" in address else search_link(address["text"])


def fleet_link(question: str, **given: str | None) -> str:
    """Give the page of a question of a fleet; what is empty is not said."""
    said = urlencode({name: value for name, value in given.items() if value})
    return f"{question}?{said}" if said else question
