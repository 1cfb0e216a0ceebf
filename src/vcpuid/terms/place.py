"""Where a statement stands, so that people can go there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A file, command line or document, and the line in it (counted from 1) where that is known."""

    source: str
    line: int | None = None

    def __str__(self) -> str:
        """Give `source:line`, or the source alone."""
        return self.source if self.line is None else f"{self.source}:{self.line}"
