"""The forms that QEMU's options have: `value,key=value`, JSON, numbers and sizes."""

from __future__ import annotations

import json
import re
from fractions import Fraction

_NUMBER = re.compile(r"\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_SIZE = re.compile(r"\s*\+?(0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]*)?)([bBkKmMgGtTpPeE]?)")
_POWERS = "bkmgtpe"
_LONGEST = 64  # digits, blanks and all: no number of 64 bits needs more
_NUMBER_LIMIT = 1 << 64
_DEEPEST = 8


def split_options(text: str) -> list[str]:
    """Split QEMU's comma-separated options; a doubled comma stands for one in a value."""
    return [part.replace("\0", ",") for part in text.replace(",,", "\0").split(",")]


def parse_pairs(text: str, *, first: str) -> list[tuple[str, str]]:
    """Read `value,key=value,...` or QEMU's JSON form, in order; `first` names the key that may be left out.

    What is nested in JSON is named by its path, as in `sgx-epc.0.memdev`. Damaged JSON has no pairs.
    """
    if text.startswith("{"):
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return []
        return list(_flatten(document, "", 0)) if isinstance(document, dict) else []
    pairs = []
    for number, option in enumerate(split_options(text)):
        key, separator, value = option.partition("=")
        if separator:
            pairs.append((key, value))
        elif number == 0:
            pairs.append((first, key))
        elif key:
            pairs.append((key, "on"))
    return pairs


def _flatten(value: object, path: str, depth: int) -> list[tuple[str, str]]:
    if depth < _DEEPEST and isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        start = f"{path}." if path else ""
        return [pair for key, entry in entries for pair in _flatten(entry, f"{start}{key}", depth + 1)]
    if isinstance(value, bool):
        return [(path, "on" if value else "off")]
    return [(path, str(value))]


def parse_properties(text: str, *, first: str) -> dict[str, str]:
    """Read the same as a mapping, in which the last of several values of a key counts."""
    return dict(parse_pairs(text, first=first))


def parse_number(text: str, *, signed: bool = False) -> int | None:
    """Give the number that a text is to QEMU, or None: decimal, 0x or octal; unsigned ones wrap at 64 bits."""
    found = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    sign, digits = found.groups()
    is_octal = digits.startswith("0") and digits.isdigit()
    number = int(digits, 8 if is_octal else 0)
    if signed:
        number = -number if sign == "-" else number
        return number if -_NUMBER_LIMIT // 2 <= number < _NUMBER_LIMIT // 2 else None
    if number >= _NUMBER_LIMIT:
        return None
    return (_NUMBER_LIMIT - number) % _NUMBER_LIMIT if sign == "-" else number


def parse_size(text: str, *, unit: str = "b", base: int = 1024) -> int | None:
    """Give the whole number that a size like `64M` or `1.5G` is, or None; `unit` is that of a bare number."""
    found = _SIZE.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    digits, letter = found.groups()
    number = Fraction(int(digits, 16)) if digits[:2].lower() == "0x" else Fraction(digits.rstrip("."))
    power = _POWERS.index((letter or unit).lower())
    if power == 0 and number.denominator != 1:
        return None  # a part of a byte
    size = int(number * base**power)
    return size if size < _NUMBER_LIMIT else None
