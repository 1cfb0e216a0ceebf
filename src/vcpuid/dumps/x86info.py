"""The raw output of x86info: `x86info -r`.

A row is `eax in: 0x00000007, eax = 00000000 ebx = 029c6fbf ecx = 40000000 edx = bc000600`, always of subleaf 0.
The CPUs have no heading: leaf 0 again begins the next one.
"""

from __future__ import annotations

import re

from vcpuid.dumps.assembly import Assembly, Damage, Entry, Row, read_lines
from vcpuid.dumps.remarks import Remarks
from vcpuid.terms.dump import Dump

EXAMPLE = "eax in: 0x00000007, eax = 00000000 ebx = 029c6fbf ecx = 40000000 edx = bc000600"

_WORD = "([0-9a-f]{8})"
_ROW = re.compile(
    rf"[\s>]*+eax in:\s*+0x{_WORD},\s*+eax = {_WORD}\s++ebx = {_WORD}\s++ecx = {_WORD}\s++edx = {_WORD}\s*+",
    re.IGNORECASE,
)
_MEANT_AS_ROW = re.compile(r"[\s>]*+eax in:", re.IGNORECASE)
_LOOK = re.compile(rf"^[ \t>]*+eax in:\s*+0x{_WORD},", re.IGNORECASE | re.MULTILINE)


def why_not(head: str) -> str | None:
    """Tell why this is no such dump, or None where it looks like one."""
    return None if _LOOK.search(head) else f"no line like {EXAMPLE!r}"


def parse(text: str, remarks: Remarks) -> Dump:
    """Read a dump; a row that is not in it is unknown: subleaves are not read.

    Raises:
        InputError: It has no row, or too many CPUs.
    """
    assembly = Assembly(remarks)
    read_lines(text, _classify, assembly, remarks)
    return assembly.build()


def _classify(line: str) -> Entry:
    if match := _ROW.fullmatch(line):
        leaf, eax, ebx, ecx, edx = (int(word, 16) for word in match.groups())
        return Row(leaf, 0, (eax, ebx, ecx, edx))
    return Damage(f"a row like {EXAMPLE}") if _MEANT_AS_ROW.match(line) else None
