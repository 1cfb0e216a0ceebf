"""What can be read from a text even where no message is known: who wrote it, versions, and places of bits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from vcpuid.rules.messages.table import load_programs

# Looked at for programs and versions; errors stand at the end of a log, versions at its beginning.
_MOST_CHARACTERS = 1 << 20
_PLACE = re.compile(
    r"(?:CPUID[\w.:,=()\[\]-]{1,60}|MSR\([0-9a-fA-F]{1,8}[hH]?\)[\w.-]{0,60})(?:\s?\[bit\s\d{1,2}\])?"
)
_WORD = re.compile(r"(?<![\w./-])[+-]?(?P<name>[a-z][a-z0-9]{0,30}(?:[-_.][a-z0-9]{1,20}){0,6})(?![\w/-])")


@cache
def _signs() -> tuple[tuple[str, tuple[re.Pattern[str], ...], tuple[re.Pattern[str], ...]], ...]:
    return tuple(
        (
            program,
            tuple(re.compile(sign, re.MULTILINE) for sign in row["signs"]),
            tuple(re.compile(version) for version in row["versions"]),
        )
        for program, row in load_programs().items()
    )


def read_programs(text: str) -> dict[str, str | None]:
    """Give the programs that show in a text, each with the first version that it tells, or None."""
    head = text[:_MOST_CHARACTERS]
    found = {}
    for program, signs, versions in _signs():
        version = next((match[1] for pattern in versions if (match := pattern.search(head))), None)
        if version is not None or any(sign.search(head) for sign in signs):
            found[program] = version
    return found


def read_places(text: str) -> Iterator[str]:
    """Give what looks like a bit's place: `CPUID.07H:EBX.sgx [bit 2]`, `MSR(48DH).vmx-posted-intr [bit 7]`."""
    yield from dict.fromkeys(match.group() for match in _PLACE.finditer(text[:_MOST_CHARACTERS]))


def read_words(text: str) -> Iterator[str]:
    """Give the words that can only be names: those with a digit, a dash or an underscore within."""
    words = dict.fromkeys(match["name"] for match in _WORD.finditer(text[:_MOST_CHARACTERS]))
    yield from (word for word in words if any(letter.isdecimal() or letter in "-_" for letter in word))
