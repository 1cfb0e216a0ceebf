"""Xen's CPU policies: `xen-cpuid -p`, and Xen test programs that print the same rows.

A policy begins with `Raw policy: 32 leaves, 2 MSRs`; a row is
`  00000007:00000000 -> 00000000:029c6fbf:40000000:bc000600`, an MSR `  0000010a -> 0000000000000000`. A leaf
without subleaves has subleaf ffffffff. Rows of zeros are left out, so what is not there is zero. Each policy is
read as a CPU, and a note tells which is which: what Xen found (Raw), what it uses (Host), what it can give at most
to each kind of guest and what it gives by default, or what one domain has.
"""

from __future__ import annotations

import re

from vcpuid.dumps.assembly import CpuHead, Entry, Msr, Row
from vcpuid.dumps.lines import LineFormat
from vcpuid.terms.dump import MissingRow

EXAMPLE = "00000007:00000000 -> 00000000:029c6fbf:40000000:bc000600"

_WORD = "([0-9a-f]{8})"
_ARROW = r"\s*+->\s*+"
_ROW = re.compile(rf"[\s>]*+{_WORD}:{_WORD}{_ARROW}{_WORD}:{_WORD}:{_WORD}:{_WORD}\s*+", re.IGNORECASE)
_MSR = re.compile(rf"[\s>]*+{_WORD}{_ARROW}([0-9a-f]{{16}})\s*+", re.IGNORECASE)
_MEANT_AS_ROW = re.compile(
    r"[\s>]*+[0-9a-f]{6}[0-9a-f:]*+\s*+->|.*->\s*+[0-9a-f]{4}|.*\b[0-9a-f]{16}\s*+$", re.IGNORECASE
)
_NO_SUBLEAF = 0xFFFFFFFF  # XEN_CPUID_NO_SUBLEAF
_POLICY = re.compile(r"[\s>]*+([A-Z][\w ]{0,40}) policy(?::.*)?")
_LOOK = re.compile(rf"^[ \t>]*+{_WORD}:{_WORD}\s*+->\s*+{_WORD}:", re.IGNORECASE | re.MULTILINE)


def _classify(line: str) -> Entry:
    if match := _ROW.fullmatch(line):
        leaf, subleaf, eax, ebx, ecx, edx = (int(word, 16) for word in match.groups())
        return Row(leaf, 0 if subleaf == _NO_SUBLEAF else subleaf, (eax, ebx, ecx, edx))
    if match := _MSR.fullmatch(line):
        return Msr(int(match[1], 16), int(match[2], 16))
    if match := _POLICY.fullmatch(line):
        return CpuHead(None, f"the {match[1]} policy")
    return None


_LINES = LineFormat(EXAMPLE, _LOOK, _MEANT_AS_ROW, _classify, MissingRow.ZERO)
why_not, parse = _LINES.why_not, _LINES.parse
