"""How long `vcpuid explain sgx` takes, against importing click and against starting Python.

The three commands run in turn, round after round, so that a busy moment of the machine meets all of them
alike. The ratios are of the medians; the fastest round is shown beside them. Then every command that needs nothing
else takes a few turns, from its start to its end: most of that is what it imports.

    python -m benchmarks.startup [--rounds 40]
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import time

from benchmarks.aims import Aims
from benchmarks.meter import measure_vcpuid

ROUNDS = 40
SUBJECT = "vcpuid explain sgx"
COMMANDS = {
    SUBJECT: ("-m", "vcpuid", "explain", "sgx"),
    "python -c 'import click'": ("-c", "import click"),
    "python -I -c pass": ("-I", "-c", "pass"),
}
# The peer, and the most that the subject may take as a multiple of the peer's time.
AIMS = {"python -c 'import click'": 1.3, "python -I -c pass": 6.0}

# Typical ones that need no store and no other program; what each imports, tests/unit/cli/test_imports.py holds.
ALL_COMMANDS = (
    "completion bash",
    "explain sgx",
    "map entry sgx",
    "convert tests/dumps/hygon.json --to cpuid",
    "decode tests/dumps/hygon.json",
    "decode",
    "diff tests/dumps/hygon.json tests/dumps/amd-renoir.json",
    "map lint tests/maps/tiny",
    "guest docs/examples/web-1.xml --to qemu",
    "map show sgx --map tests/maps/tiny",
    "baseline docs/examples/h07.json docs/examples/h10.json",
    "compare docs/examples/h07.json docs/examples/h10.json",
    "audit --host docs/examples/h07.json",
    "why sgx --host docs/examples/h07.json",
    "lint docs/examples/web-1.xml",
    "sgx doctor --host docs/examples/h07.json",
    "sgx plan --host docs/examples/h10.json --guest 64M",
    "diagnose 'unknown CPU feature: sha_ni'",
    "report --host docs/examples/h07.json",
)


def measure(rounds: int) -> dict[str, list[float]]:
    """Give the wall times of each command in milliseconds, after one round that fills the caches."""
    times_ms: dict[str, list[float]] = {label: [] for label in COMMANDS}
    for turn in range(rounds + 1):
        for label, arguments in COMMANDS.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            if turn:
                times_ms[label].append(1000 * (time.perf_counter() - begin))
    return times_ms


def main() -> int:
    """Print the table; the status is 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode, too
    times_ms = measure(rounds)
    print(f"{rounds} rounds, Python {sys.version.split()[0]}, milliseconds of wall time\n")
    print(f"{'command':<26}{'median':>8}{'fastest':>9}")
    for label, times in times_ms.items():
        print(f"{label:<26}{statistics.median(times):>8.1f}{min(times):>9.1f}")
    print()
    aims = Aims()
    for peer, aim in AIMS.items():
        ratio = statistics.median(times_ms[SUBJECT]) / statistics.median(times_ms[peer])
        best = min(times_ms[SUBJECT]) / min(times_ms[peer])
        what, found = f"{SUBJECT} to {peer}", f"{ratio:.2f}, fastest {best:.2f}"
        aims.judge(what, found, f"< {aim:g}", is_met=ratio < aim)
    print(f"\n{'each command, from start to end':<62}{'CPU ms':>8}{'peak MiB':>10}")
    for line in ALL_COMMANDS:
        used = [measure_vcpuid(shlex.split(line)) for _ in range(max(1, rounds // 8))]
        milliseconds = 1000 * statistics.median(one.seconds for one in used)
        print(f"{line:<62}{milliseconds:>8.0f}{max(one.mib for one in used):>10.0f}")
    return aims.status


if __name__ == "__main__":
    sys.exit(main())
