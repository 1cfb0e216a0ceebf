"""A text with findings beside its lines; of a long one only what is near a finding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vcpuid.render.document import Document

_ALWAYS_WHOLE = 80
_NEAR = 3
_LONGEST = 2000


class Line(NamedTuple):
    """A line.

    Attributes:
        number: Its number, counted from 1.
        text: What stands there.
        findings: What is wrong with it.
        skipped: How many lines before it are left out.
    """

    number: int
    text: str
    findings: list[Document]
    skipped: int


def excerpt(text: str, findings: Iterable[Document]) -> list[Line]:
    """Give the lines of a text with their findings; those without a line are in none."""
    lines = text.splitlines() if "\n" not in text else text.removesuffix("\n").split("\n")
    by_line: dict[int, list[Document]] = {}
    for finding in findings:
        if finding["line"] is not None:
            by_line.setdefault(min(finding["line"], max(len(lines), 1)), []).append(finding)
    shown: list[Line] = []
    last = 0
    for number in _shown(len(lines), by_line):
        line = lines[number - 1]
        cut = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
        shown.append(Line(number, cut, by_line.get(number, []), number - last - 1))
        last = number
    return shown


def _shown(count: int, found: Iterable[int]) -> list[int]:
    if count <= _ALWAYS_WHOLE:
        return list(range(1, count + 1))
    near = {near for number in found for near in range(number - _NEAR, number + _NEAR + 1)}
    return sorted(number for number in near if 1 <= number <= count)
