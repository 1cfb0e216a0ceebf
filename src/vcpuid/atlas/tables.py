"""Reading the atlas's tables: CSV under a header of `#` lines that tell origin and terms."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Sequence

from vcpuid.errors import InputError

# Not pathlib: importing it costs a tenth of what a whole `vcpuid explain` takes.
TABLES = f"{__file__.rpartition('/')[0]}/tables"

_Line = tuple[int, str]


def load_table(name: str, folder: str = TABLES) -> list[dict[str, str]]:
    """Load one table as its rows, each a mapping of column to text.

    Raises:
        InputError: The table is missing, or a row does not have a cell for each column.
    """
    path = f"{folder}/{name}.csv"
    columns, lines = _read_lines(path)
    return _make_rows(path, columns, lines)


class Groups:
    """A table that is read a group at a time: the rows with the same first cell, which is never quoted.

    Raises:
        InputError: The table is missing.
    """

    def __init__(self, name: str, folder: str = TABLES) -> None:
        self._path = f"{folder}/{name}.csv"
        self._columns, lines = _read_lines(self._path)
        self._lines: dict[str, list[_Line]] = {}
        for line in lines:
            self._lines.setdefault(line[1].partition(",")[0], []).append(line)

    @property
    def keys(self) -> Collection[str]:
        """The first cells, in the table's order."""
        return self._lines.keys()

    def rows(self, key: str) -> list[dict[str, str]]:
        """Give the rows of a group; none where there is no such group.

        Raises:
            InputError: A row does not have a cell for each column.
        """
        return _make_rows(self._path, self._columns, self._lines.get(key, ()))

    def has_text(self, key: str, text: str) -> bool:
        """Tell whether a text stands anywhere in a group's rows, which are not made for it."""
        return any(text in line for _, line in self._lines.get(key, ()))


def _read_lines(path: str) -> tuple[Sequence[str], list[_Line]]:
    """Give the columns of a table, and its lines with their numbers."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - see TABLES
            text = file.read()
    except OSError as error:
        raise InputError(
            f"a table of the atlas cannot be read: {error.strerror}",
            source=path,
            next_step="The installation is damaged: install vcpuid again.",
        ) from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if not line.startswith("#")]
    return (lines[0][1].split(",") if lines else []), [line for line in lines[1:] if line[1]]


def _make_rows(path: str, columns: Sequence[str], lines: Iterable[_Line]) -> list[dict[str, str]]:
    rows = []
    numbers, texts = zip(*lines, strict=True) if lines else ((), ())
    for number, cells in zip(numbers, csv.reader(texts), strict=True):
        if len(cells) != len(columns):
            raise InputError(
                "a row of the atlas does not have a cell for each column",
                source=path,
                line=number,
                found=str(len(cells)),
                expected=f"{len(columns)}: {', '.join(columns)}",
            )
        rows.append(dict(zip(columns, cells, strict=True)))
    return rows
