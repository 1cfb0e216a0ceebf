"""How long `vcpuid why sgx` takes on this host, and which of its sources took how long.

The whole command runs a few times; then a snapshot tells the time of each source. Sources are asked at once, so
the slowest one decides.

    python -m benchmarks.why [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

from benchmarks.aims import Aims

ROUNDS = 5
AIM_S = 2.0
WHY_STATUSES = (0, 1, 4)


def measure_why(rounds: int) -> list[float]:
    """Give the wall times of the whole command in seconds, after one round that fills the caches."""
    times_s = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "vcpuid", "why", "sgx"], capture_output=True, text=True, check=False
        )
        times_s.append(time.perf_counter() - begin)
        if done.returncode not in WHY_STATUSES:
            sys.exit(done.stderr)
    return times_s[1:]


def read_sources() -> dict[str, tuple[int, str]]:
    """Give the time in milliseconds and the state of each source of one collection."""
    done = subprocess.run([sys.executable, "-m", "vcpuid", "collect"], capture_output=True, text=True, check=True)
    sources = json.loads(done.stdout)["sources"]
    return {name: (record["took_ms"], record["state"]) for name, record in sources.items()}


def main() -> int:
    """Print the tables; the status is 1 where the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    times_s = measure_why(parser.parse_args().rounds)
    median_s = statistics.median(times_s)
    aims = Aims()
    found = f"{median_s:.2f} s, fastest {min(times_s):.2f}"
    aims.judge("vcpuid why sgx, where libvirt answers fast", found, f"< {AIM_S:g} s", is_met=median_s < AIM_S)
    print(f"\n{'source':<12}{'ms':>7}  state")
    for name, (took_ms, state) in sorted(read_sources().items(), key=lambda item: -item[1][0]):
        print(f"{name:<12}{took_ms:>7}  {state}")
    return aims.status


if __name__ == "__main__":
    sys.exit(main())
