"""The report of Open Hardware Monitor, Libre Hardware Monitor and programs that use their library.

A part begins with ` CPU Thread: 0`, in newer versions after ` CPU Group: 0` (a group has up to 64 CPUs); a row is
` 00000007  00000000  029C6FBF  40000000  BC000600` under the heading ` Function  EAX  EBX  ECX  EDX`, always of
subleaf 0.
"""

from __future__ import annotations

import re

from vcpuid.dumps.assembly import Assembly, Row
from vcpuid.dumps.remarks import Remarks
from vcpuid.terms.dump import Dump

EXAMPLE = " 00000007  00000000  029C6FBF  40000000  BC000600"
_CPUS_OF_GROUP = 64

_WORD = "([0-9A-F]{8})"
_ROW = re.compile(rf"[\s>|]*+{_WORD}  {_WORD}  {_WORD}  {_WORD}  {_WORD}\s*+", re.IGNORECASE)
_MEANT_AS_ROW = re.compile(r"[\s>|]*+[0-9A-F]{6,}\s", re.IGNORECASE)
_HEADING = re.compile(r"^[ \t>|]*+Function[ \t]++EAX[ \t]++EBX[ \t]++ECX[ \t]++EDX", re.IGNORECASE | re.MULTILINE)
_GROUP = re.compile(r"[\s>|]*+CPU Group:\s*+(\d{1,4})\s*+", re.IGNORECASE)
_THREAD = re.compile(r"[\s>|]*+CPU Thread:\s*+(\d{1,6})\s*+", re.IGNORECASE)


def why_not(head: str) -> str | None:
    """Tell why this is no such report, or None where it looks like one."""
    return None if _HEADING.search(head) else "no heading 'Function  EAX       EBX       ECX       EDX'"


def parse(text: str, remarks: Remarks) -> Dump:
    """Read a report; a row that is not in it is unknown: subleaves are not read.

    Raises:
        InputError: It has no row, or too many CPUs.
    """
    assembly = Assembly(remarks)
    group = 0
    in_table = False
    for number, line in enumerate(text.split("\n"), 1):
        if in_table and (match := _ROW.fullmatch(line)):
            leaf, eax, ebx, ecx, edx = (int(word, 16) for word in match.groups())
            assembly.add_row(Row(leaf, 0, (eax, ebx, ecx, edx)), number)
        elif in_table and _MEANT_AS_ROW.match(line):
            remarks.fault("a damaged line", line=number, found=line, expected=f"a row like {EXAMPLE.strip()}")
        elif _HEADING.match(line):
            in_table = True
        elif match := _GROUP.fullmatch(line):
            group = int(match[1])
        elif match := _THREAD.fullmatch(line):
            assembly.begin_cpu(group * _CPUS_OF_GROUP + int(match[1]), number)
            in_table = False
        elif line.strip(" \t>|\r"):
            in_table = False  # hexadecimal tables of other chips follow, with headings of their own
    return assembly.build()
