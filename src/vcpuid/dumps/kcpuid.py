"""The raw output of the kernel's kcpuid: `kcpuid -r`.

A part begins with a banner like `Extended Leafs :`; a row is `0x00000006: EAX=0x00df8ff7, EBX=..., ...`.
A leaf with subleaves is `0x00000007: subleafs:` and rows ` 0: EAX=...`; their number is decimal. Rows of zeros are
left out, so what is not there is zero. One CPU.
"""

from __future__ import annotations

import re

from vcpuid.dumps.assembly import Assembly, Row
from vcpuid.dumps.remarks import Remarks
from vcpuid.terms.dump import Dump, MissingRow

EXAMPLE = "0x00000006: EAX=0x00df8ff7, EBX=0x00000002, ECX=0x00000409, EDX=0x00020003"

_WORD = "0x([0-9a-f]{8})"
_REGISTERS = rf"EAX={_WORD},\s++EBX={_WORD},\s++ECX={_WORD},\s++EDX={_WORD}\s*+"
_LEAF = re.compile(rf"[\s>]*+{_WORD}:\s*+(?:subleafs:\s*+|{_REGISTERS})", re.IGNORECASE)
_SUBLEAF = re.compile(rf"[\s>]*+(\d{{1,9}}):\s*+{_REGISTERS}", re.IGNORECASE)
_MEANT_AS_ROW = re.compile(r"[\s>]*+(?:0x[0-9a-f]{4}|\d++:\s*+E)|.*\bE[ABCD]X=0x", re.IGNORECASE)
_LOOK = re.compile(
    rf"^[ \t>]*+{_WORD}:[ \t]*+(?:EAX={_WORD},|subleafs:)|^[ \t>]*+\w++ Leafs :", re.IGNORECASE | re.MULTILINE
)


def why_not(head: str) -> str | None:
    """Tell why this is no such dump, or None where it looks like one."""
    return None if _LOOK.search(head) else f"no line like {EXAMPLE!r}"


def parse(text: str, remarks: Remarks) -> Dump:
    """Read a dump; a row that is not in it is zero.

    Raises:
        InputError: It has no row.
    """
    assembly = Assembly(remarks, MissingRow.ZERO)
    open_leaf: int | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if match := _LEAF.fullmatch(line):
            leaf, *words = match.groups()
            open_leaf = int(leaf, 16)
            if words[0] is None:
                continue
            row = Row(open_leaf, 0, _registers(words))
            open_leaf = None
        elif (match := _SUBLEAF.fullmatch(line)) and open_leaf is not None:
            subleaf, *words = match.groups()
            row = Row(open_leaf, int(subleaf), _registers(words))
        else:
            if _MEANT_AS_ROW.match(line):
                remarks.fault("a damaged line", line=number, found=line, expected=f"a row like {EXAMPLE}")
            continue
        assembly.add_row(row, number)
    return assembly.build()


def _registers(words: list[str]) -> tuple[int, int, int, int]:
    eax, ebx, ecx, edx = (int(word, 16) for word in words)
    return eax, ebx, ecx, edx
