"""The fleet store: a folder of Parquet files, and a manifest that names those which count.

Files are written under new names and never changed. The manifest is replaced last, in one step: whoever is killed
before that has changed nothing, and what was left over is cleared away by the next ingest.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from vcpuid.answers.offer import Offer, OfferReader
from vcpuid.errors import InputError, UsageError
from vcpuid.fleet import queries
from vcpuid.fleet.configuration import Configuration, EvidenceLayer
from vcpuid.fleet.documents import Document
from vcpuid.fleet.engine import ENGINES, Engine, Row
from vcpuid.fleet.engine.duckdb import DuckDb
from vcpuid.fleet.incoming import TABLES, Incoming, Taken, columns_of, configuration_columns
from vcpuid.fleet.labels import Labels
from vcpuid.fleet.names import HostNames
from vcpuid.fleet.record import HostRow
from vcpuid.fleet.sources import Portion, Source
from vcpuid.fleet.words import Words, column_of, from_signed, kept_words
from vcpuid.fleet.workers import take_items
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.lint import near

SCHEMA: Final = "vcpuid-fleet/1"
VENDOR: Final = "vendor"
"""What hosts are grouped by without having been labelled."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:T[0-9-]{2,8}Z?)?")
_MANIFEST, _LOCK, _INCOMING, _SUFFIX = "manifest.json", "lock", "incoming-", ".parquet"
_DEFAULT_ENGINE = next(iter(ENGINES))
_MOST_PARTS = 16
"""Parts of one snapshot before they are made one."""


@dataclass(slots=True)
class _Files:
    """The files of one snapshot of the fleet."""

    hosts: list[str] = field(default_factory=list)
    guests: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Manifest:
    """What the store's files are."""

    snapshots: dict[str, _Files] = field(default_factory=dict)
    configs: list[str] = field(default_factory=list)

    @property
    def dates(self) -> tuple[str, ...]:
        """The snapshots of the fleet, oldest first."""
        return tuple(sorted(self.snapshots))

    @property
    def names(self) -> set[str]:
        """The names of all files that count."""
        parts = [self.configs, *(files.hosts + files.guests for files in self.snapshots.values())]
        return {name for part in parts for name in part}

    def text(self) -> str:
        """Give the document."""
        snapshots = {
            date: {"hosts": files.hosts, "guests": files.guests} for date, files in sorted(self.snapshots.items())
        }
        document = {"schema": SCHEMA, "snapshots": snapshots, "configs": self.configs}
        return json.dumps(document, indent=1) + "\n"


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
        raise UsageError("no such engine", found=repr(engine), expected=" or ".join(ENGINES))
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
        return self._manifest().dates

    @property
    def version(self) -> str:
        """What every ingest changes, and nothing else does.

        Raises:
            InputError: This is no store, or one of a newer version.
        """
        return self._manifest().text()

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
        manifest = self._manifest()
        if not manifest.snapshots:
            raise InputError("the store holds no host yet", source=str(self.folder), next_step=_INGEST)
        chosen = max(manifest.snapshots) if date is None else date
        if chosen not in manifest.snapshots:
            expected = ", ".join(manifest.dates)
            raise UsageError("no snapshot of this date", source=str(self.folder), found=chosen, expected=expected)
        return Fleet(self, manifest, chosen, engine())

    @contextmanager
    def ingest(self, date: str) -> Iterator[Ingest]:
        """Take hosts into one snapshot of the fleet; `commit` makes them count.

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
                self.folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(self._locked())
                manifest = self._manifest(new=True)
                self._clear(manifest)
                incoming = self.folder / f"{_INCOMING}{secrets.token_hex(4)}"
                incoming.mkdir()
                stack.callback(shutil.rmtree, incoming, ignore_errors=True)
                ingest = stack.enter_context(Ingest(self, manifest, date, incoming))
                yield ingest
            except OSError as error:
                raise InputError(
                    f"cannot be written: {error.strerror or error}",
                    source=str(error.filename or self.folder),
                    next_step="Nothing of the store was changed; the ingest may be run again.",
                ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock, which the kernel takes back from a process that dies."""
        with (self.folder / _LOCK).open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip()
                raise InputError(
                    "another ingest is at work",
                    source=str(self.folder),
                    found=f"process {holder}" if holder else None,
                    next_step="Wait for it to end. Questions may be asked meanwhile.",
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def _clear(self, manifest: _Manifest) -> None:
        """Remove what an ingest left that was killed, and files that no longer count."""
        for folder in self.folder.glob(f"{_INCOMING}*"):
            shutil.rmtree(folder, ignore_errors=True)
        names = manifest.names
        for path in self.folder.glob(f"*{_SUFFIX}"):
            if path.name not in names:
                path.unlink()

    def _manifest(self, *, new: bool = False) -> _Manifest:
        path = self.folder / _MANIFEST
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            others = [entry for entry in self._entries() if entry != _LOCK and not entry.startswith(_INCOMING)]
            if new and not [entry for entry in others if not entry.endswith(_SUFFIX)]:
                return _Manifest()
            message = "not a fleet store: there are other things in it" if new else "not a fleet store"
            raise InputError(message, source=str(self.folder), next_step=_INGEST) from None
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", source=str(path)) from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"the store's manifest is damaged: {error}", source=str(path)) from None
        return _parse_manifest(document, str(path))

    def _entries(self) -> list[str]:
        with suppress(OSError):
            return [entry.name for entry in self.folder.iterdir()]
        return []

    def replace_manifest(self, manifest: _Manifest) -> None:
        """Make a manifest count, whole or not at all, once its files are on the disk."""
        part = self.folder / f".{_MANIFEST}.part"
        with part.open("w", encoding="utf-8") as file:
            file.write(manifest.text())
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.folder / _MANIFEST)
        _sync(self.folder)


