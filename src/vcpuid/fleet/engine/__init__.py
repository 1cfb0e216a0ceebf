"""Engines: they count, group and join, by the SQL of `fleet.queries`, over the files of a store.

Questions need no more than `Engine`. DuckDB also writes the store, whichever engine is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from vcpuid.fleet.engine.duckdb import DuckDb
from vcpuid.fleet.engine.spark import Spark

Row = tuple[Any, ...]


class Engine(Protocol):
    """A session over Parquet files. All methods but `close` raise InputError where the engine fails."""

    def close(self) -> None:
        """End the session."""

    def view(self, name: str, files: Sequence[Path], columns: Mapping[str, str]) -> None:
        """Give Parquet files a name in SQL; without files it is an empty table of these columns."""

    def keep(self, name: str, query: str, parameters: Sequence[object] = ()) -> None:
        """Give the rows of a query a name in SQL."""

    def run(self, query: str, parameters: Sequence[object] = ()) -> None:
        """Run a statement."""

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Give the rows of a query."""

    def table(self, query: str) -> tuple[tuple[str, ...], list[Row]]:
        """Give the names of a query's columns, and its rows."""


ENGINES: Final[Mapping[str, Callable[[], Engine]]] = {"duckdb": DuckDb, "spark": Spark}
"""Name to what opens a session; the first is the default."""
