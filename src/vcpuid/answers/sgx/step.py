"""The steps of the doctor's table, and conclusions made from its rows."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from vcpuid.evidence import Gap
from vcpuid.terms.verdict import Provenance

_TABLE = Path(__file__).parent / "tables" / "doctor.toml"


class Purpose(Enum):
    """What SGX is wanted for."""

    GUESTS = "guests"
    QUOTES = "quotes"


class StepState(Enum):
    """How one step is."""

    FINE = "fine"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    NOT_NEEDED = "not-needed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name, what has to be so, and what it is needed for."""

    name: str
    title: str
    serves: frozenset[Purpose]


@dataclass(frozen=True, slots=True)
class Row:
    """One conclusion of the table; its texts have `{placeholders}`.

    Attributes:
        state: How the step is.
        means: What that means.
        mend: What to do; may be empty.
        follows: The steps of which a broken one makes this a consequence.
        leaves_open: Whether this unknown leaves the whole answer open.
        source: Where the fact is from.
    """

    state: StepState
    means: str
    mend: str
    follows: tuple[str, ...]
    leaves_open: bool
    source: str


class Conclusion(NamedTuple):
    """What was found at one step, before the others are looked at.

    Attributes:
        rule: The row that was drawn, as in `bios.off`.
        summary: The evidence in a few words.
        evidence: Everything that was looked at.
        fields: What fills the row's placeholders.
    """

    rule: str
    summary: str
    evidence: tuple[Provenance, ...]
    fields: Mapping[str, str]

    @property
    def row(self) -> Row:
        """The row that was drawn."""
        return rows()[self.rule]

    @property
    def means(self) -> str:
        """What it means."""
        return self.row.means.format_map(self.fields)

    @property
    def mend(self) -> str:
        """What to do; may be empty."""
        return self.row.mend.format_map(self.fields)


def conclude(rule: str, summary: str, evidence: Iterable[Provenance] = (), **fields: str) -> Conclusion:
    """Draw a row."""
    return Conclusion(rule, summary, tuple(evidence), fields)


def unread(step: str, gap: Gap) -> Conclusion:
    """Draw the row of a step whose evidence is missing."""
    return conclude(f"{step}.unread", f"{gap.what}: {gap.why}", [Provenance(gap.what, gap.why)], remedy=gap.remedy)


@cache
def _table() -> dict[str, Any]:
    with _TABLE.open("rb") as file:
        return tomllib.load(file)


@cache
def steps() -> tuple[Step, ...]:
    """Give the steps in the order of the road."""
    return tuple(
        Step(entry["name"], entry["title"], frozenset(map(Purpose, entry["serves"]))) for entry in _table()["step"]
    )


@cache
def rows() -> Mapping[str, Row]:
    """Give every conclusion by its name."""
    return {
        f"{step}.{name}": Row(
            state=StepState(row["state"]),
            means=row["means"],
            mend=row.get("mend", ""),
            follows=tuple(row.get("follows", ())),
            leaves_open=row.get("open", False),
            source=row["source"],
        )
        for step, conclusions in _table().items()
        if step != "step"
        for name, row in conclusions.items()
    }
