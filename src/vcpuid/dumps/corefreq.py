"""CoreFreq's CPUID dump: `corefreq-cli -u`.

A part begins with `CPU #0   function  EAX ...`; a row is
`|- 00000007:00000000    00000000     029c6fbf     40000000     bc000600`, leaf and subleaf hexadecimal.
"""

from __future__ import annotations

import re

from vcpuid.dumps.assembly import Assembly, CpuHead, Damage, Entry, Row, read_lines
from vcpuid.dumps.remarks import Remarks
from vcpuid.terms.dump import Dump

EXAMPLE = "|- 00000007:00000000    00000000     029c6fbf     40000000     bc000600"

_WORD = "([0-9a-f]{8})"
_ROW = re.compile(rf"[\s>]*+\|-\s*+{_WORD}:{_WORD}\s++{_WORD}\s++{_WORD}\s++{_WORD}\s++{_WORD}\s*+", re.IGNORECASE)
_MEANT_AS_ROW = re.compile(r"[\s>]*+\|-\s*+[0-9a-f]{6}", re.IGNORECASE)
_HEAD = re.compile(r"[\s>]*+CPU #(\d{1,9})\s++function\b.*", re.IGNORECASE)
_LOOK = re.compile(rf"^[ \t>]*+\|-\s*+{_WORD}:{_WORD}\s", re.IGNORECASE | re.MULTILINE)


def why_not(head: str) -> str | None:
    """Tell why this is no such dump, or None where it looks like one."""
    return None if _LOOK.search(head) else f"no line like {EXAMPLE!r}"


def parse(text: str, remarks: Remarks) -> Dump:
    """Read a dump; a row that is not in it is unknown.

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
    if match := _HEAD.fullmatch(line):
        return CpuHead(int(match[1]))
    return Damage(f"a row like {EXAMPLE}") if _MEANT_AS_ROW.match(line) else None
