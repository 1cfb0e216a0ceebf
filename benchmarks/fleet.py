"""Times a fleet: reading of text, an ingest from end to end, and questions of many hosts.

    PYTHONPATH=tests python -m benchmarks.fleet [--hosts N] [--dumps N] [--folder DIR]

Text is parsed beside the usual way of doing it with numpy: find the ends of lines, look at windows as long as a
row, compare the literal columns, decode the others. The ingest is `vcpuid fleet ingest` itself, over small dumps
that lie in the cache. The hosts that are asked for are written as Parquet, at two dates: many copies of those of a
made fleet, in zones that are of one vendor each and have some racks of it. At the later date one in ten has its
neighbour's CPU, one in seven another microcode, and some are gone and new. Beside all stands what the machine can
do: copying memory, and writing to the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from binascii import unhexlify
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
from benchmarks.aims import Aims
from tools.make_fleet import make_fleet

from fleets import DUMPS, ingest
from vcpuid.answers.look_up import look_up_for_map
from vcpuid.dumps import read_dump, write_dump
from vcpuid.fleet import Store, queries
from vcpuid.fleet.baseline import find_baselines
from vcpuid.fleet.documents import read_items
from vcpuid.fleet.drift import find_drift
from vcpuid.fleet.engine.duckdb import DuckDb
from vcpuid.fleet.missing import find_lacking
from vcpuid.fleet.plain import parse_rows
from vcpuid.fleet.record import HostRow
from vcpuid.fleet.sources import Source
from vcpuid.fleet.summary import summarise
from vcpuid.terms.dump import Cpu, Dump

DATES = ("2026-01-01", "2026-01-02")
MADE = 4000
RACK = 40
ROWS_OF_RACKS = 5
HALLS = 5
DRIFTED = 10
PATCHED = 7
_ROUNDS = 5
LEAST_TO_USUAL = 0.5
LEAST_DUMPS_A_SECOND = 50_000
MOST_SECONDS = {"dedupe": 1.0, "missing": 1.0, "drift": 1.5, "baseline by zone, again": 0.1}
_CHUNK_BYTES = 1 << 20
_LINE = b"   0x######## 0x##: eax=0x######## ebx=0x######## ecx=0x######## edx=0x########\n"
_Answer = TypeVar("_Answer")

MANY = """
SELECT record, concat(host, '-', copy) AS host,
    concat(vendor, '-', CAST(right(host, 7) AS INTEGER) // {rack} % {rows}, '-', copy % {halls}) AS zone,
    cluster, labels, brand, generation, qemu, libvirt, kernel,
    CASE WHEN copy % {patched} = 0 THEN '0xff' ELSE microcode END AS microcode,
    basis, taken_at, CASE WHEN copy % {drifted} = 0 THEN neighbour ELSE fp END AS fp
FROM (
    SELECT *, lead(fp, 1, fp) OVER (PARTITION BY vendor ORDER BY host) AS neighbour
    FROM hosts JOIN (SELECT DISTINCT fp, vendor FROM configs) USING (fp)
), (SELECT unnest(range({first}, {last})) AS copy)
"""
_NEVER = 1 << 62


def small_cpus(folder: Path = DUMPS) -> list[Cpu]:
    """Give the first CPU of each dump of a folder."""
    return [read_dump(path).cpus[0] for path in sorted(folder.glob("*.json"))]


def small_dumps(cpus: Sequence[Cpu], count: int) -> Iterable[bytes]:
    """Give dumps as `cpuid -1 -r` writes them, no two of them alike: each is of another core."""
    random = Random(0)  # noqa: S311 - no secret
    for number in range(count):
        cpu = cpus[number % len(cpus)]
        rows = dict(cpu.rows)
        eax, ebx, ecx, edx = rows[1, 0]
        rows[1, 0] = (eax, ebx & 0xFFFFFF | random.randrange(256) << 24, ecx, edx)
        if (0xB, 0) in rows:
            rows[0xB, 0] = (*rows[0xB, 0][:3], number)
        own = replace(cpu, number=0, rows=rows)
        yield write_dump(Dump((own,), ""), "cpuid").replace("CPU 0:", "CPU:", 1).encode()


def write_dumps(folder: Path, cpus: Sequence[Cpu], count: int) -> int:
    """Write dumps into folders of a thousand; gives how many bytes they have."""
    size = 0
    for number, text in enumerate(small_dumps(cpus, count)):
        rack = folder / f"z{number % 8}" / f"r{number // 1000}"
        rack.mkdir(parents=True, exist_ok=True)
        (rack / f"h{number:07}.txt").write_bytes(text)
        size += len(text)
    return size


def parse_usual(text: bytes) -> bytes:
    """Decode all rows of a text by windows that begin where lines do."""
    line = np.frombuffer(_LINE, np.uint8)
    literal, digits = np.flatnonzero(line != ord("#")), np.flatnonzero(line == ord("#"))
    octets = np.frombuffer(text, np.uint8)
    starts = np.concatenate(([0], np.flatnonzero(octets == ord("\n")) + 1))
    starts = starts[starts + len(line) <= len(octets)]
    rows = np.lib.stride_tricks.sliding_window_view(octets, len(line))[starts]
    rows = rows[(rows[:, literal] == line[literal]).all(axis=1)]
    return unhexlify(np.ascontiguousarray(rows[:, digits]).tobytes())


def parse_ours(text: bytes) -> bytes:
    """Decode all rows of a text that is nothing but rows."""
    are_rows, octets = parse_rows(text)
    return octets[are_rows].tobytes()


def make_hosts(cpus: Sequence[Cpu]) -> list[HostRow]:
    """Make the hosts that there are many copies of."""
    made = (Source("made", "made", (), json.dumps(document).encode()) for document in make_fleet(cpus, MADE))
    return [document.host for document in read_items(made) if document.host is not None]


def make_store(folder: Path, hosts: int, rows: Sequence[HostRow]) -> Store:
    """Make a store of about so many hosts at two dates."""
    store = Store(folder)
    copies = max(1, hosts // MADE)
    for date in DATES:
        ingest(store, rows, date)
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        (name,), (configs,) = manifest["snapshots"][date]["hosts"], manifest["configs"]
        is_later = date == DATES[1]
        query = MANY.format(
            rack=RACK,
            rows=ROWS_OF_RACKS,
            halls=HALLS,
            drifted=DRIFTED if is_later else _NEVER,
            patched=PATCHED if is_later else _NEVER,
            first=int(is_later),
            last=copies + int(is_later),
        )
        engine = DuckDb()
        engine.view("hosts", [folder / name], {})
        engine.view("configs", [folder / configs], {})
        engine.save(query, folder / "many")
        engine.close()
        (folder / "many").replace(folder / name)
    return store


def ingest_dumps(folder: Path, store: Path) -> None:
    """Take the dumps of a folder into a store, as one does on the command line."""
    command = (sys.executable, "-m", "vcpuid", "fleet", "ingest", str(folder), "--folders", "zone/rack")
    subprocess.run([*command, "--store", str(store)], check=True, stdout=subprocess.DEVNULL)


def ask(store: Store) -> dict[str, Callable[[], object]]:
    """Give the questions by name; one after the other, they share what was read before."""
    fleet = store.fleet(DATES[1])
    feature = look_up_for_map("umip", None)
    return {
        "dedupe": lambda: fleet.engine.rows(queries.COUNT_CONFIGURATIONS),
        "missing": lambda: find_lacking(fleet, feature),
        "baseline by zone, with load": lambda: find_baselines(fleet, "zone"),
        "baseline by zone, again": lambda: find_baselines(fleet, "zone"),
        "summary": lambda: summarise(fleet),
        "drift": lambda: find_drift(store.fleet(DATES[1]), DATES[0]),
    }


def _fastest(question: Callable[[], _Answer], rounds: int = _ROUNDS) -> tuple[float, _Answer]:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        answer = question()
        taken.append((time.perf_counter() - began, answer))
    return min(taken, key=lambda one: one[0])


def _judge_parsing(aims: Aims, cpus: Sequence[Cpu], dumps: int) -> None:
    text = b"".join(raw.partition(b"\n")[2] for raw in small_dumps(cpus, dumps))
    size = _CHUNK_BYTES // len(_LINE) * len(_LINE)
    chunks = [text[place : place + size] for place in range(0, len(text), size)]
    usual, theirs = _fastest(lambda: [parse_usual(chunk) for chunk in chunks])
    own, ours = _fastest(lambda: [parse_ours(chunk) for chunk in chunks])
    if ours != theirs:
        raise SystemExit("the two ways of parsing differ")
    rate = len(text) / 1e6
    print(f"text      {rate / own:7.0f} MB/s; the usual way {rate / usual:.0f} MB/s")
    found, aim = f"{usual / own:.2f} times as fast", f">= {LEAST_TO_USUAL:g} times"
    aims.judge("text parsed, beside the usual way with numpy", found, aim, is_met=usual / own >= LEAST_TO_USUAL)


def _judge_ingest(aims: Aims, folder: Path, cpus: Sequence[Cpu], dumps: int) -> None:
    size = write_dumps(folder / "dumps", cpus, dumps)
    os.sync()  # else the store's own files wait for these to be on the disk
    began, used = time.perf_counter(), os.times()
    ingest_dumps(folder / "dumps", folder / "store")
    wall, after = time.perf_counter() - began, os.times()
    cpu = after.children_user + after.children_system - used.children_user - used.children_system
    print(
        f"ingest    {dumps} dumps of {size / dumps:.0f} bytes in {wall:.2f} s,"
        f" {cpu:.2f} s of CPU; {os.cpu_count()} CPUs"
    )
    found, aim = f"{dumps / wall:.0f} dumps/s", f">= {LEAST_DUMPS_A_SECOND} dumps/s"
    aims.judge("ingest from end to end", found, aim, is_met=dumps / wall >= LEAST_DUMPS_A_SECOND)


def _print_limits(folder: Path) -> None:
    block = np.ones(1 << 25, np.uint64)
    other = np.empty_like(block)
    copying, _ = _fastest(lambda: np.copyto(other, block))
    path = folder / "block"

    def write() -> None:
        with path.open("wb") as file:
            file.write(block.data)
            file.flush()
            os.fsync(file.fileno())

    writing, _ = _fastest(write, 2)
    path.unlink()
    print(f"limits    memory is copied at {block.nbytes / copying / 1e9:.1f} GB/s, the disk written at"
          f" {block.nbytes / writing / 1e6:.0f} MB/s")  # fmt: skip


def main() -> int:
    """Print all figures; the status is 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description="Time a fleet.")
    parser.add_argument("--hosts", type=int, default=10_000_000, help="hosts that are asked for")
    parser.add_argument("--dumps", type=int, default=200_000, help="dumps that are taken in")
    parser.add_argument("--folder", type=Path, help="where to work; else where temporary files are")
    arguments = parser.parse_args()
    cpus = small_cpus()
    with TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        _print_limits(folder)
        aims = Aims()
        _judge_parsing(aims, cpus, 10_000)
        _judge_ingest(aims, folder, cpus, arguments.dumps)
        store = make_store(folder / "many", arguments.hosts, make_hosts(cpus))
        took = {}
        print(f"{arguments.hosts // MADE * MADE} hosts")
        for question, asked in ask(store).items():
            took[question], _ = _fastest(asked, 1)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
            print(f"{question:28} {took[question]:7.3f} s, memory so far at most {peak} MiB")
        for question, most in MOST_SECONDS.items():
            seconds = took[question]
            aims.judge(question, f"{seconds:.3f} s", f"<= {most:g} s", is_met=seconds <= most)
    return aims.status


if __name__ == "__main__":
    sys.exit(main())
