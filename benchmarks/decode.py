"""How fast `vcpuid decode --format json` is, against Debian's cpuid on the same dumps in its own format.

The dumps are written as `cpuid -r` does before the clock starts. Then, in turn, round after round:

- cpuid: `cpuid -f FILE` for each file, one process a file, all CPUs;
- vcpuid: one process for all files, JSON with every field, equal CPUs of a dump decoded once;
- vcpuid --each: the same, every CPU decoded and written by itself. (Rows that many CPUs share are still read into
  fields once: that is how vcpuid works, not a cache between runs.)

The output goes into a file, as where somebody wants it; then the same with /dev/null, where cpuid does not pay for
its text, ten times as long.

After that, the start-up of one small dump and the peak memory of the largest. Every Python finds its modules'
bytecode, as that of an installed package does, whatever PYTHONDONTWRITEBYTECODE says.

    VCPUID_DUMPS=FOLDER python -m benchmarks.decode [--rounds 7]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.aims import CANNOT_RUN, Aims
from benchmarks.meter import measure as measure_command

from vcpuid.decode.dynamic import kind_of
from vcpuid.dumps import read_dump, write_dump

ROUNDS = 7
CLICK = (sys.executable, "-c", "import click")
VCPUID = (sys.executable, "-m", "vcpuid", "decode")
LOOP = 'for file; do cpuid -f "$file"; done'


class Corpus:
    """The dumps in cpuid's format, in a folder, and how many CPUs they have."""

    def __init__(self, dumps: Sequence[Path], folder: Path) -> None:
        self.paths: list[str] = []
        self.cpu_count = self.kind_count = 0
        for path in dumps:
            dump = read_dump(path)
            copy = folder / path.name
            copy.write_text(write_dump(dump, "cpuid"), encoding="utf-8")
            self.paths.append(str(copy))
            self.cpu_count += len(dump.cpus)
            self.kind_count += len({kind_of(cpu) for cpu in dump.cpus})
        self.by_size = sorted(self.paths, key=lambda name: Path(name).stat().st_size)


def take_time(command: Sequence[str], sink: str) -> float:
    """Give the wall time in milliseconds of a command that writes into a file."""
    with Path(sink).open("wb") as output:
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=output)
        return 1000 * (time.perf_counter() - begin)


def measure(commands: dict[str, Sequence[str]], rounds: int, sink: str = os.devnull) -> dict[str, list[float]]:
    """Give the wall times of each command in milliseconds, after one round that fills the caches."""
    times_ms: dict[str, list[float]] = {label: [] for label in commands}
    for turn in range(rounds + 1):
        for label, command in commands.items():
            taken = take_time(command, sink)
            if turn:
                times_ms[label].append(taken)
    return times_ms


def print_corpus(corpus: Corpus, rounds: int, sink: str) -> float:
    """Print the table of all dumps; give the ratio of our median to cpuid's, with deduplication."""
    times_ms = measure(
        {
            "cpuid -f, a process a file": ("sh", "-c", LOOP, "sh", *corpus.paths),
            "vcpuid decode, one process": (*VCPUID, "--format", "json", *corpus.paths),
            "vcpuid decode --each": (*VCPUID, "--each", "--format", "json", *corpus.paths),
        },
        rounds,
        sink,
    )
    peer = statistics.median(times_ms["cpuid -f, a process a file"])
    title = f"all dumps, into {'/dev/null' if sink == os.devnull else 'a file'}"
    print(f"{title:<30}{'median ms':>10}{'fastest':>9}{'us/CPU':>9}{'to cpuid':>10}")
    for label, times in times_ms.items():
        median = statistics.median(times)
        print(
            f"{label:<30}{median:>10.1f}{min(times):>9.1f}"
            f"{1000 * median / corpus.cpu_count:>9.1f}{median / peer:>10.2f}"
        )
    return statistics.median(times_ms["vcpuid decode, one process"]) / peer


def print_small(corpus: Corpus, rounds: int) -> None:
    """Print the table of the smallest dump's start-up."""
    small = corpus.by_size[0]
    times_ms = measure(
        {
            "python -I -c pass": (sys.executable, "-I", "-c", "pass"),
            "python -c 'import click'": CLICK,
            "vcpuid decode": (*VCPUID, small),
            "vcpuid decode --format json": (*VCPUID, "--format", "json", small),
            "cpuid -f": ("cpuid", "-f", small),
        },
        3 * rounds,
    )
    print(f"\n{'the smallest dump':<30}{'median ms':>10}{'fastest':>9}")
    for label, times in times_ms.items():
        print(f"{label:<30}{statistics.median(times):>10.1f}{min(times):>9.1f}")


def print_large(corpus: Corpus) -> None:
    """Print the peak memory of the largest dump."""
    large = corpus.by_size[-1]
    print(f"\n{'the largest dump: ' + str(Path(large).stat().st_size >> 10) + ' KiB':<30}{'peak MiB':>10}")
    for label, command in (
        ("vcpuid decode --format json", (*VCPUID, "--format", "json", large)),
        ("vcpuid decode --each", (*VCPUID, "--each", "--format", "json", large)),
        ("vcpuid explain sgx", (sys.executable, "-m", "vcpuid", "explain", "sgx")),
        ("cpuid -f", ("cpuid", "-f", large)),
        ("(the least that is seen)", ("true",)),
    ):
        print(f"{label:<30}{measure_command(command).mib:>10.1f}")


def main() -> int:
    """Print the tables; the status is 1 where the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    folder = os.environ.get("VCPUID_DUMPS")
    if not folder or not shutil.which("cpuid"):
        parser.exit(CANNOT_RUN, "needs VCPUID_DUMPS, a folder of dumps, and cpuid (Debian package cpuid)\n")
    with tempfile.TemporaryDirectory() as copies:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = f"{copies}/bytecode"  # the round before the clock starts fills it
        corpus = Corpus(sorted(Path(folder).glob("*.txt")), Path(copies))
        print(
            f"{len(corpus.paths)} dumps, {corpus.cpu_count} CPUs, {corpus.kind_count} of them distinct but for "
            f"dynamic fields; {rounds} rounds, Python {sys.version.split()[0]}\n"
        )
        ratio = print_corpus(corpus, rounds, f"{copies}/output")
        print()
        print_corpus(corpus, rounds, os.devnull)
        print_small(corpus, rounds)
        print_large(corpus)
    print()
    aims = Aims()
    aims.judge("vcpuid, equal CPUs decoded once, to cpuid", f"{ratio:.2f}", "< 1", is_met=ratio < 1)
    return aims.status


if __name__ == "__main__":
    sys.exit(main())
