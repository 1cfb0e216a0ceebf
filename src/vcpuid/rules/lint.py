"""The rules of linters: rows of a TOML table, and the findings that are drawn by them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from vcpuid.terms.finding import Finding, Severity
from vcpuid.terms.place import Place


@dataclass(frozen=True, slots=True)
class LintRule:
    """One row. The texts have `{placeholders}`, which a finding fills.

    Attributes:
        name: Its name, as in `map.zero-mask`.
        severity: How bad it is.
        message: What is wrong.
        consequence: What libvirt or QEMU does with it, and when.
        mend: What to write or to do.
        source: Where the consequence was seen.
    """

    name: str
    severity: Severity
    message: str
    consequence: str
    mend: str
    source: str

    def finding(self, place: Place, found: str = "", expected: str = "", **fields: object) -> Finding:
        """Draw it at a place."""
        return Finding(
            severity=self.severity,
            rule=self.name,
            place=place,
            message=self.message.format_map(fields),
            found=found,
            expected=expected,
            consequence=self.consequence.format_map(fields),
            mend=self.mend.format_map(fields),
        )


@cache
def load_rules(table: str, prefix: str) -> Mapping[str, LintRule]:
    """Load a table's rules by the name of their row; `prefix` stands before it in the rule's own name."""
    with Path(table).open("rb") as file:
        rows = tomllib.load(file)
    return {
        name: LintRule(
            name=f"{prefix}.{name}",
            severity=Severity(row["severity"]),
            message=row["message"],
            consequence=row["consequence"],
            mend=row["mend"],
            source=row["source"],
        )
        for name, row in rows.items()
    }


def nearest(text: str, names: Iterable[str]) -> str | None:
    """Give the known name that a text is most likely meant to be, or None."""
    return next(iter(get_close_matches(text, list(names), n=1, cutoff=0.6)), None)


def near(text: str, names: Iterable[str]) -> str:
    """Say which known name is near to a text, as an insertion for a message; empty where none is."""
    found = nearest(text, names)
    return f" ({found}?)" if found else ""
