"""ddcpuid's table: `ddcpuid --table` (before: `-r`).

A Markdown table, `| Leaf     | Sub-leaf | EAX      | ...`; numbers are hexadecimal without leading zeros. One CPU.
"""

from __future__ import annotations

import re

from vcpuid.dumps.assembly import Assembly, Damage, Entry, Row, read_lines
from vcpuid.dumps.remarks import Remarks
from vcpuid.terms.dump import Dump

EXAMPLE = "|        7 |        0 |        0 | 29c6fbf  | 40000000 | bc000600 |"

_CELL = r"\s*+([0-9a-f]{1,8})\s*+\|"
_ROW = re.compile(rf"[\s>]*+\|{_CELL * 6}\s*+", re.IGNORECASE)
_MEANT_AS_ROW = re.compile(r"[\s>]*+\|\s*+[0-9a-f]+\s*+\|", re.IGNORECASE)
_LOOK = re.compile(
    r"^[ \t>]*+\|[ \t]*+Leaf[ \t]*+\|[ \t]*+Sub-leaf[ \t]*+\|[ \t]*+EAX[ \t]*+\|", re.IGNORECASE | re.MULTILINE
)


def why_not(head: str) -> str | None:
    """Tell why this is no such dump, or None where it looks like one."""
    return None if _LOOK.search(head) else "no table with the columns Leaf, Sub-leaf, EAX"


def parse(text: str, remarks: Remarks) -> Dump:
    """Read a table; a row that is not in it is unknown.

    Raises:
        InputError: It has no row, or too many CPUs.
    """
    assembly = Assembly(remarks)
    read_lines(text, _classify, assembly, remarks)
    return assembly.build()


def _classify(line: str) -> Entry:
    if match := _ROW.fullmatch(line):
        leaf, subleaf, eax, ebx, ecx, edx = (int(word, 16) for word in match.groups())
        return Row(leaf, subleaf, (eax, ebx, ecx, edx))
    return Damage(f"a row like {EXAMPLE}") if _MEANT_AS_ROW.match(line) else None
