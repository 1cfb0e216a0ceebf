"""The store: nothing is lost, nothing counts twice, whatever happens to an ingest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fleets import DATE, content, fleet_rows, ingest
from vcpuid.errors import InputError, UndecidedError, UsageError
from vcpuid.fleet.engine.spark import Spark
from vcpuid.fleet.manifest import SCHEMA
from vcpuid.fleet.store import Store

ROOT = Path(__file__).resolve().parents[3]
# Takes half of the hosts, and dies at the chosen call of the chosen method.
KILLED = """
import os, signal, sys
from pathlib import Path
from fleets import ingest, fleet_rows
from vcpuid.fleet.engine.duckdb import DuckDb
from vcpuid.fleet.ingest import Ingest
from vcpuid.fleet.manifest import Manifest
from vcpuid.fleet.store import Store
folder, owner, name, calls = sys.argv[1:]
left = int(calls)
kind = {"DuckDb": DuckDb, "Manifest": Manifest, "Ingest": Ingest}[owner]
real = getattr(kind, name)
def dying(*given, **others):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*given, **others)
setattr(kind, name, dying)
ingest(Store(Path(folder)), fleet_rows()[:150])
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "fleet")


def files(store: Store) -> set[str]:
    return {path.name for path in store.folder.iterdir()}


def test_a_fleet_comes_back_as_it_went_in(store: Store) -> None:
    answer = ingest(store, fleet_rows())
    hosts, guests, configurations = content(store)
    assert answer.added == answer.hosts == len(hosts) == 200
    assert len(guests) == sum(len(row.guests) for row in fleet_rows())
    assert configurations == {row.configuration.fingerprint: row.configuration for row in fleet_rows()}
    assert answer.distinct == len(configurations) > 2


def test_ingesting_twice_is_ingesting_once(store: Store) -> None:
    ingest(store, fleet_rows())
    before, there = content(store), files(store)
    assert ingest(store, fleet_rows()).added == 0
    assert content(store) == before
    assert files(store) == there


def test_an_ingest_adds_to_what_is_there_without_writing_it_again(store: Store) -> None:
    ingest(store, fleet_rows()[:100])
    there = {name for name in files(store) if name.endswith(".parquet")}
    assert ingest(store, fleet_rows()[50:]).added == 100
    assert there < files(store)
    assert len(content(store)[0]) == 200


def test_many_small_ingests_make_few_files(tmp_path: Path, store: Store) -> None:
    for row in fleet_rows()[:40]:
        ingest(store, [row])
    assert len(json.loads(manifest(store))["snapshots"][DATE]["hosts"]) <= 16
    whole = Store(tmp_path / "whole")
    ingest(whole, fleet_rows()[:40])
    assert content(store) == content(whole)


def manifest(store: Store) -> str:
    return (store.folder / "manifest.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("newer_first", [True, False])
def test_of_a_host_that_comes_twice_the_newer_counts(store: Store, newer_first: bool) -> None:
    old = fleet_rows()[0]
    new = old._replace(taken_at="2026-02-01T00:00:00Z", kernel="6.9.0", guests=())
    for row in (new, old) if newer_first else (old, new):
        ingest(store, [row])
    hosts, guests, _ = content(store)
    assert [row[0] for row in store.fleet().engine.rows("SELECT kernel FROM hosts")] == ["6.9.0"]
    assert len(hosts) == 1
    assert guests == []


def test_of_equally_new_records_the_labelled_one_counts(store: Store) -> None:
    row = fleet_rows()[0]
    ingest(store, [row, row._replace(zone="", labels={})])
    assert store.fleet().engine.rows("SELECT zone, labels['rack'] FROM hosts") == [(row.zone, "0")]


def test_labels_that_cannot_count_are_told(store: Store) -> None:
    """Which of two labels counts does not depend on the order: whoever mends a label has to learn of it."""
    row = fleet_rows()[0]
    named = [row._replace(zone=zone, labels={}) for zone in "abcdefgh"]
    winner = max(named, key=lambda one: one.line()[0])
    assert ingest(store, [winner, fleet_rows()[1]]).labels_kept == 0
    for one in named:
        assert ingest(store, [one]).labels_kept == (one != winner)
    assert ingest(store, [row._replace(zone="", labels={})]).labels_kept == 0
    assert ingest(store, [named[0]._replace(taken_at="2026-03-01T00:00:00Z")]).labels_kept == 0
    assert store.fleet().locate(row.host, "zone")[1] == "a"


def test_snapshots_of_the_fleet_stand_beside_each_other(store: Store) -> None:
    ingest(store, fleet_rows()[:10], "2026-01-01")
    ingest(store, fleet_rows()[:20], "2026-01-02")
    assert store.dates == ("2026-01-01", "2026-01-02")
    assert len(content(store, "2026-01-01")[0]) == 10
    assert store.fleet().date == "2026-01-02"
    with pytest.raises(UsageError, match="2026-01-01, 2026-01-02"):
        store.fleet("2025-12-31")


@pytest.mark.parametrize(
    ("owner", "name", "calls", "was_there"),
    [
        ("Ingest", "add", 80, 60),
        ("Ingest", "commit", 1, 60),
        ("DuckDb", "save", 1, 0),
        ("DuckDb", "save", 2, 60),
        ("DuckDb", "save", 3, 0),
        ("Manifest", "replace", 1, 60),
    ],
)
def test_a_killed_ingest_changes_nothing_and_can_be_run_again(
    store: Store, owner: str, name: str, calls: int, was_there: int
) -> None:
    ingest(store, fleet_rows()[:was_there])
    before = content(store) if was_there else None
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT / "tests"), str(ROOT)))
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(store.folder), owner, name, str(calls)],
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
        timeout=60,
    )
    assert died.returncode == -signal.SIGKILL
    if was_there:
        assert content(store) == before
    else:
        assert "manifest.json" not in files(store)
    assert ingest(store, fleet_rows()[:150]).added == 150 - was_there
    hosts, _, configurations = content(store)
    assert len(hosts) == 150
    assert len(configurations) == len({row.configuration.fingerprint for row in fleet_rows()[:150]})
    named = json.loads(manifest(store))
    counted = {*named["configs"], *(name for part in named["snapshots"][DATE].values() for name in part)}
    assert files(store) == counted | {"lock", "manifest.json"}


