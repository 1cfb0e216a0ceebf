"""Documents read by several processes: the same store, whatever happens to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import Pipe, resource_tracker
from pathlib import Path
from random import Random

import pytest

from fleets import DATE, columns, content, documents, sources_of
from vcpuid.errors import InputError
from vcpuid.fleet.documents import read_items
from vcpuid.fleet.ingest import Ingest
from vcpuid.fleet.labels import Labels
from vcpuid.fleet.sources import Portion, Source, walk_portions
from vcpuid.fleet.store import Store
from vcpuid.fleet.workers import _send as send

ROOT = Path(__file__).resolve().parents[3]
PATHS = os.pathsep.join((str(ROOT / "src"), str(ROOT / "tests"), str(ROOT)))
NAMED = json.loads(documents(60)[1])["host"]["name"]
LABELS = Labels({}, ("zone",))
ROW = "   0x{:08x} 0x{:02x}: eax=0x{:08x} ebx=0x{:08x} ecx=0x{:08x} edx=0x{:08x}\n"
INTEL = ROW.format(0, 0, 0x16, 0x756E6547, 0x6C65746E, 0x49656E69)
SCRIPT = """
import resource, signal, sys
from pathlib import Path
from vcpuid.errors import InputError
from vcpuid.fleet.labels import Labels
from vcpuid.fleet.sources import walk_portions
from vcpuid.fleet.store import Store
from vcpuid.fleet.workers import _send as send

def main(folder, sources, limit_bytes):
    if limit_bytes:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    with Store(Path(folder)).ingest("2026-01-02") as into:
        for taken in into.take_items(walk_portions((sources,), 40_000), Labels({}, ("zone",)), 2):
            print(taken.hosts, flush=True)
        into.commit()

if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    except InputError as error:
        print(error)
        sys.exit(3)
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with snapshots, dumps that differ in an APIC id or a feature, and two that are none."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "fleet.jsonl").write_bytes(b"\n".join(documents(60)))
    for number in range(1500):
        zone = folder / f"z{number % 3}"
        zone.mkdir(exist_ok=True)
        second = ROW.format(1, 0, 0x506E3, number % 256 << 24, number % 5, 0)
        (zone / f"h{number:04}.txt").write_text(f"CPU:\n{INTEL}{second}", encoding="ascii")
    (folder / "z1" / "bad.txt").write_text("no dump", encoding="ascii")
    (folder / "z2" / "h0005.txt").write_text("CPU:\n   0x0000", encoding="ascii")
    return folder


def ingested(folder: Path, sources: Path, workers: int | None, labels: Labels = LABELS) -> tuple[Store, list[str]]:
    store = Store(folder)
    with store.ingest(DATE) as into:
        reports = into.take_items(walk_portions((str(sources),), 40_000), labels, workers)
        told = [where for taken in reports for where, _ in taken.left_out]
        into.commit()
        return store, told


