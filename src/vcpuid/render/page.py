"""Text for people: lines of spans with a role each, written plainly or in colour."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, TextIO


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


class Page:
    """Lines to be written; a renderer adds them one by one."""

    def __init__(self) -> None:
        self.lines: list[tuple[Span, ...]] = []

    def add(self, *parts: Span | str) -> None:
        """Add a line; plain strings are spans without a role."""
        spans = (part if isinstance(part, Span) else Span(part) for part in parts)
        self.lines.append(tuple(Span(printable(text), role) for text, role in spans))

    def plain(self) -> str:
        """Give the text without any colour."""
        return "".join("".join(span.text for span in line).rstrip() + "\n" for line in self.lines)

    def write(self, stream: TextIO, *, colour: bool) -> None:
        """Write the page; rich is imported only for colour."""
        if not colour:
            stream.write(self.plain())
            return
        from rich.console import Console  # noqa: PLC0415 - plain output must not pay for it
        from rich.text import Text  # noqa: PLC0415

        console = Console(file=stream, highlight=False, soft_wrap=True)
        for line in self.lines:
            console.print(Text.assemble(*((span.text, span.role.value) for span in line)))


def printable(text: str) -> str:
    """Escape what could steer a terminal or cannot be written: control characters, lone surrogates.

    Names and values come from files and hosts that strangers wrote.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def wrap(text: str, width: int, indent: str) -> list[str]:
    """Break a text into lines of at most `width`, each after `indent`; long words stay whole."""
    lines: list[str] = []
    current = indent
    for word in text.split():
        if len(current) + len(word) + 1 > width and current.strip():
            lines.append(current.rstrip())
            current = indent
        current += word + " "
    lines.append(current.rstrip())
    return lines