class Ingest:
    """Hosts on their way into one snapshot of the fleet."""

    def __init__(self, store: Store, manifest: _Manifest, date: str, incoming: Path) -> None:
        self._store = store
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
        folder = self._store.folder
        files = self._manifest.snapshots.get(self._date, _Files())
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
                files = _Files(
                    self._save(engine, "hosts", queries.ALL_HOSTS),
                    self._save(engine, "guests", queries.ALL_GUESTS),
                )
            else:
                files.hosts += self._save(engine, "hosts", queries.ADDED_HOSTS)
                files.guests += self._save(engine, "guests", queries.ADDED_GUESTS)
            self._manifest.snapshots[self._date] = files
            self._store.replace_manifest(self._manifest)
            engine.view("hosts", [folder / name for name in files.hosts], queries.HOST_COLUMNS)
        ((hosts, distinct),) = engine.rows(queries.COUNT_HOSTS)
        return Ingested(added, hosts, distinct, labels_kept)

    def _save(self, engine: DuckDb, table: str, query: str) -> list[str]:
        """Write the rows of a query to a new file, and give its name; no file for no rows."""
        engine.keep("saved", query)
        ((count,),) = engine.rows("SELECT count(*) FROM saved")
        if not count:
            return []
        name = f"{table}-{self._date}-{secrets.token_hex(8)}{_SUFFIX}"
        path = self._store.folder / name
        engine.save("SELECT * FROM saved", path)
        _sync(path)
        return [name]


