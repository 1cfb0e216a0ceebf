"""What `vcpuid.probe` takes above QEMU itself, under TCG and, where it may be used, KVM.

The peer is the same QEMU with the same machine and CPU, started stopped (-S) and told to quit at once: what is
left is the guest's own run and ours. Both take turns, so that a busy moment meets both alike.

    python -m benchmarks.probe [--rounds 15]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks.aims import CANNOT_RUN, Aims

from vcpuid.probe import probe
from vcpuid.terms.guest import Accelerator

ROUNDS = 15
AIM_MS = 50.0
CPU = "Haswell"
_QEMU = "qemu-system-x86_64"


def start_and_quit(accelerator: Accelerator) -> None:
    """Start QEMU stopped, and have it quit."""
    words = ["-nodefaults", "-no-user-config", "-display", "none", "-machine", "pc", "-m", "16", "-S"]
    command = [_QEMU, *words, "-accel", accelerator.value, "-cpu", CPU, "-monitor", "stdio"]
    subprocess.run(command, input=b"quit\n", capture_output=True, check=True)


def elapsed_ms(run: Callable[[], object]) -> float:
    """Time one call."""
    begin = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - begin)


def measure(accelerator: Accelerator, rounds: int) -> tuple[float, float]:
    """Give the medians of QEMU alone and of the probe, in milliseconds, after a round that fills the caches."""
    alone, probed = [], []
    for _ in range(rounds + 1):
        alone.append(elapsed_ms(lambda: start_and_quit(accelerator)))
        probed.append(elapsed_ms(lambda: probe(CPU, accelerator=accelerator, qemu=_QEMU)))
    return statistics.median(alone[1:]), statistics.median(probed[1:])


def main() -> int:
    """Print the table; the status is 1 where the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    if not shutil.which(_QEMU):
        parser.exit(CANNOT_RUN, f"needs {_QEMU} (Debian package qemu-system-x86)\n")
    aims = Aims()
    for accelerator in Accelerator:
        if accelerator is Accelerator.KVM and not os.access("/dev/kvm", os.R_OK | os.W_OK):
            continue
        alone_ms, probed_ms = measure(accelerator, rounds)
        above_ms = probed_ms - alone_ms
        print(f"{accelerator.value}: QEMU {alone_ms:.0f} ms, probe {probed_ms:.0f} ms, above {above_ms:.0f} ms")
        if accelerator is Accelerator.TCG:
            aims.judge(
                "the probe above QEMU, TCG", f"{above_ms:.0f} ms", f"< {AIM_MS:g} ms", is_met=above_ms < AIM_MS
            )
    return aims.status


if __name__ == "__main__":
    sys.exit(main())
