"""Every question of a fleet, to a real Spark: a standalone master and two workers answer as DuckDB does.

DuckDB's answers over the same hosts are held against a plain loop over them in tests/unit/fleet/test_questions.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleets import DUMPS, INTEL, content, documents, fleet_rows, ingest, make_old, sources_of
from plain_fleet import asked as answers_of
from plain_fleet import looped, records
from spark_cluster import needs_spark, spark_cluster
from vcpuid.answers.look_up import look_up_for_map
from vcpuid.answers.party import Basis, Party
from vcpuid.errors import InputError
from vcpuid.fleet.baseline import find_baselines
from vcpuid.fleet.documents import LINES_BYTES, read_documents_on, read_items
from vcpuid.fleet.drain import find_exits
from vcpuid.fleet.drift import find_drift
from vcpuid.fleet.engine.spark import Spark
from vcpuid.fleet.fleet import Fleet
from vcpuid.fleet.matrix import compare_hosts, make_matrix
from vcpuid.fleet.missing import find_lacking
from vcpuid.fleet.precheck import precheck
from vcpuid.fleet.record import HostRow
from vcpuid.fleet.report import report_on_fleet
from vcpuid.fleet.sources import split_sources
from vcpuid.fleet.store import Store
from vcpuid.fleet.summary import summarise
from vcpuid.fleet.what_if import find_price, find_what_if
from vcpuid.fleet.which_hosts import find_places
from vcpuid.guest.libvirt import parse_cpu, parse_xml
from vcpuid.render.compare import compare_document
from vcpuid.render.document import Document
from vcpuid.render.fleet.matrix import matrix_document
from vcpuid.render.fleet.report import fleet_report_document

pytestmark = needs_spark()

BEFORE, NOW = "2026-01-01", "2026-01-02"
ROWS = fleet_rows()
HOSTS = st.lists(records(), min_size=1, max_size=8)
GUEST = Party(
    "g",
    Basis.DEFINITION,
    is_guest=True,
    cpu=parse_cpu(parse_xml("<cpu mode='custom'><model>Haswell-noTSX</model></cpu>", "f"), "f"),
)


def _matrix(fleet: Fleet) -> Document:
    matrix = make_matrix(fleet)
    return matrix_document(matrix, matrix.sum_up())


QUESTIONS: dict[str, Callable[[Fleet], Any]] = {
    "summary": summarise,
    "missing": lambda fleet: find_lacking(fleet, look_up_for_map("umip")),
    "missing, and nobody lacks it": lambda fleet: find_lacking(fleet, look_up_for_map("avx2")),
    "which-hosts": lambda fleet: find_places(fleet, GUEST),
    "baseline": find_baselines,
    "baseline by zone": lambda fleet: find_baselines(fleet, "zone"),
    "baseline by a label": lambda fleet: find_baselines(fleet, "rack"),
    "baseline by a label that nobody has": lambda fleet: find_baselines(fleet, "it's"),
    "drift": lambda fleet: find_drift(fleet, BEFORE),
    "drain": lambda fleet: find_exits(fleet, ROWS[0].host),
    "drain within a label": lambda fleet: find_exits(fleet, ROWS[0].host, "rack"),
    "what-if": lambda fleet: find_what_if(fleet, [ROWS[0].host], ["aes"]),
    "a model's price": lambda fleet: find_price(fleet, "Icelake-Server"),
    "precheck": lambda fleet: precheck(fleet, ROWS[0].configuration.party("canary")),
    "matrix": _matrix,
    "report": lambda fleet: fleet_report_document(report_on_fleet(fleet, before=BEFORE)),
    "matrix of a pair": lambda fleet: compare_document(compare_hosts(fleet, ROWS[0].host, ROWS[1].host)),
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with spark_cluster(tmp_path_factory.mktemp("spark")) as variables:
        yield variables


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Give a store, in a folder whose name Spark would take for a pattern, of two dates and several files."""
    store = Store(tmp_path_factory.mktemp("fleet") / "a [store] {of} ours*")
    other = next(row.configuration for row in ROWS if row.configuration != ROWS[0].configuration)
    changed = [row._replace(kernel="5.4.0", configuration=other) for row in ROWS[:30]]
    ingest(store, changed + list(ROWS[30:150]), BEFORE)
    ingest(store, ROWS[:100], NOW)
    ingest(store, ROWS[100:], NOW)
    return store


@pytest.fixture(scope="module")
def session(cluster: dict[str, str]) -> Iterator[Spark]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cluster.items():
            patch.setenv(name, value)
        spark = Spark()
        yield spark
        spark.close()


@pytest.fixture(scope="module")
def asked(store: Store, session: Spark) -> Fleet:
    return store.fleet(engine=lambda: session)


def test_the_cluster_is_real(session: Spark) -> None:
    context = session.session.sparkContext
    assert str(context.master).startswith("spark://127.0.0.1:")
    assert os.getpid() not in context.parallelize(range(4), 4).map(lambda _: os.getpid()).collect()


@pytest.mark.parametrize("question", QUESTIONS)
def test_spark_answers_as_duckdb_does(store: Store, asked: Fleet, question: str) -> None:
    answer = QUESTIONS[question]
    assert answer(asked) == answer(store.fleet())


def test_what_is_compared_is_no_empty_answer(store: Store) -> None:
    drift = find_drift(store.fleet(), BEFORE)
    assert drift.changes
    assert drift.new
    assert drift.versions["kernel"]
    assert find_lacking(store.fleet(), look_up_for_map("umip")).lacks


