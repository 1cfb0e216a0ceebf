"""The raw output of the kernel's kcpuid: `kcpuid -r`.

A part begins with a banner like `Extended Leafs :`; a row is `0x00000006: EAX=0x00df8ff7, EBX=..., ...`.
A leaf with subleaves is `0x00000007: subleafs:` and rows ` 0: EAX=...`; their number is decimal. Rows of zeros are
left out, so what is not there is zero. One CPU.
"""

from __future__ import annotations

import re

from vcpuid.dumps.assembly import Damage, Entry, Row
from vcpuid.dumps.lines import parse_lines
from vcpuid.dumps.remarks import Remarks
from vcpuid.terms.dump import Dump, MissingRow, Registers

EXAMPLE = "0x00000006: EAX=0x00df8ff7, EBX=0x00000002, ECX=0x00000409, EDX=0x00020003"

_WORD = "0x([0-9a-f]{8})"
_REGISTERS = rf"EAX={_WORD},\s++EBX={_WORD},\s++ECX={_WORD},\s++EDX={_WORD}\s*+"
_LEAF = re.compile(rf"[\s>]*+{_WORD}:\s*+(?:subleafs:\s*+|{_REGISTERS})", re.IGNORECASE)
_SUBLEAF = re.compile(rf"[\s>]*+(\d{{1,9}}):\s*+{_REGISTERS}", re.IGNORECASE)
_MEANT_AS_LEAF = re.compile(r"[\s>]*+0x(?:[0-9a-f]{4}|[0-9a-f]*+:?\s*+$)|.*\bsubleafs:", re.IGNORECASE)
_MEANT_AS_ROW = re.compile(r"[\s>]*+\d++:\s*+(?:E|$)|.*\bE[ABCD]X=0x", re.IGNORECASE)
_LOOK = re.compile(
    rf"^[ \t>]*+{_WORD}:[ \t]*+(?:EAX={_WORD},|subleafs:)|^[ \t>]*+\w++ Leafs :", re.IGNORECASE | re.MULTILINE
)


class _Context:
    """The leaf whose subleaves are being read."""

    def __init__(self) -> None:
        self._leaf: int | None = None

    def classify(self, line: str) -> Entry:
        if match := _LEAF.fullmatch(line):
            leaf, *words = match.groups()
            self._leaf = int(leaf, 16) if words[0] is None else None
            return None if words[0] is None else Row(int(leaf, 16), 0, _registers(words))
        if match := _SUBLEAF.fullmatch(line):
            subleaf, *words = match.groups()
            if self._leaf is not None:
                return Row(self._leaf, int(subleaf), _registers(words))
        elif _MEANT_AS_LEAF.match(line):
            self._leaf = None  # the subleaves that follow are of a leaf that is not known
        elif not _MEANT_AS_ROW.match(line):
            return None
        return Damage(f"a row like {EXAMPLE}")


def why_not(head: str) -> str | None:
    """Tell why this is no such dump, or None where it looks like one."""
    return None if _LOOK.search(head) else f"no line like {EXAMPLE!r}"


def parse(text: str, remarks: Remarks) -> Dump:
    """Read a dump.

    Raises:
        InputError: It has no row.
    """
    return parse_lines(text, _Context().classify, remarks, MissingRow.ZERO, in_context=True)


def _registers(words: list[str]) -> Registers:
    eax, ebx, ecx, edx = (int(word, 16) for word in words)
    return eax, ebx, ecx, edx