# Files may not grow beyond a limit, which stands for a disk that is full at any moment of an ingest.
CRAMPED = """
import resource, signal, sys
from pathlib import Path
from fleets import ingest, fleet_rows
from vcpuid.errors import InputError
from vcpuid.fleet.store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    ingest(Store(Path(sys.argv[1])), fleet_rows()[:150])
except InputError as error:
    print(error)
    sys.exit(3)
"""


@pytest.mark.parametrize("limit_bytes", [0, 1000, 4000, 8000, 40_000])
def test_a_full_disk_changes_nothing_and_is_told(store: Store, limit_bytes: int) -> None:
    ingest(store, fleet_rows()[:60])
    before = content(store)
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT / "tests"), str(ROOT)))
    failed = subprocess.run(
        [sys.executable, "-c", CRAMPED, str(store.folder), str(limit_bytes)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    assert failed.returncode == 3
    assert "cannot be written: File too large" in failed.stdout
    assert content(store) == before
    assert ingest(store, fleet_rows()[:150]).added == 90


def test_two_ingests_at_once_are_refused(store: Store) -> None:
    with (
        store.ingest(DATE) as first,
        pytest.raises(InputError, match="another ingest is at work: found process") as told,
        store.ingest(DATE),
    ):
        pass
    assert told.value.found == f"process {os.getpid()}"
    del first


def test_a_failed_ingest_gives_the_lock_back(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.ingest(DATE):
        raise ZeroDivisionError
    assert ingest(store, fleet_rows()[:1]).hosts == 1


def test_questions_may_be_asked_while_hosts_are_taken_in(store: Store) -> None:
    ingest(store, fleet_rows()[:10])
    with store.ingest(DATE) as into:
        for row in fleet_rows():
            into.add(row)
        assert len(content(store)[0]) == 10
        into.commit()
    assert len(content(store)[0]) == 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": "vcpuid-fleet/2"}', "a store of a newer version: found vcpuid-fleet/2"),
        ('{"schema": "other"}', "not a fleet store: found other"),
        ("[]", "not a fleet store: found a list, expected vcpuid-fleet/1"),
        ("{", "json:1: not JSON (expecting property name enclosed in double quotes at column 2)"),
        (json.dumps({"schema": SCHEMA}), "expected a member 'snapshots'\n  Put back a copy of the manifest"),
        (
            json.dumps({"schema": SCHEMA, "snapshots": {}, "configs": ["../x.parquet"]}),
            "configs is damaged: found '../x.parquet', expected names of Parquet files",
        ),
        (
            json.dumps({"schema": SCHEMA, "snapshots": {"a": 1}, "configs": []}),
            "snapshots.a is damaged: found 1, expected an object",
        ),
        (json.dumps({"schema": SCHEMA, "snapshots": {}, "configs": []}), "holds no host yet"),
    ],
)
def test_what_is_no_store_of_ours_is_refused(store: Store, text: str, message: str) -> None:
    store.folder.mkdir()
    (store.folder / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as told:
        store.fleet()
    assert message in str(told.value)


def test_a_folder_with_other_things_in_it_is_left_alone(store: Store) -> None:
    store.folder.mkdir()
    (store.folder / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(InputError, match="there are other things in it"):
        ingest(store, fleet_rows()[:1])
    assert files(store) == {"thesis.txt", "lock"}


@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_a_damaged_store_is_told(store: Store, harm: str) -> None:
    ingest(store, fleet_rows()[:10])
    for path in store.folder.glob("hosts-*.parquet"):
        if harm == "gone":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="DuckDB failed"):
        content(store)
    with pytest.raises(InputError, match="DuckDB failed"):
        ingest(store, fleet_rows()[:10])


def test_a_store_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        ingest(Store(tmp_path / "file"), [])
    with pytest.raises(InputError, match="cannot be read"):
        Store(tmp_path / "file").fleet()


@pytest.mark.parametrize("date", ["yesterday", "", "2026-1-1", "../../etc"])
def test_a_date_has_one_form(store: Store, date: str) -> None:
    with pytest.raises(UsageError, match="not a snapshot's date"):
        ingest(store, [], date)


def test_without_the_engine_the_way_to_get_it_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest(store, fleet_rows()[:1])
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(UndecidedError, match=r"prepare_venv\.py fleet"):
        store.fleet()


def test_without_spark_the_way_to_get_it_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest(store, fleet_rows()[:1])
    monkeypatch.setitem(sys.modules, "pyspark.errors", None)
    with pytest.raises(UndecidedError, match=r"prepare_venv\.py fleet spark"):
        store.fleet(engine=Spark)
