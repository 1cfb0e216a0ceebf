"""One snapshot of a fleet, being asked: its configurations, how many hosts have each, and their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from vcpuid.answers.offer import Offer, OfferReader
from vcpuid.answers.party import Versions
from vcpuid.errors import UsageError
from vcpuid.fleet import queries
from vcpuid.fleet.configuration import Configuration, EvidenceLayer
from vcpuid.fleet.engine import Engine, Row
from vcpuid.fleet.incoming import configuration_columns
from vcpuid.fleet.manifest import Manifest
from vcpuid.fleet.names import HostNames
from vcpuid.fleet.words import Words, column_of, from_signed, kept_words
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.lint import near

VENDOR: Final = "vendor"
"""What hosts are grouped by without having been labelled."""


class Fleet:
    """One snapshot of a fleet, ready to be asked; it is read when a question needs it.

    Attributes:
        folder: The store that it is in.
        date: The snapshot's date.
    """

    def __init__(self, folder: Path, manifest: Manifest, date: str, engine: Engine) -> None:
        self.folder = folder
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

    @property
    def rests_on(self) -> str:
        """By whose names and models its hosts are judged: their own maps of libvirt are not kept."""
        return f"{self.reader.models.title}; the hosts' own maps are not in a store"

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
        return [self.folder / name for name in names]

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

    def versions_of(self, host: str) -> Versions:
        """Give what the store keeps of a host besides its CPU; nothing of one that is not in the fleet."""
        rows = self.engine.rows(queries.VERSIONS_OF, [host])
        return Versions(**dict(zip(queries.VERSIONS, rows[0], strict=True))) if rows else Versions()

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
