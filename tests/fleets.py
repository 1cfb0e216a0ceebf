"""Fleets for tests: snapshots of hosts that nobody has, of the CPUs in tests/dumps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
from tools.make_fleet import make_fleet

from vcpuid.answers.offer import OfferReader
from vcpuid.dumps import parse_dump
from vcpuid.fleet.documents import LINES_BYTES
from vcpuid.fleet.ingest import Ingested
from vcpuid.fleet.record import HostRow, read_host
from vcpuid.fleet.sources import Source, walk_portions
from vcpuid.fleet.store import Store
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.terms.dump import Cpu

DUMPS = Path(__file__).parent / "dumps"
INTEL = ("intel-coffee-lake.json", "intel-alder-lake.json")
READER = OfferReader((), shipped_map())
DATE = "2026-01-02"


@cache
def cpus(names: Sequence[str] = INTEL) -> tuple[Cpu, ...]:
    """Give the first CPU of dumps."""
    return tuple(parse_dump((DUMPS / name).read_bytes(), name).dump.cpus[0] for name in names)


@cache
def documents(hosts: int = 200, seed: int = 0) -> tuple[bytes, ...]:
    """Give the snapshots of a fleet, each as a line."""
    return tuple(json.dumps(document).encode() for document in make_fleet(cpus(), hosts, seed))


@cache
def fleet_rows(hosts: int = 200, seed: int = 0) -> tuple[HostRow, ...]:
    """Give a fleet's hosts; their zone is the first part of their names."""
    rows = (read_host(raw, "test", "", READER) for raw in documents(hosts, seed))
    return tuple(row.labelled({"zone": row.host.partition("-")[0], "rack": row.host[-4]}) for row in rows)


def sources_of(*paths: Path | str) -> Iterator[Source]:
    """Give every document that is meant by paths, or why it cannot be read."""
    for found in walk_portions(map(str, paths), LINES_BYTES):
        yield from (found,) if isinstance(found, Source) else found.read()


def columns(host: HostRow) -> dict[str, Any]:
    """Give a host's row of `hosts`."""
    row: dict[str, Any] = json.loads(host.line()[1])
    return row


def ingest(store: Store, hosts: Iterable[HostRow], date: str = DATE) -> Ingested:
    """Take hosts into a store."""
    with store.ingest(date) as into:
        for host in hosts:
            into.add(host)
        return into.commit()


def content(store: Store, date: str = DATE) -> tuple[list[Any], list[Any], Any]:
    """Give everything that a store tells of a snapshot."""
    fleet = store.fleet(date)
    hosts = fleet.engine.rows("SELECT * FROM hosts ORDER BY host")
    guests = fleet.engine.rows("SELECT * FROM guests ORDER BY host, guest")
    return hosts, guests, fleet.configurations()


def make_old(store: Store) -> None:
    """Make a store one of the time when guests had neither accelerator nor machine type."""
    for file in store.folder.glob("guests-*.parquet"):
        old = file.with_suffix(".old")
        told = duckdb.read_parquet(str(file)).project("record, host, guest, running, asked, got")
        told.write_parquet(str(old))
        old.replace(file)
