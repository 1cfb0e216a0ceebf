"""Aims: what is found beside what should be, in lines that people and `python -m benchmarks` read."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

CANNOT_RUN = 2
_LINE = re.compile(r"(met|missed) +(.+?) {2,}(.+?) {2,}aim (.+)")


class Verdict(NamedTuple):
    """One aim and what was found.

    Attributes:
        what: What was measured.
        found: The figure, with its unit.
        aim: What it should be, as in `< 20 ms`.
        is_met: Whether it is.
    """

    what: str
    found: str
    aim: str
    is_met: bool

    def __str__(self) -> str:
        return f"{'met' if self.is_met else 'missed':<8}{self.what:<46}  {self.found:>22}  aim {self.aim}"

    @classmethod
    def parse(cls, line: str) -> Self | None:
        """Read a line that `str` made; None if it is another one."""
        found = _LINE.fullmatch(line.rstrip("\n"))
        return cls(found[2], found[3], found[4], is_met=found[1] == "met") if found else None


class Aims:
    """The verdicts of a benchmark, printed as they come."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []

    @property
    def status(self) -> int:
        """The exit status: 1 where an aim was missed."""
        return int(not all(verdict.is_met for verdict in self.verdicts))

    def judge(self, what: str, found: str, aim: str, *, is_met: bool) -> None:
        """Print one line."""
        verdict = Verdict(what, found, aim, is_met)
        self.verdicts.append(verdict)
        print(verdict)
