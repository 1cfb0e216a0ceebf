r"""CPUID tables with tabs, as CPU-Z's text report and some programs like it have them.

A row is `\t0x00000004\t\t0x1C004121\t0x01C0003F\t0x0000003F\t0x00000000`; a repeated leaf is the next subleaf.
A part begins with `CPU Thread 0` or `Thread 0`, or leaf 0 again begins it. An MSR is
`\tMSR 0x000000CE\t\t0x00080838\t0xF3012800`, the upper half first.
"""

from __future__ import annotations

import re

from vcpuid.dumps.assembly import Assembly, CpuHead, Damage, Entry, Msr, Row, read_lines
from vcpuid.dumps.remarks import Remarks
from vcpuid.terms.dump import Dump

EXAMPLE = "0x00000007<TAB><TAB>0x00000000<TAB>0x029C6FBF<TAB>0x40000000<TAB>0xBC000600"

_WORD = "0x([0-9a-f]{8})"
_ROW = re.compile(rf"[\s>]*+{_WORD}\t++{_WORD}\t++{_WORD}\t++{_WORD}\t++{_WORD}\s*+", re.IGNORECASE)
_MSR = re.compile(rf"[\s>]*+MSR\s++{_WORD}\t++{_WORD}\t++{_WORD}\s*+", re.IGNORECASE)
_MEANT_AS_ROW = re.compile(r"[\s>]*+(?:MSR\s++)?0x[0-9a-f]{6,}\t", re.IGNORECASE)
_HEAD = re.compile(r"[\s>]*+(?:CPU )?Thread #?(\d{1,9})\s*+:?\s*+", re.IGNORECASE)
_LOOK = re.compile(rf"^[ \t>]*+{_WORD}\t++{_WORD}\t++{_WORD}\t++{_WORD}\t", re.IGNORECASE | re.MULTILINE)


def why_not(head: str) -> str | None:
    """Tell why this is no such table, or None where it looks like one."""
    return None if _LOOK.search(head) else f"no line like {EXAMPLE!r}"


def parse(text: str, remarks: Remarks) -> Dump:
    """Read the tables; a row that is not in them is unknown.

    Raises:
        InputError: There is no row, or there are too many CPUs.
    """
    assembly = Assembly(remarks)
    read_lines(text, _classify, assembly, remarks)
    return assembly.build()


def _classify(line: str) -> Entry:
    if match := _ROW.fullmatch(line):
        leaf, eax, ebx, ecx, edx = (int(word, 16) for word in match.groups())
        return Row(leaf, None, (eax, ebx, ecx, edx))
    if match := _MSR.fullmatch(line):
        return Msr(int(match[1], 16), int(match[2], 16) << 32 | int(match[3], 16))
    if match := _HEAD.fullmatch(line):
        return CpuHead(int(match[1]))
    return Damage(f"a row like {EXAMPLE}") if _MEANT_AS_ROW.match(line) else None
