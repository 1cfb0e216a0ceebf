r"""CPUID tables with tabs, as CPU-Z's text report and some programs like it have them.

A row is `\t0x00000004\t\t0x1C004121\t0x01C0003F\t0x0000003F\t0x00000000`; a repeated leaf is the next subleaf.
A part begins with `CPU Thread 0` or `Thread 0`, or leaf 0 again begins it. An MSR is
`\tMSR 0x000000CE\t\t0x00080838\t0xF3012800`, the upper half first.
"""

from __future__ import annotations

import re

from vcpuid.dumps.assembly import CpuHead, Entry, Msr, Row
from vcpuid.dumps.lines import LineFormat

EXAMPLE = "0x00000007\t\t0x00000000\t0x029C6FBF\t0x40000000\t0xBC000600"

_WORD = "0x([0-9a-f]{8})"
_ROW = re.compile(rf"[\s>]*+{_WORD}\t++{_WORD}\t++{_WORD}\t++{_WORD}\t++{_WORD}\s*+", re.IGNORECASE)
_MSR = re.compile(rf"[\s>]*+MSR\s++{_WORD}\t++{_WORD}\t++{_WORD}\s*+", re.IGNORECASE)
_MEANT_AS_ROW = re.compile(r"[\s>]*+(?:MSR(?:.*\t|\s*+0x?[0-9a-f]*+\s*+$)|0x[0-9a-f]{6,}\t)", re.IGNORECASE)
_HEAD = re.compile(r"[\s>]*+(?:CPU )?Thread #?(\d{1,9})\s*+:?\s*+", re.IGNORECASE)
_LOOK = re.compile(rf"^[ \t>]*+{_WORD}\t++{_WORD}\t++{_WORD}\t++{_WORD}\t", re.IGNORECASE | re.MULTILINE)


def _classify(line: str) -> Entry:
    if match := _ROW.fullmatch(line):
        leaf, eax, ebx, ecx, edx = (int(word, 16) for word in match.groups())
        return Row(leaf, None, (eax, ebx, ecx, edx))
    if match := _MSR.fullmatch(line):
        return Msr(int(match[1], 16), int(match[2], 16) << 32 | int(match[3], 16))
    if match := _HEAD.fullmatch(line):
        return CpuHead(int(match[1]))
    return None


_LINES = LineFormat(EXAMPLE, _LOOK, _MEANT_AS_ROW, _classify)
why_not, parse = _LINES.why_not, _LINES.parse
