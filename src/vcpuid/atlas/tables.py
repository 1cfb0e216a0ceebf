"""Reading the atlas's tables: CSV under a header of `#` lines that tell origin and terms."""

from __future__ import annotations

import csv

from vcpuid.errors import InputError

# Not pathlib: importing it costs a tenth of what a whole `vcpuid explain` takes.
TABLES = f"{__file__.rpartition('/')[0]}/tables"


def load_table(name: str, folder: str = TABLES) -> list[dict[str, str]]:
    """Load one table as its rows, each a mapping of column to text.

    Raises:
        InputError: The table is missing, or a row does not have a cell for each column.
    """
    path = f"{folder}/{name}.csv"
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - see TABLES
            text = file.read()
    except OSError as error:
        raise InputError(
            f"a table of the atlas cannot be read: {error.strerror}",
            source=path,
            next_step="The installation is damaged: install vcpuid again.",
        ) from error
    lines = text.splitlines()
    header_lines = next(number for number, line in enumerate([*lines, ""]) if not line.startswith("#"))
    reader = csv.reader(lines[header_lines:])
    columns = next(reader, [])
    rows = []
    for number, cells in enumerate(reader, header_lines + 2):
        if len(cells) != len(columns):
            raise InputError(
                "a row of the atlas does not have a cell for each column",
                source=path,
                line=number,
                found=str(len(cells)),
                expected=f"{len(columns)}: {', '.join(columns)}",
            )
        rows.append(dict(zip(columns, cells, strict=False)))
    return rows
