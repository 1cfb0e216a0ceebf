"""Evidence that is missing, and what would give it."""

from __future__ import annotations

from dataclasses import dataclass

from vcpuid.snapshot import Record


@dataclass(frozen=True, slots=True)
class Gap:
    """Why a source has no evidence.

    Attributes:
        what: The source or the part of it.
        why: The reason in a few words.
        remedy: The command or permission that would give it; may be empty.
    """

    what: str
    why: str
    remedy: str = ""

    def __str__(self) -> str:
        """Give `what: why`."""
        return f"{self.what}: {self.why}"


def gap_of(record: Record) -> Gap:
    """Make the gap of a record without data from its first problem."""
    if record.problems:
        return _gap(*record.problems[0])
    return Gap(record.name, "no evidence in this snapshot", "Take a new snapshot with `vcpuid collect`.")


def gaps_of(record: Record) -> tuple[Gap, ...]:
    """Make the gaps of a record from all its problems, one at least."""
    return tuple(_gap(*problem) for problem in record.problems) or (gap_of(record),)


def problem_with(record: Record, what: str) -> Gap | None:
    """Give the problem that a record reports of one part, or None."""
    return next((_gap(*problem) for problem in record.problems if what in problem[0]), None)


def _gap(what: str, why: str, remedy: str) -> Gap:
    """Make a sentence of the collector's remedy, which is a clause."""
    sentence = f"{remedy[0].upper()}{remedy[1:]}{'' if remedy.endswith('.') else '.'}" if remedy else ""
    return Gap(what, why, sentence)
