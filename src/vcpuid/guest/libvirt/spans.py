"""Where each element of an XML text stands in it, so that a part can be changed and the rest stays as it was.

lxml forgets how tags were written (quotes, blanks, entities); an edit by its tree would write them anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat

from vcpuid.errors import InputError

_NAMESPACE_SEPARATOR = " "
_ATTRIBUTE = re.compile(rb"(\s+)([^\s=/>]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_TAG_NAME = re.compile(rb"<[^\s/>]+")
_TAG_END = re.compile(rb"\s*(/?)>")
_BLANK = b" \t\r\n"


class Span(NamedTuple):
    """Bytes of a text, from the first to before the last."""

    start: int
    end: int


_NOWHERE = Span(0, 0)


@dataclass(slots=True)
class Node:
    """An element of a text.

    Attributes:
        tag: Its tag; one of a namespace has that before it, and a blank.
        start: Where its start tag begins.
        attributes: Each attribute with its span: that of all of it with the blanks before it, and of its value
            without the quotes.
        tag_end: The span of `>` or `/>` with the blanks before it.
        is_empty: Whether it was written with `/>`, without an end tag.
        content_end: Where its end tag begins.
        end: Where it ends.
        children: The elements right below it.
    """

    tag: str
    start: int
    attributes: dict[str, tuple[Span, Span]] = field(default_factory=dict)
    tag_end: Span = _NOWHERE
    is_empty: bool = False
    content_end: int = 0
    end: int = 0
    children: list[Node] = field(default_factory=list)

    def find_all(self, tag: str) -> list[Node]:
        """Give the children of a tag."""
        return [child for child in self.children if child.tag == tag]


class Edit(NamedTuple):
    """A span of the text and what takes its place."""

    span: Span
    text: str


class SpannedText:
    """An XML text with its elements.

    Raises:
        InputError: It is not well-formed.
    """

    def __init__(self, text: str, source: str) -> None:
        self.raw = text.encode(errors="surrogatepass")
        self._open: list[Node] = []
        self._roots: list[Node] = []
        self._parser = expat.ParserCreate("utf-8", _NAMESPACE_SEPARATOR)
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._finish
        try:
            self._parser.Parse(self.raw, True)  # noqa: FBT003 - the last piece; expat has no keyword for it
        except expat.ExpatError as error:
            raise InputError(
                f"not well-formed XML: {expat.ErrorString(error.code)}", source=source, line=error.lineno
            ) from None
        self.root = self._roots[0]
        self.newline = "\r\n" if b"\r\n" in self.raw else "\n"

    def _begin(self, tag: str, _attributes: object) -> None:
        start = self._parser.CurrentByteIndex
        node = Node(tag, start)
        name = _TAG_NAME.match(self.raw, start)
        position = name.end() if name else start
        while attribute := _ATTRIBUTE.match(self.raw, position):
            position = attribute.end()
            value = Span(attribute.start(3) + 1, attribute.end(3) - 1)
            node.attributes[attribute[2].decode()] = Span(attribute.start(), position), value
        if tag_end := _TAG_END.match(self.raw, position):
            node.tag_end = Span(*tag_end.span())
            node.is_empty = tag_end[1] == b"/"
        (self._open[-1].children if self._open else self._roots).append(node)
        self._open.append(node)

    def _finish(self, _tag: str) -> None:
        node = self._open.pop()
        if node.is_empty:
            node.content_end = node.end = node.tag_end.end
        else:
            node.content_end = self._parser.CurrentByteIndex
            node.end = self.raw.index(b">", node.content_end) + 1

    def blank_before(self, position: int) -> Span:
        """Give the blanks and line ends right before a position."""
        return Span(len(self.raw[:position].rstrip(_BLANK)), position)

    def text_of(self, span: Span) -> str:
        """Give the text of a span."""
        return self.raw[span.start : span.end].decode(errors="surrogatepass")

    def name_of(self, node: Node) -> str:
        """Give an element's name as it is written, a prefix included."""
        name = _TAG_NAME.match(self.raw, node.start)
        return name[0][1:].decode() if name else node.tag

    def is_marked(self, node: Node, attribute: str, value: str) -> bool:
        """Tell whether an attribute has a value that needs no escapes."""
        spans = node.attributes.get(attribute)
        return spans is not None and self.text_of(spans[1]) == value

    def line_of(self, position: int) -> int:
        """Give the line of a position, counted from 1."""
        return self.raw.count(b"\n", 0, position) + 1

    def apply(self, edits: Iterator[Edit]) -> str:
        """Give the text with its edits made; of edits at one place the first stands first."""
        pieces: list[bytes] = []
        position = 0
        for span, text in sorted(edits, key=lambda edit: edit.span.start):
            pieces += (self.raw[position : span.start], text.encode())
            position = max(position, span.end)
        pieces.append(self.raw[position:])
        return b"".join(pieces).decode(errors="surrogatepass")
