"""What a command takes: its peak of memory and its processor time, as the kernel tells them when it ends."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

# What a process had before exec counts as its own, so that a small one, a bare Python, has to start the command.
_METER = """import os, sys
null = os.open(os.devnull, os.O_WRONLY)
to_null = [(os.POSIX_SPAWN_DUP2, null, 1)]
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=to_null)
_, status, used = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss, used.ru_utime + used.ru_stime)"""
_ANSWERS = (0, 1, 4)
"""The exit statuses of vcpuid that are answers."""


class Used(NamedTuple):
    """What a command took: its peak of memory, and its processor time with that of its children."""

    mib: float
    seconds: float


def measure(command: Sequence[str]) -> Used:
    """Run a command, whose output is thrown away; SystemExit where it fails."""
    words = [sys.executable, "-I", "-S", "-c", _METER, *command]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    status, peak_kib, seconds = done.stdout.split()
    if int(status) not in _ANSWERS:
        raise SystemExit(f"{shlex.join(command)}: status {status}: {done.stderr[-500:]}")
    return Used(int(peak_kib) / 1024, float(seconds))


def measure_vcpuid(arguments: Sequence[str]) -> Used:
    """Run one command of vcpuid."""
    return measure([sys.executable, "-m", "vcpuid", *arguments])
