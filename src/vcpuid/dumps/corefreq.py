"""CoreFreq's CPUID dump: `corefreq-cli -u`.

A part begins with `CPU #0   function  EAX ...`; a row is
`|- 00000007:00000000    00000000     029c6fbf     40000000     bc000600`, leaf and subleaf hexadecimal.
"""

from __future__ import annotations

import re

from vcpuid.dumps.assembly import CpuHead, Entry, Row
from vcpuid.dumps.lines import LineFormat

EXAMPLE = "|- 00000007:00000000    00000000     029c6fbf     40000000     bc000600"

_WORD = "([0-9a-f]{8})"
_ROW = re.compile(rf"[\s>]*+\|-\s*+{_WORD}:{_WORD}\s++{_WORD}\s++{_WORD}\s++{_WORD}\s++{_WORD}\s*+", re.IGNORECASE)
_MEANT_AS_ROW = re.compile(r"[\s>]*+\|-\s*+[0-9a-f]{6}", re.IGNORECASE)
_HEAD = re.compile(r"[\s>]*+CPU #(\d{1,9})\s++function\b.*", re.IGNORECASE)
_LOOK = re.compile(rf"^[ \t>]*+\|-\s*+{_WORD}:{_WORD}\s", re.IGNORECASE | re.MULTILINE)


def _classify(line: str) -> Entry:
    if match := _ROW.fullmatch(line):
        leaf, subleaf, eax, ebx, ecx, edx = (int(word, 16) for word in match.groups())
        return Row(leaf, subleaf, (eax, ebx, ecx, edx))
    if match := _HEAD.fullmatch(line):
        return CpuHead(int(match[1]))
    return None


_LINES = LineFormat(EXAMPLE, _LOOK, _MEANT_AS_ROW, _classify)
why_not, parse = _LINES.why_not, _LINES.parse
