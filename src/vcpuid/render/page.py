"""Text for people: lines of spans with a role each, written plainly or in colour."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final, NamedTuple, TextIO

# Columns of text where no terminal tells its own.
WIDTH: Final = 110


class Role(Enum):
    """What a span says, from which a terminal takes its colour."""

    PLAIN = ""
    GOOD = "green"
    BAD = "bold red"
    UNSURE = "yellow"
    DIM = "dim"
    STRONG = "bold"


class Span(NamedTuple):
    """A piece of a line."""

    text: str
    role: Role = Role.PLAIN


class _Line(NamedTuple):
    """A line; `hang` is the indent of what does not fit its width, None where it must stay whole."""

    spans: tuple[Span, ...]
    hang: int | None


class Page:
    """Lines to be written; a renderer adds them one by one."""

    def __init__(self) -> None:
        self._lines: list[_Line] = []

    def add(self, *parts: Span | str, hang: int | None = None) -> None:
        """Add a line; plain strings are spans without a role.

        With `hang` a line that is too long for where it is written is broken between words, and goes on after so
        many blanks. Without, it stays whole: it is something to copy, or a row of a table.
        """
        spans = (part if isinstance(part, Span) else Span(part) for part in parts)
        self._lines.append(_Line(tuple(Span(printable(text), role) for text, role in spans), hang))

    def lines(self, width: int = WIDTH) -> Iterator[tuple[Span, ...]]:
        """Walk the lines as they are written, without blanks at their ends."""
        for spans, hang in self._lines:
            if hang is None:
                yield _stripped(spans)
            else:
                yield from _broken(spans, hang, width)

    def plain(self, width: int = WIDTH) -> str:
        """Give the text without any colour."""
        return "".join("".join(span.text for span in line) + "\n" for line in self.lines(width))

    def write(self, stream: TextIO, *, colour: bool, width: int = WIDTH) -> None:
        """Write the page; rich is imported only for colour."""
        if not colour:
            stream.write(self.plain(width))
            return
        from rich.console import Console  # noqa: PLC0415 - plain output must not pay for it
        from rich.text import Text  # noqa: PLC0415

        console = Console(file=stream, highlight=False, soft_wrap=True)
        for line in self.lines(width):
            console.print(Text.assemble(*((span.text, span.role.value) for span in line)))


def _stripped(spans: Sequence[Span]) -> tuple[Span, ...]:
    kept = list(spans)
    while kept and not kept[-1].text.rstrip():
        kept.pop()
    if kept:
        kept[-1] = Span(kept[-1].text.rstrip(), kept[-1].role)
    return tuple(kept)


def _broken(spans: Sequence[Span], hang: int, width: int) -> Iterator[tuple[Span, ...]]:
    """Break a line between words; a word that is longer than the width stays whole."""
    line: list[Span] = []
    column, words = 0, 0
    for text, role in spans:
        for piece in re.findall(r" +|[^ ]+", text):
            is_word = piece[0] != " "
            if is_word and words and column + len(piece) > width:
                yield _stripped(line)
                line, column, words = [Span(" " * hang)], hang, 0
            elif not is_word and not words and column:
                continue  # the blanks at which the line was broken
            if line and line[-1].role is role:
                line[-1] = Span(line[-1].text + piece, role)
            else:
                line.append(Span(piece, role))
            column += len(piece)
            words += is_word
    yield _stripped(line)


def printable(text: str) -> str:
    """Escape what could steer a terminal or cannot be written: control characters, lone surrogates.

    Names and values come from files and hosts that strangers wrote.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
