"""Runs the benchmarks one after another, and tells which aims were met.

    python -m benchmarks [--quick] [NAME...] [-- OPTIONS]

Each is a process of its own, with the environment that it needs: the modules of the tests, the folder of dumps
that VCPUID_DUMPS names or that lies beside the tree, and bytecode that is kept, as an installed package has it.
Before each the load average is told: the figures of a busy machine are not those of a quiet one. OPTIONS go to the
one benchmark that was named, in place of its usual ones.

The status is 0 where all aims were met, 1 where one was missed or a benchmark failed, and 2 where one cannot run.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.aims import CANNOT_RUN, Verdict

_TREE = Path(__file__).parents[1]
_DUMPS = _TREE.parent / "shared/data/dumps"
_INTERRUPTED = 130
_SEED, _DUMPS_WORD = "20261", "DUMPS"
_SLOW = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")


class Benchmark(NamedTuple):
    """A module of this package, and how it is run.

    Attributes:
        about: What it times.
        module: Its name.
        usual: The options with which the figures of README.md are measured; DUMPS is the folder of dumps, if any.
        quick: Options for a look that is over soon; its figures mean less.
    """

    about: str
    module: str
    usual: Sequence[str] = ()
    quick: Sequence[str] = ()


BENCHMARKS: Mapping[str, Benchmark] = {
    "startup": Benchmark("the start of a look-up", "startup", quick=("--rounds", "10")),
    "why": Benchmark("why on this host", "why", quick=("--rounds", "2")),
    "probe": Benchmark("a guest that is asked", "probe", quick=("--rounds", "5")),
    "libvirt": Benchmark("libvirt's reasoning", "libvirt", quick=("--rounds", "2")),
    "decode": Benchmark("dumps, beside cpuid", "decode", quick=("--rounds", "2")),
    "memory": Benchmark("the largest inputs", "memory", quick=("decode", "audit", "diagnose")),
    "fleet": Benchmark("ten million hosts", "fleet", quick=("--hosts", "1000000", "--dumps", "50000")),
    "fleet_matrix": Benchmark("all pairs of configurations", "fleet_matrix", quick=("1000", "10000")),
    "matrix_command": Benchmark(
        "the same from end to end", "fleet_matrix", ("--command",), ("--command", "10000")
    ),
    "web": Benchmark("the explorer", "web", quick=("--seconds", "10", "--rounds", "2")),
    "fuzz_dumps": Benchmark(
        "broken dumps",
        "fuzz_dumps",
        ("--seconds", "300", "--seed", _SEED, "tests/dumps", _DUMPS_WORD),
        ("--seconds", "20", "--seed", _SEED, "tests/dumps", _DUMPS_WORD),
    ),
    "fleet_spark": Benchmark("a fleet's SQL on Spark", "fleet_spark", quick=("--hosts", "100000")),
}


class Outcome(NamedTuple):
    """What became of a benchmark: its aims, its exit status, its time, and the load average before it."""

    name: str
    verdicts: Sequence[Verdict]
    status: int
    seconds: float
    load: float

    @property
    def misses(self) -> Sequence[Verdict]:
        """The aims that were missed."""
        return [verdict for verdict in self.verdicts if not verdict.is_met]

    @property
    def word(self) -> str:
        """How it ended."""
        if self.status == CANNOT_RUN:
            return "cannot run"
        misses = self.misses
        if self.status != int(bool(misses)):
            return f"failed ({self.status})"
        if misses:
            return f"{len(misses)} of {len(self.verdicts)} missed"
        return f"{len(self.verdicts)} met" if self.verdicts else "no aim"

    @property
    def is_failure(self) -> bool:
        """Whether an aim was missed or no figure made."""
        return self.status != CANNOT_RUN and bool(self.status or self.misses)


def make_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a benchmark."""
    result = {name: value for name, value in environ.items() if name not in _SLOW}
    paths = [str(_TREE), str(_TREE / "tests"), *filter(None, [environ.get("PYTHONPATH")])]
    result["PYTHONPATH"] = os.pathsep.join(paths)
    if not environ.get("VCPUID_DUMPS") and _DUMPS.is_dir():
        result["VCPUID_DUMPS"] = str(_DUMPS)
    return result


