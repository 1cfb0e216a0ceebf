"""Reading the atlas's tables: CSV under a header of `#` lines that tell origin and terms."""

from __future__ import annotations

import csv
from pathlib import Path

from vcpuid.errors import InputError

TABLES = Path(__file__).parent / "tables"


def load_table(name: str, folder: Path = TABLES) -> list[dict[str, str]]:
    """Load one table as its rows, each a mapping of column to text; missing cells are empty.

    Raises:
        InputError: The table is missing, or a row has too many cells.
    """
    path = folder / f"{name}.csv"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"a table of the atlas cannot be read: {error.strerror}",
            source=str(path),
            next_step="The installation is damaged: install vcpuid again.",
        ) from error
    lines = text.splitlines()
    header_lines = next(number for number, line in enumerate([*lines, ""]) if not line.startswith("#"))
    reader = csv.reader(lines[header_lines:])
    columns = next(reader, [])
    rows = []
    for number, cells in enumerate(reader, header_lines + 2):
        if len(cells) > len(columns):
            raise InputError(
                "a row of the atlas has too many cells",
                source=str(path),
                line=number,
                found=str(len(cells)),
                expected=", ".join(columns),
            )
        cells.extend([""] * (len(columns) - len(cells)))
        rows.append(dict(zip(columns, cells, strict=True)))
    return rows