class Fleet:
    """One snapshot of a fleet, ready to be asked; it is read when a question needs it.

    Attributes:
        date: The snapshot's date.
    """

    def __init__(self, store: Store, manifest: _Manifest, date: str, engine: Engine) -> None:
        self.store = store
        self.date = date
        self.engine = engine
        self.reader = OfferReader((), shipped_map())
        self._manifest = manifest
        self._groups: dict[str | None, list[Row]] = {}
        self._configurations: dict[int, Configuration] | None = None
        self._offers: dict[int, Offer] = {}
        self._view(date)
        self.engine.run(queries.ONE)
        self.engine.view("configs", self._paths(manifest.configs), configuration_columns())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.close()

    @property
    def dates(self) -> tuple[str, ...]:
        """The snapshots of the fleet in its store, oldest first."""
        return self._manifest.dates

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels that its hosts have, zone and cluster first if any has one."""
        fixed = [name for name in ("zone", "cluster") if any(place for place, *_ in self.groups(name))]
        return (*fixed, *(name for (name,) in self.engine.rows(queries.LABEL_NAMES)))

    def beside(self, date: str) -> None:
        """Have the hosts of another snapshot at hand, as `hosts_before`.

        Raises:
            UsageError: There is none of this date.
        """
        if date not in self._manifest.snapshots:
            raise UsageError("no snapshot of this date", found=date, expected=", ".join(self.dates))
        self._view(date, "_before")
        self.engine.run(queries.BOTH)
        self._configurations = None

    def _view(self, date: str, suffix: str = "") -> None:
        files = self._manifest.snapshots[date]
        self.engine.view(f"hosts{suffix}", self._paths(files.hosts), queries.HOST_COLUMNS)
        self.engine.view(f"guests{suffix}", self._paths(files.guests), queries.GUEST_COLUMNS)

    def _paths(self, names: list[str]) -> list[Path]:
        return [self.store.folder / name for name in names]

    def configurations(self) -> Mapping[int, Configuration]:
        """Give the distinct configurations of the hosts by fingerprint."""
        if self._configurations is None:
            self._configurations = self._read_configurations()
        return self._configurations

    def offer(self, fp: int) -> Offer:
        """Give what the hosts of a configuration can give; it is read once, and has no host's name."""
        if fp not in self._offers:
            self._offers[fp] = self.configurations()[fp].offer(self.reader, "")
        return self._offers[fp]

    def _read_configurations(self) -> dict[int, Configuration]:
        names, rows = self.engine.table(queries.CONFIGURATIONS)
        place = {name: number for number, name in enumerate(names)}
        told = [(word, place[column_of(word)]) for word in kept_words() if column_of(word) in place]
        equal: dict[tuple[int | None, ...], Words] = {}  # many share what CPUID tells, and differ by KVM's list
        layers: dict[int, dict[EvidenceLayer, Words]] = {}
        heads: dict[int, dict[str, Any]] = {}
        for row in rows:
            values = tuple([row[number] for _, number in told])
            words = equal.get(values)
            if words is None:
                words = equal[values] = {
                    word: from_signed(value)
                    for (word, _), value in zip(told, values, strict=True)
                    if value is not None
                }
            fp = row[place["fp"]]
            layers.setdefault(fp, {})[EvidenceLayer(row[place["layer"]])] = words
            if fp not in heads:  # the same in each row of a configuration
                heads[fp] = {column: row[place[column]] for column in queries.CONFIGURATION_COLUMNS}
        return {
            fp: Configuration(
                layers[fp],
                head["vendor"],
                head["model"],
                head["definition"],
                head["named_models"],
                tuple(head["unnamed"].split()),
            )
            for fp, head in heads.items()
        }

    def hosts_of(self, fps: Iterable[int]) -> HostNames:
        """Give the hosts of configurations, in alphabetical order."""
        picked = tuple(fps)
        text = ",".join(map(str, picked))
        return self.names(
            queries.PICKED_HOSTS, self.count_of(picked), lambda: self.engine.keep("picked", queries.PICK, [text])
        )

    def neighbours_of(self, host: str, by: str | None, place: str, fps: Mapping[int, int]) -> HostNames:
        """Give the other hosts of a host's place, of configurations of which so many are there."""
        text = ",".join(map(str, fps))
        query, first = self._by(queries.PICKED_NEIGHBOURS, by)
        return self.names(
            query,
            sum(fps.values()),
            lambda: self.engine.keep("picked", queries.PICK, [text]),
            [*first, place, host],
        )

    def names(
        self,
        query: str,
        count: int,
        prepare: Callable[[], None] = lambda: None,
        parameters: Sequence[object] = (),
    ) -> HostNames:
        """Give so many names of hosts by a query, which is asked when they are looked at."""

        def first(limit: int | None) -> tuple[str, ...]:
            prepare()
            limited = query if limit is None else f"{query} LIMIT {limit}"
            return tuple(row[0] for row in self.engine.rows(limited, parameters))

        return HostNames(count, first)

    def count_of(self, fps: Iterable[int]) -> int:
        """Give how many hosts have one of these configurations."""
        return sum(self._counts.get(fp, 0) for fp in fps)

    @cached_property
    def _counts(self) -> dict[int, int]:
        return {fp: count for fp, count, _ in self.engine.rows(queries.COUNT_CONFIGURATIONS)}

    def groups(self, by: str | None) -> list[Row]:
        """Give place, fingerprint, number of hosts and the first of them, for each configuration of each place.

        Args:
            by: `vendor` of the CPU, `zone`, `cluster`, or a label's name; None for one place.
        """
        if by not in self._groups:
            self._groups[by] = self._groups_of(by)
        return self._groups[by]

    def _groups_of(self, by: str | None) -> list[Row]:
        if by == VENDOR:  # the configuration says it
            rows = [(self.offer(fp).data.vendor or "", fp, *hosts) for _, fp, *hosts in self.groups(None)]
            return sorted(rows, key=itemgetter(0))
        return self.engine.rows(*self._by(queries.GROUPS, by))

    def locate(self, host: str, by: str | None = None) -> tuple[int, str]:
        """Give a host's fingerprint and its place; `by` as in `groups`.

        Raises:
            UsageError: The fleet has no host of this name.
        """
        query, parameters = self._by(queries.HOST, by)
        rows = self.engine.rows(query, [*parameters, host])
        if not rows:
            raise self.unknown(host)
        fp, place = rows[0]
        return fp, place

    def unknown(self, *hosts: str) -> UsageError:
        """Say that hosts are not in the fleet, and which names are near."""
        nearest = {host: [name for (name,) in self.engine.rows(queries.NEAREST_HOST, [host])] for host in hosts}
        return UsageError(
            "no host of this name in the fleet",
            found=", ".join(f"{host!r}{near(host, names)}" for host, names in nearest.items()),
            expected=f"a host of the fleet of {self.date}",
            next_step="Hosts are called as in their snapshots, else by their files. `--at DATE` asks another day.",
        )

    def check_label(self, by: str | None) -> None:
        """See that some host has a vendor, a zone, a cluster, or a label of this name; `by` as in `groups`.

        Raises:
            UsageError: None has: it is a slip of the pen, or the hosts were taken in without it.
        """
        if by is None or any(place for place, *_ in self.groups(by)):
            return
        vendor = [VENDOR] if any(place for place, *_ in self.groups(VENDOR)) else []
        raise UsageError(
            f"no host of the fleet of {self.date} has such a label",
            found=repr(by),
            expected=", ".join((*vendor, *self.label_names)) or None,
            next_step="`vcpuid fleet ingest` puts them on hosts: --labels FILE, or --folders NAMES.",
        )

    @staticmethod
    def _by(query: str, by: str | None) -> tuple[str, list[str]]:
        """Give a query by place, and the parameters that come before its own."""
        match by:
            case None:
                return query.format(group="''"), []
            case "zone" | "cluster":
                return query.format(group=by), []
            case _:
                return query.format(group=queries.LABEL), [by]


_INGEST = "`vcpuid fleet ingest PATH... --store DIR` makes and fills one."


def _parse_manifest(document: object, source: str) -> _Manifest:
    schema = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(document, dict) or schema != SCHEMA:
        raise InputError(
            "a store of a newer version" if str(schema).startswith("vcpuid-fleet/") else "not a fleet store",
            source=source,
            found=str(schema),
            expected=SCHEMA,
            next_step="Use the vcpuid that made it, or ingest into a new folder.",
        )
    try:
        snapshots = {
            str(date): _Files(_names(files["hosts"]), _names(files["guests"]))
            for date, files in document["snapshots"].items()
        }
        return _Manifest(snapshots, _names(document["configs"]))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"the store's manifest is damaged: {error}", source=source) from None


def _names(names: object) -> list[str]:
    """Give names of files, none of which leads out of the store."""
    if not isinstance(names, list):
        raise TypeError("a list of files is missing")
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(r"[\w.-]+\.parquet", name):
            raise ValueError(f"{name!r} is no file of a store")
    return names


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
