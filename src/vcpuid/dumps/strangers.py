"""What an input is that is no dump: files that people take for one, and where the registers are instead."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from vcpuid.dumps.cpuid import DECODED

_HEAD_CHARACTERS = 1024 * 1024
_SHOWN_MEMBERS = 5
_SHOWN_CHARACTERS = 60


class Stranger(NamedTuple):
    """An input that is no dump.

    Attributes:
        what: What it is.
        advice: How to come to a dump, if there is a way.
    """

    what: str
    advice: str | None = None


# How a file begins, to what it is.
_MAGIC = (
    ("\x89PNG", Stranger("a PNG picture", "Registers are needed as text.")),
    ("\xff\xd8\xff", Stranger("a JPEG picture", "Registers are needed as text.")),
    ("GIF8", Stranger("a GIF picture", "Registers are needed as text.")),
    ("%PDF", Stranger("a PDF document", "Save its text.")),
    ("\x7fELF", Stranger("an ELF program or library")),
    ("MZ", Stranger("a Windows program")),
)
# What only such a text has, to what it is.
_TEXTS = (
    (DECODED, Stranger("the decoded output of cpuid", "`cpuid -r` writes the registers.")),
    (
        re.compile(r"^x86info v", re.MULTILINE),
        Stranger("the decoded output of x86info", "`x86info -r` writes the registers."),
    ),
    (
        re.compile(r"^processor\t: \d.*\n(?:.*\n){0,40}?flags\t", re.MULTILINE),
        Stranger("/proc/cpuinfo, which has the kernel's names but no registers", "Run `cpuid -r` there."),
    ),
    (
        re.compile(r"^Architecture: {2,}\S.*\n(?:.*\n){0,40}?Vendor ID:", re.MULTILINE),
        Stranger("the output of lscpu, which has the kernel's names but no registers", "Run `cpuid -r` there."),
    ),
    (re.compile(r"\A\s*+(?:<!DOCTYPE html|<html)", re.IGNORECASE), Stranger("a page of HTML", "Save its text.")),
)
_XML = re.compile(r"\A\s*+(?:<\?[^>]{0,200}\?>\s*+|<!--.{0,2000}?-->\s*+){0,5}<([A-Za-z][\w:.-]{0,60})", re.DOTALL)


def recognise(text: str) -> Stranger:
    """Tell what a text is that no format has."""
    for magic, stranger in _MAGIC:
        if text.startswith(magic):
            return stranger
    if "\0" in text:
        return Stranger(f"{len(text)} bytes that are no text")
    for pattern, stranger in _TEXTS:
        if pattern.search(text, 0, _HEAD_CHARACTERS):
            return stranger
    if text.lstrip()[:1] in ("{", "[") and (what := _recognise_json(text)):
        return Stranger(what)
    if match := _XML.match(text):
        return Stranger(f"XML, <{match[1]}>")
    first = next(line.strip() for line in text.split("\n") if line.strip())
    return Stranger(f"text that begins with {first[:_SHOWN_CHARACTERS]!r}")


def _recognise_json(text: str) -> str | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return "a JSON list"
    members = ", ".join(repr(name[:_SHOWN_CHARACTERS]) for name in list(document)[:_SHOWN_MEMBERS])
    return f"JSON with the members {members}" if members else "an empty JSON object"
