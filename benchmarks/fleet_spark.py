"""Times a fleet's SQL on Spark, a standalone master and two workers that it starts here, beside DuckDB.

    PYTHONPATH=tests python -m benchmarks.fleet_spark [--hosts N]

Both engines read the same Parquet files: HOSTS hosts (a million by default) of the configurations of a small fleet
that nobody has, at two dates. Each question is asked three times; the fastest counts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.aims import CANNOT_RUN, Aims

from fleets import fleet_rows, ingest
from spark_cluster import spark_cluster
from vcpuid.fleet import Store, queries
from vcpuid.fleet.drift import pair_kinds
from vcpuid.fleet.engine import Engine
from vcpuid.fleet.engine.duckdb import DuckDb
from vcpuid.fleet.engine.spark import Spark

_ROUNDS = 3
_MANY = """
SELECT h.* REPLACE (concat(host, '-', r.copy) AS host, {fp} AS fp)
FROM hosts h, (SELECT unnest(range({copies})) AS copy) r
"""
_DRIFTED = "CASE WHEN r.copy % 10 = 0 THEN (SELECT min(fp) FROM hosts) ELSE fp END"


def _make(folder: Path, hosts: int) -> dict[str, Path]:
    """Write the hosts of two dates."""
    rows = fleet_rows()
    store = Store(folder / "small")
    ingest(store, rows)
    small = store.fleet(engine=DuckDb)
    assert isinstance(small.engine, DuckDb)  # noqa: S101 - it was just asked for
    files = {"hosts_before": folder / "before.parquet", "hosts": folder / "now.parquet"}
    for name, fp in (("hosts_before", "fp"), ("hosts", _DRIFTED)):
        small.engine.save(_MANY.format(copies=hosts // len(rows), fp=fp), files[name])
    return files


def _questions(engine: Engine, picked: list[int]) -> dict[str, Callable[[], object]]:
    def missing() -> object:
        engine.keep("picked", queries.PICK, [",".join(map(str, picked))])
        return engine.rows(queries.PICKED_HOSTS)

    return {
        "dedupe": lambda: engine.rows(queries.COUNT_CONFIGURATIONS),
        "missing": missing,
        "drift": lambda: sorted(pair_kinds(engine), key=repr),
    }


def _fastest(question: Callable[[], object]) -> tuple[float, object]:
    seconds, answer = [], None
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        answer = question()
        seconds.append(time.perf_counter() - began)
    return min(seconds), answer


def main() -> int:
    """Ask both engines, and compare their answers and times; the status is 1 where answers differ."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=1_000_000)
    hosts = parser.parse_args().hosts
    if find_spec("pyspark") is None or not shutil.which("java"):
        parser.exit(
            CANNOT_RUN, "needs PySpark (the extra `spark`) and java (Debian package default-jre-headless)\n"
        )
    with TemporaryDirectory() as name, spark_cluster(Path(name)) as variables:
        folder = Path(name)
        files = _make(folder, hosts)
        os.environ.update(variables)
        spark, duckdb = Spark(), DuckDb()
        for engine in (spark, duckdb):
            for table, file in files.items():
                engine.view(table, [file], queries.HOST_COLUMNS)
        picked = [row[0] for row in duckdb.rows(queries.COUNT_CONFIGURATIONS)[-1:]]
        ours, theirs = _questions(duckdb, picked), _questions(spark, picked)
        print(f"{hosts // 200 * 200} hosts")
        aims = Aims()
        for question, ask in ours.items():
            here, one = _fastest(ask)
            there, other = _fastest(theirs[question])
            print(f"{question:8}  DuckDB {here:6.3f} s  Spark {there:6.3f} s  ratio {there / here:5.1f}")
            found = "equal" if one == other else "they differ"
            aims.judge(f"{question}: the answers of both engines", found, "equal", is_met=one == other)
        spark.close()
        duckdb.close()
    return aims.status


if __name__ == "__main__":
    sys.exit(main())
