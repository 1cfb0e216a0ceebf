"""The fleet store: a folder of Parquet files, which is asked and taken into by snapshots of the fleet."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from vcpuid.errors import InputError, UsageError
from vcpuid.fleet.engine import ENGINES, Engine
from vcpuid.fleet.engine.duckdb import DuckDb
from vcpuid.fleet.fleet import Fleet
from vcpuid.fleet.ingest import Ingest, open_ingest
from vcpuid.fleet.manifest import HOW_TO_FILL, read_manifest

_DEFAULT_ENGINE = next(iter(ENGINES))


def open_fleet(folder: str | Path, date: str | None = None, engine: str = _DEFAULT_ENGINE) -> Fleet:
    """Open one snapshot of a fleet, to ask it.

    `vcpuid fleet ingest` makes a store and takes hosts into it. Nothing here writes to one.

    Args:
        folder: The store.
        date: The snapshot's date; None for the newest.
        engine: What counts: `duckdb` in this process, or `spark` as its own configuration says.

    Raises:
        InputError: There is no store, it cannot be read, or it is of a newer version.
        UsageError: It has no snapshot of this date, or there is no such engine.
        UndecidedError: The engine is not installed, or cannot be reached.

    Examples:
        >>> from vcpuid import open_fleet
        >>> open_fleet("fleet").date
        '2026-02-01'
        >>> open_fleet("fleet", "2026-01-31").date
        '2026-01-31'
    """
    if engine not in ENGINES:
        raise UsageError("no engine of this name", found=repr(engine), expected=" or ".join(ENGINES))
    return Store(Path(folder)).fleet(date, ENGINES[engine])


class Store:
    """A folder with a fleet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def dates(self) -> tuple[str, ...]:
        """The snapshots of the fleet, oldest first.

        Raises:
            InputError: This is no store, or one of a newer version.
        """
        return read_manifest(self.folder).dates

    @property
    def version(self) -> str:
        """What every ingest changes, and nothing else does.

        Raises:
            InputError: This is no store, or one of a newer version.
        """
        return read_manifest(self.folder).text()

    def fleet(self, date: str | None = None, engine: Callable[[], Engine] = DuckDb) -> Fleet:
        """Give one snapshot of the fleet, by default the newest.

        Args:
            date: The snapshot's date.
            engine: What opens the session that the fleet is asked in.

        Raises:
            InputError: There is none, or the store cannot be read.
            UsageError: There is none of this date.
            UndecidedError: The engine is not installed, or cannot be reached.
        """
        manifest = read_manifest(self.folder)
        if not manifest.snapshots:
            raise InputError("the store holds no host yet", source=str(self.folder), next_step=HOW_TO_FILL)
        chosen = max(manifest.snapshots) if date is None else date
        if chosen not in manifest.snapshots:
            expected = ", ".join(manifest.dates)
            raise UsageError("no snapshot of this date", source=str(self.folder), found=chosen, expected=expected)
        return Fleet(self.folder, manifest, chosen, engine())

    def ingest(self, date: str) -> AbstractContextManager[Ingest]:
        """Take hosts into one snapshot of the fleet; `commit` makes them count.

        Raises:
            InputError: The folder cannot be written, or another ingest is at work.
            UsageError: This is no date.
            UndecidedError: DuckDB, which writes the store, is not installed.
        """
        return open_ingest(self.folder, date)
