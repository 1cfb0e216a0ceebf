"""The raw output of the program cpuid: `cpuid -r`, `cpuid -1 -r`.

A part begins with `CPU 0:`, or `CPU:` with -1; a row is
`   0x00000007 0x00: eax=0x00000000 ebx=0x029c6fbf ecx=0x40000000 edx=0xbc000600`. Old versions write no
subleaf: there a repeated leaf is the next subleaf. They leave out newer leaves: what is not there is unknown.
"""

from __future__ import annotations

import re
from dataclasses import replace

from vcpuid.dumps.assembly import CpuHead, Damage, Entry, Row
from vcpuid.dumps.lines import LineFormat
from vcpuid.terms.dump import Dump, MissingRow

EXAMPLE = "0x00000007 0x00: eax=0x00000000 ebx=0x029c6fbf ecx=0x40000000 edx=0xbc000600"

_WORD = "0x([0-9a-f]{8})"
_ROW = re.compile(
    rf"[\s>]*+{_WORD}(?:\s++0x([0-9a-f]{{1,8}}))?:\s*+eax={_WORD}\s++ebx={_WORD}\s++ecx={_WORD}\s++edx={_WORD}\s*+",
    re.IGNORECASE,
)
_MEANT_AS_ROW = re.compile(r"[\s>]*+0x[0-9a-f]{4}|.*\be[abcd]x=0x", re.IGNORECASE)
_HEAD = re.compile(r"[\s>]*+CPU(?:\s++(\d{1,9}))?:\s*+")
_MEANT_AS_HEAD = re.compile(r"[\s>]*+CPU\s*+\S?\d\S{0,6}\s*+$", re.IGNORECASE)
_LOOK = re.compile(
    rf"^[ \t>]*+{_WORD}(?:\s++0x[0-9a-f]{{1,8}})?:\s*+eax={_WORD}(?:\s++ebx=|\s*+$)", re.IGNORECASE | re.MULTILINE
)
_LEAF_0 = re.compile(r"^[ \t>]*+0x00000000(?:\s++0x0{1,8})?:\s*+eax=", re.IGNORECASE | re.MULTILINE)
DECODED = re.compile(r"^[ \t>]*+(?:vendor_id = |version information \()", re.MULTILINE)


def _classify(line: str) -> Entry:
    if match := _ROW.fullmatch(line):
        leaf, subleaf, eax, ebx, ecx, edx = match.groups()
        registers = (int(eax, 16), int(ebx, 16), int(ecx, 16), int(edx, 16))
        return Row(int(leaf, 16), int(subleaf, 16) if subleaf else None, registers)
    if match := _HEAD.fullmatch(line):
        return CpuHead(int(match[1]) if match[1] else None)
    return Damage("a heading like CPU 0:") if _MEANT_AS_HEAD.match(line) else None


_LINES = LineFormat(EXAMPLE, _LOOK, _MEANT_AS_ROW, _classify)
parse = _LINES.parse


def why_not(head: str) -> str | None:
    """Tell why this is no such dump, or None where it looks like one."""
    # Decoded output has the registers of the few leaves that the program does not know. A dump has leaf 0 near its
    # beginning: looked for first, that spares the search through all of it.
    if not _LEAF_0.search(head) and DECODED.search(head):
        return "decoded output, without leaf 0"
    return _LINES.why_not(head)


def keep(dump: Dump) -> Dump:
    """Give the part of a dump that this format can hold: no MSRs."""
    return replace(
        dump,
        cpus=tuple(replace(cpu, msrs={}, missing=MissingRow.UNKNOWN) for cpu in dump.cpus if cpu.rows),
    )


def write(dump: Dump) -> str:
    """Write a dump as `cpuid -r` does; `cpuid -f FILE` reads it."""
    lines = []
    for cpu in dump.cpus:
        if cpu.rows:
            lines.append(f"CPU {cpu.number}:")
            for (leaf, subleaf), (eax, ebx, ecx, edx) in sorted(cpu.rows.items()):
                lines.append(
                    f"   0x{leaf:08x} 0x{subleaf:02x}: "
                    f"eax=0x{eax:08x} ebx=0x{ebx:08x} ecx=0x{ecx:08x} edx=0x{edx:08x}"
                )
    return "\n".join([*lines, ""])
