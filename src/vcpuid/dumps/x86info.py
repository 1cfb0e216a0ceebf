"""The raw output of x86info: `x86info -r`.

A row is `eax in: 0x00000007, eax = 00000000 ebx = 029c6fbf ecx = 40000000 edx = bc000600`, always of subleaf 0.
The CPUs have no heading: leaf 0 again begins the next one. What is not there is unknown: subleaves are not read.
"""

from __future__ import annotations

import re

from vcpuid.dumps.assembly import Entry, Row
from vcpuid.dumps.lines import LineFormat

EXAMPLE = "eax in: 0x00000007, eax = 00000000 ebx = 029c6fbf ecx = 40000000 edx = bc000600"

_WORD = "([0-9a-f]{8})"
_ROW = re.compile(
    rf"[\s>]*+eax in:\s*+0x{_WORD},\s*+eax = {_WORD}\s++ebx = {_WORD}\s++ecx = {_WORD}\s++edx = {_WORD}\s*+",
    re.IGNORECASE,
)
_MEANT_AS_ROW = re.compile(r"[\s>]*+eax in:", re.IGNORECASE)
_LOOK = re.compile(rf"^[ \t>]*+eax in:\s*+0x{_WORD},", re.IGNORECASE | re.MULTILINE)


def _classify(line: str) -> Entry:
    if match := _ROW.fullmatch(line):
        leaf, eax, ebx, ecx, edx = (int(word, 16) for word in match.groups())
        return Row(leaf, 0, (eax, ebx, ecx, edx))
    return None


_LINES = LineFormat(EXAMPLE, _LOOK, _MEANT_AS_ROW, _classify)
why_not, parse = _LINES.why_not, _LINES.parse
