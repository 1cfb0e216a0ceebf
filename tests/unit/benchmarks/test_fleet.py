"""The benchmark of fleets measures right answers: its questions at 100,000 hosts, against a loop over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from benchmarks.fleet import (
    DATES,
    DRIFTED,
    HALLS,
    MADE,
    PATCHED,
    RACK,
    ROWS_OF_RACKS,
    ask,
    ingest_dumps,
    make_hosts,
    make_store,
    parse_ours,
    parse_usual,
    small_cpus,
    small_dumps,
    write_dumps,
)

from fleets import READER
from vcpuid.answers.look_up import look_up_for_map
from vcpuid.dumps import parse_dump
from vcpuid.fleet.configuration import Configuration, EvidenceLayer
from vcpuid.fleet.record import HostRow
from vcpuid.fleet.store import Store

COPIES = 25
HOSTS = COPIES * MADE
CPUS = small_cpus()
DUMPS = 3 * 1024
Questions = dict[str, Callable[[], Any]]


class Copy(NamedTuple):
    zone: str
    configuration: Configuration
    microcode: str


def copies_of(rows: Sequence[HostRow], copy: int, *, is_later: bool) -> Iterable[tuple[str, Copy]]:
    """Give one copy of all hosts at a date, as the benchmark says that they are."""
    kin: dict[str, list[HostRow]] = {}
    for row in rows:
        kin.setdefault(row.configuration.vendor, []).append(row)
    for vendor, own in kin.items():
        own.sort(key=lambda row: row.host)
        for row, neighbour in zip(own, [*own[1:], own[-1]], strict=True):
            rack = int(row.host[-7:]) // RACK % ROWS_OF_RACKS
            yield (
                f"{row.host}-{copy}",
                Copy(
                    f"{vendor}-{rack}-{copy % HALLS}",
                    (neighbour if is_later and copy % DRIFTED == 0 else row).configuration,
                    "0xff" if is_later and copy % PATCHED == 0 else row.microcode,
                ),
            )


@pytest.fixture(scope="module")
def rows() -> list[HostRow]:
    return make_hosts(CPUS)


@pytest.fixture(scope="module")
def fleets(rows: list[HostRow]) -> list[dict[str, Copy]]:
    """Give the fleet at both dates, by the names of hosts."""
    return [
        dict(one for copy in range(first, first + COPIES) for one in copies_of(rows, copy, is_later=first > 0))
        for first in range(2)
    ]


@pytest.fixture(scope="module")
def questions(rows: list[HostRow], tmp_path_factory: pytest.TempPathFactory) -> Questions:
    return ask(make_store(tmp_path_factory.mktemp("many") / "store", HOSTS, rows))


def test_all_hosts_are_asked(questions: Questions, fleets: list[dict[str, Copy]]) -> None:
    summary = questions["summary"]()
    assert (summary.date, summary.hosts) == (DATES[1], HOSTS)
    assert dict(summary.counts["microcode"]) == Counter(one.microcode for one in fleets[1].values())


def test_equal_hosts_are_counted_as_one_configuration(questions: Questions, fleets: list[dict[str, Copy]]) -> None:
    counts = Counter(one.configuration.fingerprint for one in fleets[1].values())
    assert {fp: count for fp, count, _ in questions["dedupe"]()} == counts
    assert len(counts) > len(CPUS)


def test_who_lacks_it_is_told(questions: Questions, fleets: list[dict[str, Copy]]) -> None:
    bits, answer = look_up_for_map("umip", None).bits, questions["missing"]()
    told: dict[bool | None, set[str]] = {True: set(), False: set(), None: set()}
    for host, one in fleets[1].items():
        told[one.configuration.tells(bits, (EvidenceLayer.KVM, EvidenceLayer.CPUID))].add(host)
    assert answer.has == len(told[True]) > 0
    assert list(answer.lacks) == sorted(told[False])
    assert list(answer.untold) == sorted(told[None])


def test_each_zone_has_its_own_baseline(questions: Questions, fleets: list[dict[str, Copy]]) -> None:
    zones: dict[str, list[Configuration]] = {}
    for one in fleets[1].values():
        zones.setdefault(one.zone, []).append(one.configuration)
    given = {
        fp: configuration.offer(READER, "").data.bits
        for fp, configuration in {one.fingerprint: one for own in zones.values() for one in own}.items()
    }
    keeps = READER.models.known & ~READER.not_migratable
    answers = questions["baseline by zone, with load"]()
    assert answers == questions["baseline by zone, again"]()
    assert {answer.place for answer in answers} == set(zones)
    for answer in answers:
        own = zones[answer.place]
        common = reduce(and_, (given[one.fingerprint] for one in own), keeps)
        assert READER.models.bits_of(answer.baseline.start) == common
        assert answer.baseline.cpu is not None
        assert (answer.hosts, answer.distinct) == (len(own), len({one.fingerprint for one in own}))
    assert len({answer.baseline.start for answer in answers}) > HALLS


def test_drift_is_what_differs_between_the_dates(questions: Questions, fleets: list[dict[str, Copy]]) -> None:
    before, now = fleets
    both = before.keys() & now.keys()
    answer = questions["drift"]()
    assert (answer.before, answer.after, answer.both) == (*DATES, len(both))
    assert list(answer.gone) == sorted(before.keys() - now.keys())
    assert list(answer.new) == sorted(now.keys() - before.keys())
    differing = [
        host for host in both if before[host].configuration.fingerprint != now[host].configuration.fingerprint
    ]
    assert sum(change.hosts for change in answer.changes) == len(differing) > 0
    expected = Counter((before[host].microcode, now[host].microcode) for host in both)
    found = {(one.before, one.after): one.hosts for one in answer.versions["microcode"]}
    assert found == {pair: count for pair, count in expected.items() if pair[0] != pair[1]}


def test_both_ways_to_parse_give_the_same() -> None:
    text = b"".join(raw.partition(b"\n")[2] for raw in small_dumps(CPUS, 200))
    assert parse_ours(text) == parse_usual(text)
    assert len(parse_ours(text)) == 21 * text.count(b"\n")


def test_dumps_are_of_their_cpus_and_all_are_taken_in(tmp_path: Path) -> None:
    size = write_dumps(tmp_path / "dumps", CPUS, DUMPS)
    files = sorted((tmp_path / "dumps").rglob("*.txt"))
    assert (len(files), sum(file.stat().st_size for file in files)) == (DUMPS, size)
    ingest_dumps(tmp_path / "dumps", tmp_path / "store")
    engine = Store(tmp_path / "store").fleet().engine
    expected = sorted((file.stem, file.parts[-3]) for file in files)
    assert engine.rows("SELECT host, zone FROM hosts ORDER BY host") == expected
    for number, cpu in enumerate(CPUS):
        path = next(file for file in files if file.stem == f"h{number:07}")
        (read,) = parse_dump(path.read_bytes(), str(path)).dump.cpus
        assert read.rows.keys() == cpu.rows.keys()
        query = "SELECT count(DISTINCT fp), count(*) FROM hosts WHERE CAST(host[2:] AS INTEGER) % ? = ?"
        assert engine.rows(query, [len(CPUS), number]) == [(1, len(range(number, DUMPS, len(CPUS))))]
