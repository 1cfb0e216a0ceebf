"""ddcpuid's table: `ddcpuid --table` (before: `-r`).

A Markdown table, `| Leaf     | Sub-leaf | EAX      | ...`; numbers are hexadecimal without leading zeros. One CPU.
"""

from __future__ import annotations

import re

from vcpuid.dumps.assembly import Entry, Row
from vcpuid.dumps.lines import LineFormat

EXAMPLE = "|        7 |        0 |        0 | 29c6fbf  | 40000000 | bc000600 |"

_CELL = r"\s*+([0-9a-f]{1,8})\s*+\|"
_ROW = re.compile(rf"[\s>]*+\|{_CELL * 6}\s*+", re.IGNORECASE)
_MEANT_AS_ROW = re.compile(
    r"[\s>]*+\|\s*+[0-9a-f]+\s*+(?:\|\s*+[0-9a-f]|$)|.*(?:\|\s*+[0-9a-f]{1,8}\s*+){3}", re.IGNORECASE
)
_LOOK = re.compile(
    r"^[ \t>]*+\|[ \t]*+Leaf[ \t]*+\|[ \t]*+Sub-leaf[ \t]*+\|[ \t]*+EAX[ \t]*+\|", re.IGNORECASE | re.MULTILINE
)


def _classify(line: str) -> Entry:
    if match := _ROW.fullmatch(line):
        leaf, subleaf, eax, ebx, ecx, edx = (int(word, 16) for word in match.groups())
        return Row(leaf, subleaf, (eax, ebx, ecx, edx))
    return None


_LINES = LineFormat(EXAMPLE, _LOOK, _MEANT_AS_ROW, _classify)
why_not, parse = _LINES.why_not, _LINES.parse
