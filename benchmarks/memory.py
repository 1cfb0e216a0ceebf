"""How much memory the largest inputs take, and whether time or memory grows faster than they do.

    python -m benchmarks.memory [NAME...]

Each input is made here: a dump of 1,024 CPUs no two of which are alike, a snapshot with 1,000 guests, a log of
200 MB and so on. Each command is a process of its own, whose peak the kernel tells when it ends, beside its
processor time. Then the same with a quarter of the input: four times the input may take six times the time that is
above the start, which `explain` stands for, and no more. `--help` names the inputs.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.aims import Aims
from benchmarks.meter import Used, measure_vcpuid

from vcpuid.dumps import read_dump, write_dump
from vcpuid.terms.dump import Cpu, Dump

_TREE = Path(__file__).parents[1]
HOST = _TREE / "docs/examples/h07.json"
DUMP = _TREE / "tests/dumps/amd-renoir.json"
MOST_MIB, MOST_GROWTH = 256, 6.0
_PARTS = 4
_LEAST_SECONDS = 0.2  # what takes less is not judged by its growth


# Inputs -------------------------------------------------------------------------------------------


def write_cpus(path: Path, count: int) -> None:
    """Write a dump, as `cpuid -r` does, of so many CPUs, whose brands differ."""
    (model, *_) = read_dump(DUMP).cpus
    cpus = (replace(model, number=number, rows=_own_rows(model, number)) for number in range(count))
    path.write_text(write_dump(Dump(tuple(cpus), ""), "cpuid"), encoding="utf-8")


def _own_rows(model: Cpu, number: int) -> dict[tuple[int, int], tuple[int, int, int, int]]:
    eax, ebx, ecx, edx = model.rows[1, 0]
    brand = model.rows[0x80000004, 0]
    return {
        **model.rows,
        (1, 0): (eax, ebx ^ number << 24 & 0xFF000000, ecx, edx),
        (0x80000004, 0): (number, *brand[1:]),
    }


def write_guests(path: Path, count: int) -> None:
    """Write a snapshot with so many guests, defined and running, as the example's first is."""
    document: dict[str, Any] = json.loads(HOST.read_text(encoding="utf-8"))
    domains = document["sources"]["domains"]["data"]["domains"]
    processes = document["sources"]["processes"]["data"]["processes"]
    old_name, old_uuid = domains[0]["name"], domains[0]["uuid"]
    text = json.dumps([domains[0], processes[0]])
    made = [
        json.loads(text.replace(old_uuid, f"{number:08x}{old_uuid[8:]}").replace(old_name, f"guest-{number}"))
        for number in range(count)
    ]
    for number, guest in enumerate(made):
        for side in guest:
            side["pid"] = 1000 + number
    document["sources"]["domains"]["data"]["domains"] = [domain for domain, _ in made]
    document["sources"]["processes"]["data"]["processes"] = [process for _, process in made]
    path.write_text(json.dumps(document), encoding="utf-8")


def write_values(path: Path, count: int) -> None:
    """Write a snapshot with so many thousand empty lists that nobody reads, each of which counts as two values."""
    document = {**json.loads(HOST.read_text(encoding="utf-8")), "others": [[]] * (1000 * count)}
    path.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")


