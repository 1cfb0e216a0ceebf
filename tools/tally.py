"""What comparisons with another program find: how often each outcome came, and which differences nothing explains.

The explained ones are rows of a CSV file: `pattern`, a regular expression for `INPUT => DIFFERENCE`, `name`, and
what else the file tells.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tools.table_file import read_rows


@dataclass(frozen=True, slots=True)
class Explanations:
    """The differences that are known, and why they are.

    Attributes:
        rows: A pattern and a name each.
    """

    rows: tuple[tuple[re.Pattern[str], str], ...]

    @classmethod
    def load(cls, path: Path) -> Explanations:
        """Read them from a file."""
        return cls(tuple((re.compile(row["pattern"], re.DOTALL), row["name"]) for row in read_rows(path)))

    def find(self, text: str, difference: str) -> str | None:
        """Give the name of what explains a difference, or None."""
        line = f"{text} => {difference}"
        return next((name for pattern, name in self.rows if pattern.search(line)), None)


@dataclass(slots=True)
class Tally:
    """The results of many comparisons.

    Attributes:
        known: What explains differences.
        counts: Outcome, or name of an explanation, to how often it came.
        unexplained: What was compared, and the difference.
    """

    known: Explanations
    counts: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)

    def add(self, outcome: str, text: str, differences: Iterable[str]) -> None:
        """Take the result of one comparison: what came of it, what was compared, and what differed."""
        self.counts[outcome] += 1
        for difference in differences:
            reason = self.known.find(text, difference)
            if reason is None:
                self.unexplained.append(f"{text} => {difference}")
            else:
                self.counts[f"explained: {reason}"] += 1

    def tell(self) -> int:
        """Print all; gives the exit status, 1 where something has no explanation."""
        for line in self.unexplained:
            print(line)
        for outcome, number in sorted(self.counts.items()):
            print(f"{number:6} {outcome}")
        print(f"{len(self.unexplained):6} differences that nothing explains")
        return 1 if self.unexplained else 0