def test_spark_reads_every_table_alike(store: Store, asked: Fleet) -> None:
    hosts = "SELECT * FROM hosts ORDER BY host"
    guests = "SELECT * FROM guests ORDER BY host, guest"
    assert (asked.engine.rows(hosts), asked.engine.rows(guests), asked.configurations()) == content(store, NOW)


@pytest.mark.usefixtures("session")
@settings(max_examples=4, deadline=None)
@given(HOSTS, HOSTS, st.integers(0, 8), st.randoms(use_true_random=False))
def test_duckdb_spark_and_a_loop_agree_in_whatever_order_hosts_come(
    before: list[HostRow], now: list[HostRow], cut: int, random: Random
) -> None:
    shuffled = random.sample(now, len(now))
    with TemporaryDirectory() as folder:
        one, other = Store(Path(folder, "one")), Store(Path(folder, "other"))
        for store, portions in ((one, [now]), (other, [shuffled[:cut], shuffled[cut:], shuffled[:1]])):
            ingest(store, before, BEFORE)
            for portion in filter(None, portions):
                ingest(store, portion, NOW)
        expected = looped(before, now)
        assert answers_of(one.fleet(), BEFORE) == expected
        assert answers_of(other.fleet(engine=Spark), BEFORE) == expected


def test_columns_that_an_older_store_lacks_are_null(tmp_path: Path, session: Spark) -> None:
    store = Store(tmp_path / "store")
    ingest(store, ROWS[:20])
    make_old(store)
    fleet = store.fleet(engine=lambda: session)
    assert fleet.engine.rows("SELECT DISTINCT accelerator, machine, domain FROM guests") == [(None, None, None)]
    assert find_exits(fleet, ROWS[0].host) == find_exits(store.fleet(), ROWS[0].host)


def test_a_file_that_is_gone_is_told(tmp_path: Path, session: Spark) -> None:
    store = Store(tmp_path / "store")
    ingest(store, ROWS[:2])
    for path in store.folder.glob("hosts-*.parquet"):
        path.unlink()
    with pytest.raises(InputError, match=r"Spark failed: .*hosts-"):
        store.fleet(engine=lambda: session)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Give documents of every kind, good and bad: lines, files below folders, an archive."""
    folder = tmp_path / "sources"
    (folder / "north").mkdir(parents=True)
    lines = list(documents(40, seed=1))
    nameless = json.loads(lines[7])
    del nameless["host"]
    lines[7] = json.dumps(nameless).encode()
    lines[20:20] = [b"", b"{", b"  "]
    (folder / "lines.jsonl").write_bytes(b"\n".join(lines))
    for name in INTEL:
        shutil.copy(DUMPS / name, folder / "north" / name)
    (folder / "north" / "bad.txt").write_text("no dump", encoding="utf-8")
    with tarfile.open(folder / "more.tar.gz", "w:gz") as archive:
        archive.add(DUMPS / INTEL[0], "south/h1.json")
        archive.add(DUMPS / INTEL[1], "south/h2.json")
    return folder


@pytest.mark.parametrize("lines_bytes", [1000, 50_000, LINES_BYTES])
def test_workers_read_what_one_reader_reads(session: Spark, sources: Path, lines_bytes: int) -> None:
    here, there = (
        [(one.where, one.folders, one.host, str(one.error)) for one in read]
        for read in (
            read_items(sources_of(sources, sources / "gone")),
            read_documents_on(session, *split_sources([str(sources), str(sources / "gone")], lines_bytes)),
        )
    )
    assert there == here
    assert [host.host for _, _, host, _ in here if host and host.host.startswith("line-")] == ["line-8"]
    assert len([error for _, _, host, error in here if host is None]) == 3


def test_an_ingest_on_spark_makes_the_same_store(cluster: dict[str, str], sources: Path, tmp_path: Path) -> None:
    stores, told = [], []
    for engine in ("duckdb", "spark"):
        store = Store(tmp_path / engine)
        where = ["--store", str(store.folder), "--at", NOW, "--folders", "zone", "--engine", engine]
        done = vcpuid("ingest", str(sources), *where, "--format", "json", **cluster)
        stores.append(content(store, NOW))
        told.append((done.returncode, done.stdout, done.stderr))
    assert told[0] == told[1]
    assert told[0][0] == 1
    assert stores[0] == stores[1]
    assert len(stores[0][0]) > 40


def vcpuid(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYSPARK_")}
    return subprocess.run(
        [sys.executable, "-m", "vcpuid", "fleet", *arguments],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_command_prints_the_answer_and_no_log_of_java(cluster: dict[str, str], store: Store) -> None:
    question = ["missing", "umip", "--store", str(store.folder), "--format", "json"]
    by_spark = vcpuid(*question, "--engine", "spark", **cluster)
    assert (by_spark.returncode, by_spark.stderr) == (1, "")
    assert json.loads(by_spark.stdout) == json.loads(vcpuid(*question).stdout)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"PATH": "/nowhere", "JAVA_HOME": ""}, "Spark needs Java, which is not installed"),
        ({"PYSPARK_SUBMIT_ARGS": "--master sparc://h07 pyspark-shell"}, "Spark cannot be started: "),
        ({"PYSPARK_SUBMIT_ARGS": "--no-such-option pyspark-shell"}, "Spark cannot be started: "),
    ],
)
def test_without_a_spark_the_next_step_is_told(store: Store, variables: dict[str, str], message: str) -> None:
    done = vcpuid("summary", "--store", str(store.folder), "--engine", "spark", **variables)
    assert (done.returncode, done.stdout) == (4, "")
    told = done.stderr.splitlines()
    assert len(told) == 2
    assert told[0].startswith(f"vcpuid: {message}")