def write_log(path: Path, count: int) -> None:
    """Write a log of libvirtd with so many lines, one in a thousand of which has a message that we know."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            head = f"2026-01-15 09:30:{number % 60:02}.000+0000: {number}: "
            said = _KNOWN.format(number % 7) if number % 1000 == 0 else _PLAIN.format(number, "x" * 100)
            file.write(f"{head}{said}\n")


_PLAIN = "info : qemuMonitorIOProcess:{} : QEMU_MONITOR_IO_PROCESS: mon=0x7f buf={}"
_KNOWN = "error : x86Decode:1 : unsupported configuration: unknown CPU feature: f{}"


def write_hosts(folder: Path, count: int) -> None:
    """Write snapshots of so many hosts that differ in a feature of leaf 7."""
    document: dict[str, Any] = json.loads(HOST.read_text(encoding="utf-8"))
    folder.mkdir()
    for number in range(count):
        own = copy.deepcopy(document)
        own["host"]["name"] = f"host-{number}"
        rows = own["sources"]["kvm"]["data"]["supported_cpuid"]
        eax, ebx, ecx, edx = (int(word, 16) for word in rows["00000007.0"].split())
        rows["00000007.0"] = f"{eax:08x} {ebx ^ 1 << number % 8:08x} {ecx:08x} {edx:08x}"
        (folder / f"host-{number:03}.json").write_text(json.dumps(own), encoding="utf-8")


def write_store(folder: Path, count: int) -> None:
    """Make a store of so many hosts."""
    made = folder.with_name(f"{folder.name}-hosts")
    write_hosts(made, count)
    measure_vcpuid(["fleet", "ingest", str(made), "--store", str(folder)])


class Case(NamedTuple):
    """A command on an input that is made as large as one likes.

    Attributes:
        write: Makes the input at a path, of so many parts.
        size: How many parts are large.
        parts: What they are.
        command: The command; `{}` is the input, and `{}/*` the files in it.
    """

    write: Callable[[Path, int], None]
    size: int
    parts: str
    command: str


CASES: Mapping[str, Case] = {
    "decode": Case(write_cpus, 1024, "CPUs", "decode {}"),
    "decode-json": Case(write_cpus, 1024, "CPUs", "decode --format json --each {}"),
    "convert": Case(write_cpus, 1024, "CPUs", "convert {} --to json"),
    "why": Case(write_guests, 1000, "guests", "why sgx avx2 --domain guest-7 --host {}"),
    "audit": Case(write_guests, 1000, "guests", "audit --host {}"),
    "report": Case(write_guests, 1000, "guests", "report --host {}"),
    "limit": Case(write_values, 990, "thousand lists", "why sgx --host {}"),
    "diagnose": Case(write_log, 1_000_000, "lines", "diagnose {}"),
    "compare": Case(write_hosts, 8, "hosts", "compare {}/*"),
    "baseline": Case(write_hosts, 100, "hosts", "baseline {}/*"),
    "report-store": Case(write_store, 100, "hosts", "report --store {}"),
}


def run_case(name: str, count: int, folder: Path) -> Used:
    """Make an input of so many parts and ask about it."""
    path = folder / f"{name}-{count}"
    CASES[name].write(path, count)
    if CASES[name].command.endswith("{}/*"):
        words = [*CASES[name].command.split()[:-1], *map(str, sorted(path.iterdir()))]
    else:
        words = CASES[name].command.format(path).split()
    return measure_vcpuid(words)


def judge(aims: Aims, name: str, small: Used, large: Used, start_s: float) -> None:
    """Judge a command by its peak, and by how much longer it takes for four times the input."""
    what = f"{name}, {CASES[name].size} {CASES[name].parts}"
    aims.judge(f"{what}: peak", f"{large.mib:.0f} MiB", f"< {MOST_MIB} MiB", is_met=large.mib < MOST_MIB)
    if large.seconds - start_s > _LEAST_SECONDS:
        growth = (large.seconds - start_s) / max(small.seconds - start_s, _LEAST_SECONDS / MOST_GROWTH)
        found, aim = f"{growth:.1f} times", f"< {MOST_GROWTH:g} times"
        aims.judge(f"{what}: time to a quarter's", found, aim, is_met=growth < MOST_GROWTH)


def main() -> int:
    """Print the table; the status is 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which; else all of {', '.join(CASES)}")
    names = parser.parse_args().names or list(CASES)
    for name in names:
        if name not in CASES:
            parser.error(f"there is no input {name!r}: choose from {', '.join(CASES)}")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode, too
    start_s = measure_vcpuid(["explain", "sgx"]).seconds
    print(f"{'':<16}{'parts':>22}{'peak MiB':>10}{'CPU s':>8}")
    used: dict[str, list[Used]] = {}
    for name in names:
        size = CASES[name].size
        for count in (size // _PARTS, size):
            with TemporaryDirectory() as folder:
                one = run_case(name, count, Path(folder))
            used.setdefault(name, []).append(one)
            parts = f"{count} {CASES[name].parts}"
            print(f"{name:<16}{parts:>22}{one.mib:>10.0f}{one.seconds:>8.2f}")
    print()
    aims = Aims()
    for name, (small, large) in used.items():
        judge(aims, name, small, large, start_s)
    return aims.status


if __name__ == "__main__":
    sys.exit(main())