def run(name: str, options: Sequence[str], environ: Mapping[str, str]) -> Outcome:
    """Run one benchmark and pass on what it prints."""
    load = os.getloadavg()[0]
    command = [sys.executable, "-u", "-m", f"benchmarks.{BENCHMARKS[name].module}", *options]
    print(f"== {name}: {BENCHMARKS[name].about}; load average {load:.2f}\n$ {' '.join(command[2:])}", flush=True)
    begin = time.perf_counter()
    verdicts = []
    with subprocess.Popen(command, cwd=_TREE, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            print(line, end="", flush=True)
            verdict = Verdict.parse(line)
            if verdict is not None:
                verdicts.append(verdict)
    print()
    return Outcome(name, verdicts, process.returncode, time.perf_counter() - begin, load)


def describe_machine() -> str:
    """Tell what the figures were measured on."""
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        found = None
    model = found[1] if found else platform.machine()
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    loads = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    return (
        f"{os.cpu_count()} CPUs ({model}), {memory_gib:.0f} GiB of memory, Python {platform.python_version()}\n"
        f"load average of the last 1, 5 and 15 minutes: {loads}"
    )


def render_table(outcomes: Sequence[Outcome]) -> str:
    """Give the table of all benchmarks, and the aims that were missed."""
    lines = [f"{'benchmark':<16}{'aims':<18}{'seconds':>8}{'load before':>13}"]
    for one in outcomes:
        lines.append(f"{one.name:<16}{one.word:<18}{one.seconds:>8.1f}{one.load:>13.2f}")
        lines += [f"  {verdict}" for verdict in one.misses]
    return "\n".join(lines)


def total_status(outcomes: Sequence[Outcome]) -> int:
    """Give the exit status of all."""
    if any(one.is_failure for one in outcomes):
        return 1
    return CANNOT_RUN if any(one.status == CANNOT_RUN for one in outcomes) else 0


def parse_arguments(arguments: Sequence[str]) -> dict[str, Sequence[str]]:
    """Give the benchmarks that are to run, with their options."""
    names = "\n".join(f"  {name:<16}{one.about}" for name, one in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        usage="%(prog)s [-h] [--quick] [NAME...] [-- OPTIONS]",
        description="Run benchmarks one after another, and tell which aims were met.",
        epilog=f"benchmarks, in their order:\n{names}\n\nOPTIONS go to the one benchmark that is named.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which to run; else all")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller fleets: figures mean less")
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:end])
    for name in options.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}: choose from {', '.join(BENCHMARKS)}")
    chosen = [name for name in BENCHMARKS if name in options.names or not options.names]
    if end < len(words):
        if len(chosen) != 1 or options.quick:
            parser.error("options after -- are for one benchmark, and stand in place of --quick")
        return {chosen[0]: words[end + 1 :]}
    return {name: BENCHMARKS[name].quick if options.quick else BENCHMARKS[name].usual for name in chosen}


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for."""
    chosen = parse_arguments(arguments)
    environ = make_environment(os.environ)
    dumps = environ.get("VCPUID_DUMPS")
    print(f"{describe_machine()}\ndumps of {dumps or 'no folder (VCPUID_DUMPS is not set)'}\n")
    outcomes: list[Outcome] = []
    status = 0
    try:
        for name, options in chosen.items():
            words = (dumps if word == _DUMPS_WORD else word for word in options)
            outcomes.append(run(name, [word for word in words if word], environ))
        status = total_status(outcomes)
    except KeyboardInterrupt:
        print("\ninterrupted")
        status = _INTERRUPTED
    print(render_table(outcomes))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
