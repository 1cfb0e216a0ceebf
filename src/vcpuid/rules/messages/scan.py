"""Finding known messages in a text: an error that somebody pasted, a traceback, a long log."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from vcpuid.rules.messages.table import Message, load_messages

# A text is looked at in blocks of lines; a message may begin in one and end in the next.
_BLOCK_CHARACTERS = 1 << 16
_OVERLAP_CHARACTERS = 1 << 12
_LONGEST_LINE = 1 << 14
# Colours, and what JSON, YAML and Python make of quotes, line breaks and signs.
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,16}[A-Za-z]")
_ESCAPES = re.compile(r"\\{1,8}(?:u00(?P<code>[0-9a-fA-F]{2})|(?P<sign>[\"'/nrt]))")
_SIGNS = {"n": "\n", "r": "\n", "t": " "}
_WRAPPING = ("\x1b", "\\", "''", "\u2019", "\r")
"""What `_plain` changes: a block without these is looked at as it is."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A message in a text.

    Attributes:
        message: The message.
        line: The line in which it begins, counted from 1.
        text: What stands there, on one line.
        values: What the groups of its pattern caught.
    """

    message: Message
    line: int
    text: str
    values: dict[str, str]


def scan(text: str) -> Iterator[Occurrence]:
    """Find every known message, in the order of the text; of two that overlap the table's first counts."""
    line = 1
    for block, start_of_next in _blocks(text):
        plain, lines = _unwrap(block, line)
        whole_lines = block.count("\n", 0, start_of_next)
        rest = block[block.rfind("\n", 0, start_of_next) + 1 : start_of_next]
        yield from _scan_block(plain, lines, lines[whole_lines][0] + len(_plain(rest)))
        line += whole_lines


def _scan_block(plain: str, lines: list[tuple[int, int]], end: int) -> Iterator[Occurrence]:
    taken: list[tuple[int, int]] = []
    found: list[tuple[int, Occurrence]] = []
    for message in load_messages():
        if message.anchor not in plain:
            continue
        for match in message.pattern.finditer(plain):
            span = match.span()
            if span[0] >= end or any(span[0] < last and first < span[1] for first, last in taken):
                continue
            taken.append(span)
            values = {
                key: " ".join(value.split()) for key, value in match.groupdict().items() if value is not None
            }
            shown = " ".join(match.group().split())
            found.append((span[0], Occurrence(message, _line_of(span[0], lines), shown, values)))
    yield from (occurrence for _, occurrence in sorted(found, key=lambda pair: pair[0]))


def _blocks(text: str) -> Iterator[tuple[str, int]]:
    """Cut a text into overlapping blocks, each with where the next one starts; at line ends if lines are short."""
    start = 0
    while start < len(text):
        end = start + _BLOCK_CHARACTERS
        if end < len(text):
            line_end = text.rfind("\n", end - _LONGEST_LINE, end)
            end = line_end + 1 if line_end > start else end
        yield text[start : end + _OVERLAP_CHARACTERS], min(end, len(text)) - start
        start = end


def _unwrap(block: str, first_line: int) -> tuple[str, list[tuple[int, int]]]:
    """Take what wraps messages away; give where each line of the original begins in the result."""
    parts = block.split("\n")
    if any(sign in block for sign in _WRAPPING):
        parts = [_plain(part) for part in parts]
        block = "\n".join(parts)
    starts = accumulate((len(part) + 1 for part in parts), initial=0)
    return block, [(start, number) for number, start in enumerate(starts, first_line)][:-1]


def _plain(line: str) -> str:
    if "\x1b" in line:
        line = _COLOUR.sub("", line)
    if "\\" in line:
        line = _ESCAPES.sub(_unescaped, line)
    # YAML doubles an apostrophe; typographers curve it.
    return line.replace("''", "'").replace("\u2019", "'").replace("\r", "")


def _unescaped(escape: re.Match[str]) -> str:
    if escape["code"]:
        return chr(int(escape["code"], 16))
    return _SIGNS.get(escape["sign"], escape["sign"])


def _line_of(position: int, lines: list[tuple[int, int]]) -> int:
    return lines[bisect_right(lines, (position, 1 << 62)) - 1][1]
