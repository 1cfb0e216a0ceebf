"""Judges our predictions by guests of a QEMU: every model with random features, under TCG.

    python -m tools.judge_qemu [--draws 20] [--seed 1] qemu-system-x86_64

The exit status is 1 where QEMU makes something else of a case.
"""

import argparse
import sys

from tools.qemu.binary import Binary, QemuError
from tools.qemu.judge import draw, judge

from vcpuid.errors import VcpuidError
from vcpuid.rules.qemu import load_qemu


def main() -> None:
    """Prints what differs, and how much was judged."""
    parser = argparse.ArgumentParser(description="Judge predictions by a real QEMU.")
    parser.add_argument("--draws", type=int, default=20, help="random definitions for each model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("binary", metavar="QEMU", help="the binary, by its path or name")
    given = parser.parse_args()
    count = wrong = 0
    try:
        release = Binary((given.binary,)).release
        qemu = load_qemu(release)
        for case in draw(qemu, given.draws, given.seed):
            faults = judge(given.binary, qemu, case)
            count += 1
            wrong += bool(faults)
            for fault in faults:
                print(f"{case}\n  {fault}")
    except (OSError, QemuError, VcpuidError) as error:
        sys.exit(f"judge_qemu: {error}")
    print(f"QEMU {release} by the rules of {qemu.label}: {count} definitions, {wrong} not as predicted")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
