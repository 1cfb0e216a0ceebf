"""How long `vcpuid explain sgx` takes, against importing click and against starting Python.

The three commands run in turn, round after round, so that a busy moment of the machine meets all of them
alike. The ratios are of the medians; the fastest round is shown beside them.

    python -m benchmarks.startup [--rounds 40]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

from benchmarks.aims import Aims

ROUNDS = 40
SUBJECT = "vcpuid explain sgx"
COMMANDS = {
    SUBJECT: ("-m", "vcpuid", "explain", "sgx"),
    "python -c 'import click'": ("-c", "import click"),
    "python -I -c pass": ("-I", "-c", "pass"),
}
# The peer, and the most that the subject may take as a multiple of the peer's time.
AIMS = {"python -c 'import click'": 1.3, "python -I -c pass": 6.0}


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
    return aims.status


if __name__ == "__main__":
    sys.exit(main())
