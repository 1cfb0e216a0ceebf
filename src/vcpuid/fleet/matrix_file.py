"""A whole matrix as a Parquet file: a row for each configuration, with its pairs as bitmaps."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from vcpuid.errors import InputError
from vcpuid.fleet import queries
from vcpuid.fleet.engine.duckdb import DuckDb
from vcpuid.fleet.matrix import Matrix

_ROWS = 2048


def write_matrix(matrix: Matrix, path: Path) -> None:
    """Write a matrix; the file is there whole or not at all.

    Bit i (byte i // 8, lowest bit first) of `possible` and `compatible` is the configuration whose `place` is i.
    Only some rows are in memory at a time.

    Raises:
        InputError: It cannot be written.
    """
    try:
        with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            parts = _write_parts(matrix, Path(folder))
            engine = DuckDb(Path(folder), keeps_order=True)
            try:
                engine.view("parts", parts, queries.MATRIX_COLUMNS)
                engine.save(queries.MATRIX, Path(folder, "whole"), _ROWS)
            finally:
                engine.close()
            Path(folder, "whole").replace(path)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", source=str(path)) from error


def _write_parts(matrix: Matrix, folder: Path) -> list[Path]:
    parts = []
    size = -(-len(matrix.kinds) // 8)
    engine = DuckDb()
    try:
        for start in range(0, len(matrix.kinds), _ROWS):
            kinds = matrix.kinds[start : start + _ROWS]
            possible = matrix.sending.rows(start, start + len(kinds))
            certain = matrix.certain(start, possible)
            columns = (
                list(range(start, start + len(kinds))),
                *(list(column) for column in zip(*(kind[:-1] for kind in kinds), strict=True)),
                [kind.basis.word for kind in kinds],
                [row.tobytes()[:size] for row in possible],
                [row.tobytes()[:size] for row in certain],
            )
            engine.run(queries.MATRIX_PART, columns)
            parts.append(folder / f"{start}.parquet")
            engine.save("SELECT * FROM part", parts[-1])
    finally:
        engine.close()
    return parts
