"""The report of Open Hardware Monitor, Libre Hardware Monitor and programs that use their library.

A part begins with ` CPU Thread: 0`, in newer versions after ` CPU Group: 0` (a group has up to 64 CPUs); a row is
` 00000007  00000000  029C6FBF  40000000  BC000600` under the heading ` Function  EAX  EBX  ECX  EDX`, always of
subleaf 0. What is not there is unknown: subleaves are not read.
"""

from __future__ import annotations

import re

from vcpuid.dumps.assembly import CpuHead, Damage, Entry, Row
from vcpuid.dumps.lines import has_registers, parse_lines
from vcpuid.dumps.remarks import Remarks
from vcpuid.terms.dump import Dump

EXAMPLE = " 00000007  00000000  029C6FBF  40000000  BC000600"
_CPUS_OF_GROUP = 64

_WORD = "([0-9A-F]{8})"
_ROW = re.compile(rf"[\s>|]*+{_WORD}  {_WORD}  {_WORD}  {_WORD}  {_WORD}\s*+", re.IGNORECASE)
_MEANT_AS_ROW = re.compile(r"[\s>|]*+(?:[0-9A-F]{6,}+\s|[0-9A-F]{3,8}+\s*+$)", re.IGNORECASE)
_HEADING = re.compile(r"^[ \t>|]*+Function[ \t]++EAX[ \t]++EBX[ \t]++ECX[ \t]++EDX", re.IGNORECASE | re.MULTILINE)
_COLUMN = re.compile(r"\bE[ABCD]X", re.IGNORECASE)
_MANY_COLUMNS = 3  # tables of MSRs have two
_GROUP = re.compile(r"[\s>|]*+CPU Group:\s*+(\d{1,4})\s*+", re.IGNORECASE)
_THREAD = re.compile(r"[\s>|]*+CPU Thread:\s*+(\d{1,6})\s*+", re.IGNORECASE)


class _Context:
    """The group of CPUs, and whether a table of CPUID is being read."""

    def __init__(self) -> None:
        self._group = 0
        self._in_table = False

    def classify(self, line: str) -> Entry:
        if self._in_table and (match := _ROW.fullmatch(line)):
            leaf, eax, ebx, ecx, edx = (int(word, 16) for word in match.groups())
            return Row(leaf, 0, (eax, ebx, ecx, edx))
        if self._in_table and (_MEANT_AS_ROW.match(line) or has_registers(line)):
            return Damage(f"a row like {EXAMPLE.strip()}")
        if match := _GROUP.fullmatch(line):
            self._group = int(match[1])
        elif match := _THREAD.fullmatch(line):
            self._in_table = False
            return CpuHead(self._group * _CPUS_OF_GROUP + int(match[1]))
        elif _HEADING.match(line):
            self._in_table = True
        elif len(_COLUMN.findall(line)) >= _MANY_COLUMNS:
            self._in_table = True
            return Damage("the heading Function  EAX       EBX       ECX       EDX")
        elif line.strip(" \t>|\r"):
            self._in_table = False  # hexadecimal tables of other chips follow, with headings of their own
        return None


def why_not(head: str) -> str | None:
    """Tell why this is no such report, or None where it looks like one."""
    return None if _HEADING.search(head) else "no heading 'Function  EAX       EBX       ECX       EDX'"


def parse(text: str, remarks: Remarks) -> Dump:
    """Read a report.

    Raises:
        InputError: It has no row, or too many CPUs.
    """
    return parse_lines(text, _Context().classify, remarks, in_context=True)
