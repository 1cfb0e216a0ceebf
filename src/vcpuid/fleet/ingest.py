"""Hosts on their way into a fleet's store: they count when all of them are there, or not at all."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from vcpuid.errors import InputError, UsageError
from vcpuid.fleet import queries
from vcpuid.fleet.documents import Document
from vcpuid.fleet.engine.duckdb import DuckDb
from vcpuid.fleet.incoming import TABLES, Incoming, Taken, columns_of, configuration_columns
from vcpuid.fleet.labels import Labels
from vcpuid.fleet.manifest import INCOMING, LOCK, SUFFIX, Files, Manifest, read_manifest, sync
from vcpuid.fleet.record import HostRow
from vcpuid.fleet.sources import Portion, Source
from vcpuid.fleet.workers import take_items

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:T[0-9-]{2,8}Z?)?")
_MOST_PARTS = 16
"""Parts of one snapshot before they are made one."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest changed.

    Attributes:
        added: Hosts that are new, or newer than what was there.
        hosts: Hosts of the snapshot now.
        distinct: Their distinct configurations.
        labels_kept: Hosts that came with other labels, and with evidence no newer than what was there: they keep
            the labels that they had, since the order of ingests is of no matter.
    """

    added: int
    hosts: int
    distinct: int
    labels_kept: int = 0


class Ingest:
    """Hosts on their way into one snapshot of the fleet."""

    def __init__(self, folder: Path, manifest: Manifest, date: str, incoming: Path) -> None:
        self._folder = folder
        self._manifest = manifest
        self._date = date
        self._incoming = incoming
        self._own = Incoming(incoming, "own")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # a full disk was told when it was met
            self._own.close()

    def add(self, host: HostRow) -> None:
        """Take one host."""
        self._own.add(host)

    def take(self, documents: Iterable[Document], labels: Labels) -> Iterator[Taken]:
        """Take hosts one after the other."""
        for document in documents:
            yield self._own.take((document,), labels)

    def take_items(
        self, items: Iterable[Portion | Source], labels: Labels, workers: int | None = None
    ) -> Iterator[Taken]:
        """Take the hosts of documents that are still to be read, by several processes where that is faster.

        Raises:
            InputError: A process that reads was killed.
        """
        return take_items(items, labels, self._incoming, workers)

    def commit(self) -> Ingested:
        """Make the hosts count.

        Raises:
            InputError: A file of the store is damaged or gone, or the disk is full; the store is as it was.
        """
        self._own.close()
        engine = DuckDb(self._incoming)
        try:
            return self._merge(engine)
        finally:
            engine.close()

    def _merge(self, engine: DuckDb) -> Ingested:
        folder = self._folder
        files = self._manifest.snapshots.get(self._date, Files())
        engine.view("hosts", [folder / name for name in files.hosts], queries.HOST_COLUMNS)
        engine.view("guests", [folder / name for name in files.guests], queries.GUEST_COLUMNS)
        engine.view("configs", [folder / name for name in self._manifest.configs], configuration_columns())
        for table in TABLES:
            engine.load(f"incoming_{table}", sorted(self._incoming.glob(f"{table}-*")), columns_of(table))
        engine.run(queries.MERGE)
        ((added,),) = engine.rows(queries.COUNT_ADDED)
        ((superseded,),) = engine.rows(queries.COUNT_SUPERSEDED)
        ((labels_kept,),) = engine.rows(queries.COUNT_LABELS_KEPT)
        if added:
            self._manifest.configs += self._save(engine, "configs", queries.ADDED_CONFIGURATIONS)
            if superseded or len(files.hosts) >= _MOST_PARTS:
                files = Files(
                    self._save(engine, "hosts", queries.ALL_HOSTS),
                    self._save(engine, "guests", queries.ALL_GUESTS),
                )
            else:
                files.hosts += self._save(engine, "hosts", queries.ADDED_HOSTS)
                files.guests += self._save(engine, "guests", queries.ADDED_GUESTS)
            self._manifest.snapshots[self._date] = files
            self._manifest.replace(folder)
            engine.view("hosts", [folder / name for name in files.hosts], queries.HOST_COLUMNS)
        ((hosts, distinct),) = engine.rows(queries.COUNT_HOSTS)
        return Ingested(added, hosts, distinct, labels_kept)

    def _save(self, engine: DuckDb, table: str, query: str) -> list[str]:
        """Write the rows of a query to a new file, and give its name; no file for no rows."""
        engine.keep("saved", query)
        ((count,),) = engine.rows("SELECT count(*) FROM saved")
        if not count:
            return []
        name = f"{table}-{self._date}-{secrets.token_hex(8)}{SUFFIX}"
        path = self._folder / name
        engine.save("SELECT * FROM saved", path)
        sync(path)
        return [name]


@contextmanager
def open_ingest(folder: Path, date: str) -> Iterator[Ingest]:
    """Take hosts into one snapshot of the fleet in a folder, which is made; `commit` makes them count.

    Raises:
        InputError: The folder cannot be written, or another ingest is at work.
        UsageError: This is no date.
        UndecidedError: DuckDB, which writes the store, is not installed.
    """
    DuckDb().close()  # before a folder is made
    if not _DATE.fullmatch(date):
        raise UsageError("not a snapshot's date", found=repr(date), expected="a date like 2026-01-31")
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_locked(folder))
            manifest = read_manifest(folder, new=True)
            _clear(folder, manifest)
            incoming = folder / f"{INCOMING}{secrets.token_hex(4)}"
            incoming.mkdir()
            stack.callback(shutil.rmtree, incoming, ignore_errors=True)
            ingest = stack.enter_context(Ingest(folder, manifest, date, incoming))
            yield ingest
        except OSError as error:
            raise InputError(
                f"cannot be written: {error.strerror or error}",
                source=str(error.filename or folder),
                next_step="Nothing of the store was changed; the ingest may be run again.",
            ) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock, which the kernel takes back from a process that dies."""
    with (folder / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            raise InputError(
                "another ingest is at work",
                source=str(folder),
                found=f"process {holder}" if holder else None,
                next_step="Wait for it to end. Questions may be asked meanwhile.",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _clear(folder: Path, manifest: Manifest) -> None:
    """Remove what an ingest left that was killed, and files that no longer count."""
    for left in folder.glob(f"{INCOMING}*"):
        shutil.rmtree(left, ignore_errors=True)
    names = manifest.names
    for path in folder.glob(f"*{SUFFIX}"):
        if path.name not in names:
            path.unlink()
