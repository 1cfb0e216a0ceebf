"""Putting entries into the text of a CPU map where libvirt would have them; every other byte stays as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lxml import etree

from vcpuid.errors import InputError
from vcpuid.guest.libvirt import parse_xml
from vcpuid.guest.libvirt.spans import SpannedText
from vcpuid.rules.libvirt.entry import Entry, Style, style_of, write_entry, write_heading
from vcpuid.rules.libvirt.map_reader import parse_feature, walk_map
from vcpuid.terms.address import Bits, Word
from vcpuid.terms.place import Place


class _Spot(NamedTuple):
    """A feature that is there: the first of its bits, None for none, and the bytes that it takes."""

    bit: Bits | None
    start: int
    end: int

    def is_in(self, word: Word) -> bool:
        return self.bit is not None and self.bit.word == word


def features_file(files: Mapping[str, bytes], source: str) -> str:
    """Give the name of the file that has a map's features: that with the most of them.

    Raises:
        InputError: The map cannot be read, or has no feature.
    """
    texts = {name: raw.decode("utf-8", "surrogateescape") for name, raw in files.items()}
    counts: dict[str, int] = {}
    for item in walk_map(texts, source):
        if item.element.tag == "feature":
            name = item.place.source.removeprefix(f"{source}/")
            counts[name] = counts.get(name, 0) + 1
    if not counts:
        raise InputError("the map has no features", source=source)
    return max(counts, key=lambda name: counts[name])


def insert_entries(raw: bytes, entries: Sequence[Entry], source: str) -> bytes:
    """Put entries into a file of features.

    An entry goes behind the feature of the next lower bit of its register. The first of a register begins a
    section with a heading of its own, behind the features of the register before it. Indents, line ends and the
    digits of leaves are written as the file has them.

    Raises:
        InputError: The file is no XML that libvirt would read.
    """
    try:
        style = style_of(raw.decode())
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError("the file is not UTF-8", source=source, line=line) from None
    for entry in entries:
        raw = _insert(raw, entry, style, source)
    return raw


def _insert(raw: bytes, entry: Entry, style: Style, source: str) -> bytes:
    root_end, spots = _find_spots(raw, source)
    bit, newline = entry.bit, style.newline.encode()
    text = write_entry(entry, style).encode()
    neighbours = [spot for spot in spots if spot.is_in(bit.word)]
    lower = [spot for spot in neighbours if spot.bit is not None and spot.bit.low < bit.low]
    if lower:
        end = max(lower, key=lambda spot: (spot.bit.low if spot.bit else 0, spot.start)).end
        return raw[:end] + newline + text.removesuffix(newline) + raw[end:]
    if neighbours:
        start = raw.rfind(b"\n", 0, neighbours[0].start) + 1
        return raw[:start] + text + raw[start:]
    heading = write_heading(bit.word, style).encode()
    before = [spot.bit.word for spot in spots if spot.bit and spot.bit.word.order < bit.word.order]
    if before:
        word = max(before, key=lambda word: word.order)
        end = max(spot.end for spot in spots if spot.is_in(word))
        return raw[:end] + newline * 2 + heading + text.removesuffix(newline) + raw[end:]
    return raw[:root_end] + newline + heading + text.removesuffix(newline) + raw[root_end:]


def _find_spots(raw: bytes, source: str) -> tuple[int, list[_Spot]]:
    """Give the end of the root's start tag, and the features with the bytes that they take."""
    root = parse_xml(raw, source)
    bits = [_first_bit(element, source) for element in root.iterchildren("feature")]
    spanned = SpannedText(raw.decode(), source).root
    nodes = spanned.find_all("feature")
    return spanned.tag_end.end, [_Spot(bit, node.start, node.end) for bit, node in zip(bits, nodes, strict=True)]


def _first_bit(element: etree._Element, source: str) -> Bits | None:
    return next(iter(parse_feature(element, Place(source, element.sourceline)).bits), None)
