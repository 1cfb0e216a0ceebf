"""Reading libvirt's XML from strangers: the tree itself, and the numbers, sizes and words in it."""

from __future__ import annotations

import re
from typing import TypeVar

from lxml import etree

from vcpuid.errors import InputError
from vcpuid.terms.guest import Check, CpuMode, Match, Policy
from vcpuid.terms.place import Place

_Kind = TypeVar("_Kind", CpuMode, Policy, Match, Check)

_UNWRITTEN = CpuMode.DEFAULT.value  # our word for a mode that nobody wrote; none of libvirt's
SIZE_LIMIT_BYTES = 4 * 1024 * 1024
# "Domain XML format", memory allocation: units are powers of 1024 with an i, else of 1000; one letter is binary.
_UNITS: dict[str, int] = {"b": 1, "bytes": 1} | {
    f"{letter}{tail}": base**power
    for power, letter in enumerate("kmgtpe", 1)
    for tail, base in (("", 1024), ("ib", 1024), ("b", 1000))
}


def parse_xml(text: str | bytes, source: str) -> etree._Element:
    """Parse XML from strangers: no entities, no network, no deep or huge trees.

    Raises:
        InputError: The text is not well-formed, too large, or declares a document type.
    """
    raw = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    if len(raw) > SIZE_LIMIT_BYTES:
        raise InputError(
            "too large for libvirt XML",
            source=source,
            found=f"{len(raw)} bytes",
            expected=f"at most {SIZE_LIMIT_BYTES}",
        )
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        reason = getattr(error, "msg", None) or error
        raise InputError(f"not well-formed XML: {reason}", source=source, line=line) from None
    if root.getroottree().docinfo.doctype:
        raise InputError(
            "a document type or entity declaration",
            source=source,
            expected="plain libvirt XML, which never has one",
            next_step="Remove the <!DOCTYPE ...>; `virsh dumpxml` prints none.",
        )
    return root


def place_of(element: etree._Element, source: str) -> Place:
    """Give where an element stands; without a line on the first one: the XML of a snapshot has lost its lines."""
    return Place(source, element.sourceline if element.sourceline != 1 else None)


def parse_number(element: etree._Element, attribute: str, source: str) -> int | None:
    """Give an attribute's number, or None where there is no such attribute.

    Raises:
        InputError: It is no number.
    """
    text = element.get(attribute)
    return None if text is None else number_in(element, text, attribute, source)


def number_in(element: etree._Element, text: str, what: str, source: str) -> int:
    """Give the number that a text of an element is.

    Raises:
        InputError: It is none, or has more than nine digits.
    """
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise InputError(
            f"{what} of <{element.tag!s}> is no number",
            source=source,
            line=element.sourceline,
            found=repr(text[:40]),
        )
    return int(text)


def parse_size(element: etree._Element, text: str, source: str, *, unit: str = "KiB") -> int:
    """Give a size in bytes, by the element's `unit` attribute or the default one.

    Raises:
        InputError: The text is no number, or the unit none of libvirt's.
    """
    named = element.get("unit") or unit
    factor = _UNITS.get(named.lower())
    if factor is None or not re.fullmatch(r"[0-9]{1,18}", text.strip()):
        raise InputError(
            f"<{element.tag!s}> has no size",
            source=source,
            line=element.sourceline,
            found=repr(f"{text.strip()[:40]} {named[:20]}"),
            expected="a whole number, and a unit like KiB, MiB or GiB",
        )
    return int(text) * factor


def parse_member(kind: type[_Kind], text: str, element: etree._Element, source: str) -> _Kind:
    """Give the member of an enumeration that a word of an element means.

    Raises:
        InputError: libvirt does not know the word.
    """
    members = {member.value: member for member in kind if member.value != _UNWRITTEN}
    if text not in members:
        raise InputError(
            f"<{element.tag!s}> has an unknown value",
            source=source,
            line=element.sourceline,
            found=repr(text[:40]),
            expected=" or ".join(members),
        )
    return members[text]


def parse_choice(element: etree._Element, attribute: str, words: tuple[str, str], source: str) -> bool | None:
    """Give whether an attribute is the first of two words rather than the second; None where there is none.

    Raises:
        InputError: It is neither.
    """
    text = element.get(attribute)
    if text is not None and text not in words:
        raise InputError(
            f"{attribute} of <{element.tag!s}> has an unknown value",
            source=source,
            line=element.sourceline,
            found=repr(text[:40]),
            expected=" or ".join(words),
        )
    return None if text is None else text == words[0]
