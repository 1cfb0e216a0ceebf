"""A careful view of somebody else's JSON: every access says where it is when it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vcpuid.errors import InputError

_KINDS = {dict: "an object", list: "a list", str: "a text", int: "a number", bool: "true or false"}
_DECIMAL_DIGITS = 9
_MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Node:
    """A value inside a JSON document, with the path that leads to it.

    Every accessor raises InputError, naming the document and the path, where the value has another type.
    """

    value: Any
    path: str
    source: str

    def _expect(self, kind: type) -> Any:  # noqa: ANN401 - the edge where JSON becomes typed values
        if not isinstance(self.value, kind) or (kind is int and isinstance(self.value, bool)):
            raise self.error(f"found {describe(self.value)}", expected=_KINDS[kind])
        return self.value

    def error(self, found: str, expected: str) -> InputError:
        """Make the error for this place in the document."""
        return InputError(
            f"{self.path or 'the document'} is damaged",
            source=self.source,
            found=found.removeprefix("found "),
            expected=expected,
            next_step="Take a new snapshot with `vcpuid collect`.",
        )

    def text(self) -> str:
        """Give a string."""
        result: str = self._expect(str)
        return result

    def number(self) -> int:
        """Give an integer."""
        result: int = self._expect(int)
        return result

    def truth(self) -> bool:
        """Give a boolean."""
        result: bool = self._expect(bool)
        return result

    def hexadecimal(self) -> int:
        """Give the number that a string of hexadecimal digits stands for."""
        digits = self.text()
        try:
            return int(digits, 16)
        except ValueError:
            raise self.error(repr(digits[:40]), "hexadecimal digits") from None

    def decimal(self) -> int:
        """Give the number that a string of decimal digits stands for: the form of JSON's numbered keys."""
        digits = self.text()
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= _DECIMAL_DIGITS):
            raise self.error(repr(digits[:40]), "decimal digits")
        return int(digits)

    def registers(self) -> tuple[int, int, int, int]:
        """Give the four numbers of a row `eax ebx ecx edx`."""
        row = self.text()
        try:
            eax, ebx, ecx, edx = (int(word, 16) for word in row.split())
        except ValueError:
            raise self.error(repr(row[:60]), "four hexadecimal words, eax ebx ecx edx") from None
        if max(eax, ebx, ecx, edx) >> 32 or min(eax, ebx, ecx, edx) < 0:
            raise self.error(repr(row[:60]), "words of 32 bits")
        return eax, ebx, ecx, edx

    def __getitem__(self, key: str) -> Node:
        """Give a member that must be there."""
        members = self._expect(dict)
        if key not in members:
            raise self.error(f"no member {key!r}", expected=f"a member {key!r}")
        return Node(members[key], f"{self.path}.{key}" if self.path else key, self.source)

    def get(self, key: str) -> Node | None:
        """Give a member, or None where it is missing or null."""
        members = self._expect(dict)
        return None if members.get(key) is None else self[key]

    def __iter__(self) -> Iterator[Node]:
        """Walk a list."""
        for number, value in enumerate(self._expect(list)):
            yield Node(value, f"{self.path}[{number}]", self.source)

    def members(self) -> Iterator[tuple[str, Node]]:
        """Walk an object's members."""
        for key in self._expect(dict):
            yield key, self[key]

    def texts(self) -> tuple[str, ...]:
        """Give a list of strings."""
        return tuple(node.text() for node in self)


def describe(value: object) -> str:
    """Say what a value of JSON is: its kind, and of a number or a short text the value itself."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, (dict, list)):
        return _KINDS[type(value)]
    return repr(value[:_MOST_SHOWN]) if isinstance(value, str) else json.dumps(value)[:_MOST_SHOWN]
