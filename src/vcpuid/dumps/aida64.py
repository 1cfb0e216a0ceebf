r"""AIDA64's (before: EVEREST's) CPUID dump, the form of the InstLatx64 collection.

A row is `CPUID 0000000D: 00000003-00000240-00000240-00000000 [SL 00] [x87]`; subleaf and registers are
hexadecimal, other brackets are comments. Old versions have no `[SL ..]`: a repeated leaf is the next subleaf.
Others write the same with spaces, tabs or ` :` instead. Parts of different CPUs have a heading, or begin
with leaf 0 again. MSRs are `MSR 0000003A: 0000-0000-0000-0005`, or `< FAILED >` where the CPU faulted; where their
part names no CPU they are the first one's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from vcpuid.dumps.assembly import Aside, CpuHead, Damage, Entry, Msr, MsrHead, Row
from vcpuid.dumps.lines import LineFormat
from vcpuid.terms.address import LEAVES_WITH_SUBLEAVES
from vcpuid.terms.dump import Cpu, Dump, MissingRow

EXAMPLE = "CPUID 00000007: 00000000-029C6FBF-40000000-BC000600 [SL 00]"
_MSR_EXAMPLE = "MSR 0000003A: 0000-0000-0000-0005"
_HEAD_EXAMPLE = "------[ CPUID Registers / Logical CPU #0 ]------"

_WORD, _QUARTER = "([0-9A-F]{8})", "([0-9A-F]{4})"
_ROW = re.compile(
    rf"[\s>]*+CPUID\s++{_WORD}\s*+:?\s*+{_WORD}[-\s]\s*+{_WORD}[-\s]\s*+{_WORD}[-\s]\s*+{_WORD}\s*+"
    r"(?:\[SL\s*+([0-9A-F]{1,8})\].*|\[(?!SL).*)?",
    re.IGNORECASE,
)
_MEANT_AS_ROW = re.compile(
    rf"[\s>]*+(?:CPUID\s*+(?:[0-9A-F]{{6}}|[0-9A-F]++\s*+:|.*-{_WORD}-)|[0-9A-F]{{0,8}}+-{_WORD}(?:[-\s]|$))",
    re.IGNORECASE,
)
_MSR = re.compile(
    rf"[\s>]*+MSR\s++{_WORD}\s*+:\s*+(?:{_QUARTER}-{_QUARTER}-{_QUARTER}-{_QUARTER}|<\s*+FAILED\s*+>)(?:\s.*)?",
    re.IGNORECASE,
)
_MEANT_AS_MSR = re.compile(r"[\s>]*+MSR\s*+[0-9A-F]++(?:\W|$)", re.IGNORECASE)
_QUARTERS = re.compile(
    rf"\b{_QUARTER}-{_QUARTER}-{_QUARTER}(?:\s|$)|\b{_WORD}\s*+:\s*+{_QUARTER}-", re.IGNORECASE
)  # in a row whose word is damaged
_CPU_HEADS = (
    re.compile(r"[\s>]*+-+\[\s*+(?:CPUID Registers / )?Logical CPU #(\d{1,9})\s*+\]-+\s*+"),
    re.compile(r"[\s>]*+CPU#(\d{1,9}) AffMask: 0x[0-9a-fA-F]+\s*+"),
    re.compile(r"[\s>]*+CPU (\d{1,9}):\s*+"),
)
_COUNTED_HEAD = re.compile(r"[\s>]*+CPUID Registers \(CPU #(\d{1,9})\):\s*+")  # counted from 1
_MSR_HEAD = re.compile(r"[\s>]*+-+\[\s*+MSR Registers(?: / Logical CPU #(\d{1,9}))?\s*+\]-+\s*+")
_MEANT_AS_HEAD = re.compile(r"[\s>]*+-+\[.*\bLogical CPU #", re.IGNORECASE)
_LOOK = re.compile(rf"^[ \t>]*+CPUID\s++{_WORD}\s*+:?\s*+{_WORD}[-\s]", re.IGNORECASE | re.MULTILINE)


def _classify(line: str) -> Entry:
    if match := _ROW.fullmatch(line):
        leaf, eax, ebx, ecx, edx, subleaf = match.groups()
        registers = (int(eax, 16), int(ebx, 16), int(ecx, 16), int(edx, 16))
        return Row(int(leaf, 16), int(subleaf, 16) if subleaf else None, registers)
    if match := _MSR.fullmatch(line):
        index, *quarters = match.groups()
        return Msr(int(index, 16), int("".join(quarters), 16)) if quarters[0] else Aside()
    if _MEANT_AS_MSR.match(line) or ("-" in line and _QUARTERS.search(line)):
        return Damage(f"an MSR like {_MSR_EXAMPLE}")
    return _classify_heading(line)


def _classify_heading(line: str) -> Entry:
    for head in _CPU_HEADS:
        if match := head.fullmatch(line):
            return CpuHead(int(match[1]))
    if match := _COUNTED_HEAD.fullmatch(line):
        return CpuHead(max(int(match[1]) - 1, 0))
    if match := _MSR_HEAD.fullmatch(line):
        return MsrHead(int(match[1]) if match[1] else None)
    return Damage(f"a heading like {_HEAD_EXAMPLE}") if _MEANT_AS_HEAD.match(line) else None


_LINES = LineFormat(EXAMPLE, _LOOK, _MEANT_AS_ROW, _classify)
why_not, parse = _LINES.why_not, _LINES.parse


def keep(dump: Dump) -> Dump:
    """Give the part of a dump that this format can hold: all but what a missing row means."""
    known = [cpu for cpu in dump.cpus if cpu.rows or cpu.msrs]
    return replace(dump, cpus=tuple(replace(cpu, missing=MissingRow.UNKNOWN) for cpu in known))


def write(dump: Dump) -> str:
    """Write a dump as AIDA64 does: the rows of all CPUs, then the MSRs of all."""
    cpus = keep(dump).cpus
    parts = [line for cpu in cpus for line in _write_rows(cpu)]
    parts += [line for cpu in cpus if cpu.msrs for line in _write_msrs(cpu)]
    return "\n".join(parts)


def _write_rows(cpu: Cpu) -> Iterator[str]:
    yield f"------[ CPUID Registers / Logical CPU #{cpu.number} ]------\n"
    marked = LEAVES_WITH_SUBLEAVES | {leaf for leaf, subleaf in cpu.rows if subleaf}
    for leaf, subleaf in sorted(cpu.rows):
        registers = "-".join(f"{register:08X}" for register in cpu.rows[leaf, subleaf])
        yield f"CPUID {leaf:08X}: {registers}{f' [SL {subleaf:02X}]' if leaf in marked else ''}"
    yield ""


def _write_msrs(cpu: Cpu) -> Iterator[str]:
    yield f"------[ MSR Registers / Logical CPU #{cpu.number} ]------\n"
    for index, value in sorted(cpu.msrs.items()):
        digits = f"{value:016X}"
        yield f"MSR {index:08X}: {digits[:4]}-{digits[4:8]}-{digits[8:12]}-{digits[12:]}"
    yield ""