def killing(into: Ingest, sources: Path, spared: set[int]) -> None:
    """Take hosts by two processes, and kill both."""
    for _ in into.take_items(walk_portions((str(sources),), 40_000), LABELS, 2):
        for pid in children() - spared:
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def whole(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return ingested(tmp_path_factory.mktemp("whole") / "store", sources, 1)[0]


def test_two_processes_make_the_same_store_as_one(tmp_path: Path, sources: Path, whole: Store) -> None:
    store, told = ingested(tmp_path / "two", sources, 2)
    assert content(store) == content(whole)
    labelled, _ = ingested(tmp_path / "two", sources, 2, Labels({NAMED: {"zone": "attic"}}, ("zone",)))
    assert labelled.fleet().engine.rows("SELECT host FROM hosts WHERE zone = 'attic'") == [(NAMED,)]
    assert told == [str(sources / "z1" / "bad.txt"), str(sources / "z2" / "h0005.txt")]
    hosts, _, configurations = content(store)
    assert len(hosts) == 60 + 1500 - 1
    assert len(configurations) > 5
    assert {row[0] for row in store.fleet().engine.rows("SELECT DISTINCT zone FROM hosts")} >= {"z0", "z1", "z2"}


def test_dumps_that_are_alike_keep_names_and_labels_of_their_own(tmp_path: Path) -> None:
    text = f"CPU:\n{INTEL}{ROW.format(1, 0, 0x506E3, 2, 3, 4)}"
    for zone, name in (("z0", "h1"), ("z0", "h2"), ("z1", "h3"), ("z1", "h4")):
        (tmp_path / "s" / zone).mkdir(parents=True, exist_ok=True)
        (tmp_path / "s" / zone / f"{name}.txt").write_text(text, encoding="ascii")
    labels = Labels({"h2": {"zone": "attic", "rack": "7"}, "h4": {"rack": "8"}}, ("zone",))
    store, _ = ingested(tmp_path / "store", tmp_path / "s", 1, labels)
    rows = store.fleet().engine.rows("SELECT host, zone, labels['rack'], record FROM hosts ORDER BY host")
    assert [row[:3] for row in rows] == [
        ("h1", "z0", None),
        ("h2", "attic", "7"),
        ("h3", "z1", None),
        ("h4", "z1", "8"),
    ]
    found = read_items(sources_of(tmp_path / "s"))
    hosts = [labels.put_on(one.host, one.folders) for one in found if one.host is not None]
    assert [row[3] for row in rows] == [columns(host)["record"] for host in hosts]


def children() -> set[int]:
    found = set()
    for task in Path("/proc/self/task").iterdir():
        found |= {int(pid) for pid in (task / "children").read_text("ascii").split()}
    return found


def test_a_worker_that_is_killed_is_told_and_changes_nothing(tmp_path: Path, sources: Path, whole: Store) -> None:
    store = Store(tmp_path / "store")
    resource_tracker.ensure_running()  # a child of multiprocessing that is no worker
    before = children()
    with (
        pytest.raises(InputError, match="a process that read documents has died"),
        store.ingest(DATE) as into,
    ):
        killing(into, sources, before)
    assert {path.name for path in store.folder.iterdir()} == {"lock"}
    assert content(ingested(store.folder, sources, 1)[0]) == content(whole)


def start(folder: Path, sources: Path, limit_bytes: int = 0) -> subprocess.Popen[str]:
    script = folder.parent / "ingest.py"
    script.write_text(SCRIPT, encoding="ascii")
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), str(sources), str(limit_bytes)],
        env={**os.environ, "PYTHONPATH": PATHS},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("seed", range(5))
