"""DuckDB, in this process: the engine of questions by default, and the one that writes the store."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vcpuid.errors import InputError, UndecidedError, how_to_install

_FULL = re.compile(rf'"errno":"({errno.ENOSPC}|{errno.EDQUOT}|{errno.EFBIG})"')
"""How DuckDB tells that there is no room for a file."""
_SPARKS_NAMES = ("explode(items) AS unnest(items)", "xxhash64(a, b, c, d, e) AS hash(a, b, c, d, e)")
"""What the statements call by Spark's names."""


class DuckDb:
    """A session over Parquet files.

    Args:
        spill: A folder for what does not fit into memory; None for none.
        keeps_order: Whether rows are written in the order in which files have them, and not held all at once
            to be sorted.

    Raises:
        UndecidedError: DuckDB is not installed.
    """

    def __init__(self, spill: Path | None = None, *, keeps_order: bool = False) -> None:
        try:
            import duckdb  # noqa: PLC0415 - commands that ask no fleet must not need it
        except ImportError:
            raise UndecidedError(
                "fleets need DuckDB, which is not installed",
                next_step=how_to_install("fleet"),
            ) from None
        self._error = duckdb.Error
        self._connection = duckdb.connect()
        self.run(f"SET preserve_insertion_order = {str(keeps_order).lower()}")
        self.run("SET enable_progress_bar = false")
        for macro in _SPARKS_NAMES:
            self.run(f"CREATE MACRO {macro}")
        if spill is not None:
            self.run(f"SET temp_directory = {literal(str(spill))}")

    def close(self) -> None:
        """End the session."""
        self._connection.close()

    def view(self, name: str, files: Sequence[Path], columns: Mapping[str, str]) -> None:
        """Give Parquet files a name in SQL; without files it is an empty table of these columns.

        Columns that none of the files has, being older, are null.

        Raises:
            InputError: A file is gone or damaged.
        """
        if files:
            listed = ", ".join(literal(str(file)) for file in files)
            source = f"FROM read_parquet([{listed}], union_by_name = true)"
            told, _ = self.table(f"SELECT * {source} LIMIT 0")
            nulls = "".join(f", CAST(NULL AS {columns[one]}) AS {one}" for one in columns if one not in told)
            self.run(f"CREATE OR REPLACE VIEW {name} AS SELECT *{nulls} {source}")
        else:
            empty = ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in columns.items())
            self.run(f"CREATE OR REPLACE VIEW {name} AS SELECT {empty} WHERE false")

    def keep(self, name: str, query: str, parameters: Sequence[object] = ()) -> None:
        """Give the rows of a query a name in SQL.

        Raises:
            InputError: As `run`.
        """
        self.run(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}", parameters)

    def load(self, name: str, files: Sequence[Path], columns: Mapping[str, str]) -> None:
        """Read files of JSON lines into a table."""
        listed = ", ".join(literal(str(file)) for file in files)
        typed = ", ".join(f"{column}: {literal(kind)}" for column, kind in columns.items())
        self.run(
            f"CREATE TEMP TABLE {name} AS"  # noqa: S608 - the same
            f" SELECT * FROM read_json([{listed}], format = 'newline_delimited', columns = {{{typed}}})"
        )

    def save(self, query: str, file: Path, rows_at_once: int | None = None) -> None:
        """Write the rows of a query to a Parquet file; of large rows so many are in memory at once."""
        group = "" if rows_at_once is None else f", ROW_GROUP_SIZE {rows_at_once}"
        self.run(f"COPY ({query}) TO {literal(str(file))} (FORMAT parquet, COMPRESSION zstd{group})")

    def run(self, query: str, parameters: Sequence[object] = ()) -> None:
        """Run a statement.

        Raises:
            InputError: The engine failed: a file is gone or damaged, the disk is full.
        """
        try:
            self._connection.execute(query, list(parameters) or None)
        except self._error as error:
            raise _failure(error) from error

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Give the rows of a query.

        Raises:
            InputError: As `run`.
        """
        try:
            rows: list[tuple[Any, ...]] = self._connection.execute(query, list(parameters) or None).fetchall()
        except self._error as error:
            raise _failure(error) from error
        return rows

    def table(self, query: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Give the names of a query's columns, and its rows.

        Raises:
            InputError: As `run`.
        """
        rows = self.rows(query)
        return tuple(column[0] for column in self._connection.description or ()), rows


def literal(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"


def _failure(error: Exception) -> InputError:
    text = " ".join(str(error).split())
    full = _FULL.search(text)
    if full is not None:
        return InputError(
            f"cannot be written: {os.strerror(int(full[1]))}",
            source="fleet store",
            next_step="Nothing of the store was changed; make room, and run the command again.",
        )
    return InputError(
        f"DuckDB failed: {text}",
        source="fleet store",
        next_step="If a file of the store is damaged or gone, take out its snapshot and ingest it again.",
    )
