"""Formats that are read line by line: everything but the grammar of a line.

Dumps come in mails and reports, so a line that says nothing of its format is passed over. One that is meant as a
row and is none is damaged: it has several words like registers, or a format's own mark of a row, or it is the
beginning of a row whose end is lost.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from types import NoneType
from typing import cast

from vcpuid.dumps.assembly import Assembly, CpuHead, Damage, Entry, Msr, MsrHead, Row
from vcpuid.dumps.remarks import Remarks
from vcpuid.dumps.truncation import tell_truncation
from vcpuid.terms.dump import Dump, MissingRow

_REMEMBERED_LINES = 65536
_USUAL_CHARACTERS = 1 << 20
_MARGIN = " \t\r>"  # what quotations put before a line, and systems after it
_SHORTEST_BEGINNING = 3
_NO_DIGITS = string.ascii_letters + string.punctuation + string.whitespace
_MANY_WORDS = 3
_REGISTER = re.compile(r"(?<![0-9a-z])(?:0x)?[0-9a-f]{8}(?![0-9a-z])", re.IGNORECASE)

Classify = Callable[[str], Entry]


@dataclass(frozen=True, slots=True)
class LineFormat:
    """A format in which each line says by itself what it is.

    Attributes:
        example: A row.
        look: Found near the beginning of every such dump.
        meant: Matches a line that is meant as a row, even one with few registers.
        classify: Tells what a line says; None where it says nothing of this format.
        missing: What a row means that is not there.
    """

    example: str
    look: re.Pattern[str]
    meant: re.Pattern[str]
    classify: Classify
    missing: MissingRow = MissingRow.UNKNOWN

    def why_not(self, head: str) -> str | None:
        """Tell why this is no such dump, or None where it looks like one."""
        return None if self.look.search(head) else f"no line like {show(self.example)!r}"

    def parse(self, text: str, remarks: Remarks) -> Dump:
        """Read a dump.

        Raises:
            InputError: It has no row, or too many CPUs.
        """
        return parse_lines(text, self._classify_or_blame, remarks, self.missing)

    def _classify_or_blame(self, line: str) -> Entry:
        entry = self.classify(line)
        if entry is None and (self.meant.match(line) or has_registers(line) or self._is_cut_off(line)):
            return Damage(f"a row like {show(self.example)}")
        return entry

    def _is_cut_off(self, line: str) -> bool:
        """Tell whether this is the beginning of a row, to its first digit at least, and not the rest."""
        word = self.example[: -len(self.example.lstrip(_NO_DIGITS))]
        begun = line.strip(_MARGIN)
        shortest = max(len(word) + 1, _SHORTEST_BEGINNING)
        if not begun.startswith(word) or not shortest <= len(begun) < len(self.example):
            return False
        return isinstance(self.classify(begun + self.example[len(begun) :]), Row)


def has_registers(line: str) -> bool:
    """Tell whether a line has so many words of eight digits that it can only be meant as a row."""
    return len(_REGISTER.findall(line)) >= _MANY_WORDS


def show(example: str) -> str:
    """Give an example as it can stand in a message."""
    return example.replace("\t", "<TAB>")


def parse_lines(
    text: str,
    classify: Classify,
    remarks: Remarks,
    missing: MissingRow = MissingRow.UNKNOWN,
    *,
    in_context: bool = False,
) -> Dump:
    """Read a dump by a function that tells what a line says, be it by itself or in the context of earlier ones.

    Raises:
        InputError: It has no row, or too many CPUs.
    """
    assembly = Assembly(remarks, missing)
    _read_lines(text, classify, assembly, remarks, in_context=in_context)
    dump = assembly.build()
    if end := tell_truncation(dump):
        remarks.note(end)
    return dump


def _read_lines(text: str, classify: Classify, assembly: Assembly, remarks: Remarks, *, in_context: bool) -> None:
    """Take what each line says.

    CPUs mostly repeat each other, and dumps too: a line that was met lately is not looked at again, unless it is
    the lines before it that tell what it says.
    """
    lines = text.split("\n")
    number = 1
    for kind, group in groupby(map(_with_memory(classify, text, in_context=in_context), lines), type):
        run = list(group)
        if kind is Row:
            assembly.add_rows(cast("list[Row]", run), number)
        elif kind is not NoneType:
            for place, entry in enumerate(run, number):
                _take(entry, lines[place - 1], place, assembly, remarks)
        number += len(run)


def _with_memory(classify: Classify, text: str, *, in_context: bool) -> Classify:
    if in_context:
        return classify
    # A large text may have lines of any size: they are forgotten with it.
    return _remembering(classify) if len(text) <= _USUAL_CHARACTERS else lru_cache(_REMEMBERED_LINES)(classify)


@cache
def _remembering(classify: Classify) -> Classify:
    """Give the function with a memory of the lines that it has seen, one for all dumps of its format."""
    return lru_cache(_REMEMBERED_LINES)(classify)


def _take(entry: Entry, line: str, number: int, assembly: Assembly, remarks: Remarks) -> None:
    match entry:
        case CpuHead(cpu, title):
            assembly.begin_cpu(cpu, number, title)
        case MsrHead(cpu):
            assembly.begin_msrs(cpu)
        case Msr():
            assembly.add_msr(entry)
        case Damage(expected):
            remarks.fault("a damaged line", line=number, found=line, expected=expected)