def test_an_ingest_that_is_killed_anywhere_is_completed_by_the_next(
    tmp_path: Path, sources: Path, whole: Store, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - moments that can be met again
    store = Store(tmp_path / "store")
    died = start(store.folder, sources)
    assert died.stdout is not None
    for _ in range(random.randrange(8)):
        died.stdout.readline()
    time.sleep(random.random() * 0.2)
    died.kill()
    died.communicate(timeout=60)
    if (store.folder / "manifest.json").exists():
        assert content(store) == content(whole)
    again, _ = ingested(store.folder, sources, 1)  # the lock is free at once, though workers may still end
    assert content(again) == content(whole)
    manifest = json.loads((store.folder / "manifest.json").read_text("utf-8"))
    named = {*manifest["configs"], *(name for part in manifest["snapshots"][DATE].values() for name in part)}
    assert {path.name for path in store.folder.iterdir()} == named | {"lock", "manifest.json"}


def test_an_interrupt_ends_all_and_leaves_nothing(tmp_path: Path, sources: Path) -> None:
    folder = tmp_path / "store"
    running = start(folder, sources)
    assert running.stdout is not None
    running.stdout.readline()
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to all of them
    _, told = running.communicate(timeout=60)
    assert told.count("KeyboardInterrupt") == 1
    assert "spawn_main" not in told
    assert {path.name for path in folder.iterdir()} == {"lock"}
    left = time.monotonic() + 30
    while living(running.pid) and time.monotonic() < left:  # what multiprocessing has of its own ends after us
        time.sleep(0.01)
    assert living(running.pid) == []


def living(group: int) -> list[str]:
    """The processes of a group that still run; in a container nobody may collect those that have ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, own_group, *_ = path.read_text().rpartition(")")[2].split()
            if int(own_group) == group and state != "Z":
                found.append(path.parent.name)
    return found


@pytest.mark.parametrize("limit_bytes", [1, 9000, 60_000])
def test_a_full_disk_is_told_whoever_meets_it(
    tmp_path: Path, sources: Path, whole: Store, limit_bytes: int
) -> None:
    failed = start(tmp_path / "store", sources, limit_bytes)
    told, trace = failed.communicate(timeout=60)
    assert failed.returncode == 3, trace
    assert "cannot be written: File too large" in told
    assert "Nothing of the store was changed" in told
    assert content(ingested(tmp_path / "store", sources, 1)[0]) == content(whole)


@pytest.fixture
def as_nobody() -> Iterator[Callable[[Path], None]]:
    """Give what makes this process one of a user who has a folder and no rights elsewhere; root can do all."""
    is_root = os.geteuid() == 0

    def become(folder: Path) -> None:
        if is_root:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, 65534, 65534)
            for path in folder.parents:
                if path.owner() == "root" and path.is_relative_to("/tmp"):  # noqa: S108 - where pytest has its folders
                    path.chmod(path.stat().st_mode | 0o011)
            os.seteuid(65534)

    yield become
    os.seteuid(os.getuid())


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, as_nobody: Callable[[Path], None]) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    for name in ("h1.txt", "h2.txt"):
        (folder / name).write_text(f"CPU:\n{INTEL}{ROW.format(1, 0, 1, 2, 3, 4)}", encoding="ascii")
    (folder / "closed").mkdir()
    as_nobody(tmp_path)
    (folder / "h1.txt").chmod(0)
    (folder / "closed").chmod(0)
    store, told = ingested(tmp_path / "store", folder, 1)
    assert told == [str(folder / "closed"), str(folder / "h1.txt")]
    assert store.fleet().engine.rows("SELECT host FROM hosts") == [("h2",)]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_folder_that_may_not_be_written_is_told(
    tmp_path: Path, as_nobody: Callable[[Path], None], is_there: bool
) -> None:
    (tmp_path / "top").mkdir()
    folder = tmp_path / "top" / "store"
    if is_there:
        folder.mkdir()
    as_nobody(tmp_path)
    (folder if is_there else folder.parent).chmod(0o500)
    with (
        pytest.raises(InputError, match="cannot be written: Permission denied"),
        Store(folder).ingest(DATE),
    ):
        pass


@pytest.mark.parametrize("change", [b"more", b""])
def test_a_file_that_changes_while_it_is_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: bytes
) -> None:
    path = tmp_path / "h1.txt"
    path.write_text(f"CPU:\n{INTEL}{ROW.format(1, 0, 1, 2, 3, 4)}", encoding="ascii")
    real = os.read

    def slow(descriptor: int, count: int) -> bytes:
        if change:
            with path.open("ab") as file:
                file.write(change)
        else:
            os.truncate(path, 85)
        return real(descriptor, count)

    with monkeypatch.context() as patched:
        patched.setattr("vcpuid.fleet.sources.os.read", slow)
        (source,) = Portion(str(path)).read()
    assert not source.raw
    assert str(source.error) == f"{path}: cannot be read: it changed while it was read; ingest it again"


def test_a_pipe_in_a_folder_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (source,) = walk_portions((str(tmp_path),), 1)
    assert isinstance(source, Source)
    assert "a device, socket or pipe" in str(source.error)


def test_more_text_than_memory_is_taken_in(tmp_path: Path) -> None:
    """A stream of 240 MB is read by a process that may have half as much memory beyond what it started with.

    DuckDB, which writes the store then, reserves addresses by the hundred MB that it never touches: there the
    memory counts that was really used, all in all.
    """
    script = tmp_path / "small.py"
    script.write_text(
        SCRIPT.replace("def main(", "import gc, threading, duckdb, vcpuid.fleet.plain\ndef main(")
        .replace(
            'with Store(Path(folder)).ingest("2026-01-02") as into:',
            "own = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
            "    _, most = resource.getrlimit(resource.RLIMIT_AS)\n"
            "    resource.setrlimit(resource.RLIMIT_AS, (own + 120 * 2**20, most))\n"
            '    with Store(Path(folder)).ingest("2026-01-02") as into:',
        )
        .replace(", 2):", ", 1):")
        .replace(
            "into.commit()",
            "resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
            "        into.commit()\n"
            "    (peak,) = (line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM:'))\n"
            "    print(int(peak) * 1024)",  # getrusage counts what its parent had at the start, too
        ),
        encoding="ascii",
    )
    sources = tmp_path / "big.jsonl"
    with sources.open("wb") as file:
        padding = " " * 1_000_000
        for line in documents(240):
            file.write(line[:-1] + padding.encode() + b"}\n")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "store"), str(sources), "0"],
        env={**os.environ, "PYTHONPATH": PATHS},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    *taken, used_bytes = map(int, done.stdout.split())
    assert sum(taken) == 240
    assert used_bytes < sources.stat().st_size
    assert Store(tmp_path / "store").fleet().engine.rows("SELECT count(*) FROM hosts") == [(240,)]


def test_a_worker_that_has_died_before_it_got_anything_is_told() -> None:
    ours, theirs = Pipe()
    theirs.close()
    with pytest.raises(InputError, match="a process that read documents has died"):
        send(ours, None)
