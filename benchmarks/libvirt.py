"""How fast our reasoning of libvirt is, against libvirt itself for the same baselines.

- the maps: reading the installed one and the one that ships, and making each ready;
- per host, with the map loaded: reading the bits of a dump's CPU, describing it as a host's and as a guest's;
- one baseline of 1,000 hosts;
- 1,000 baselines of one or two definitions, by us and by one virsh process with many commands on libvirt's mock
  driver, from XML to outcome on both sides; virsh's time has its start and the map's load in it.

The hosts are those of the dumps in VCPUID_DUMPS, or of the tests; the random definitions are those of
tools/compare_libvirt.py.

    python -m benchmarks.libvirt [--rounds 7]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from benchmarks.aims import CANNOT_RUN, Aims
from tools.compare_libvirt import DUMPS, Writer, our_baseline, read_hosts
from tools.virsh_session import Virsh

from vcpuid.dumps import read_dump
from vcpuid.errors import VcpuidError
from vcpuid.rules.libvirt.baseline import baseline
from vcpuid.rules.libvirt.decode import Side, decode
from vcpuid.rules.libvirt.map_reader import INSTALLED, read_map
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.terms.dump import Cpu

ROUNDS = 7
FLEET = 1000


def load_shipped() -> Models:
    """Make the map that ships ready, as a new process has to."""
    shipped_map.cache_clear()
    return Models(shipped_map())


class Row(NamedTuple):
    """Work to be timed.

    Attributes:
        label: What it is.
        work: It.
        share: How many times it does what the label says.
        aim_ms: What the median should stay below; None where a peer is the measure.
    """

    label: str
    work: Callable[[], object]
    share: int
    aim_ms: float | None

    def print_times(self, rounds: int) -> float:
        """Print the median and the fastest of some rounds, after one that fills the caches; give the median."""
        times_ms = []
        for _ in range(rounds + 1):
            begin = time.perf_counter()
            self.work()
            times_ms.append(1000 * (time.perf_counter() - begin) / self.share)
        median = statistics.median(times_ms[1:])
        print(f"{self.label:<48}{median:>10.3f}{min(times_ms[1:]):>10.3f}")
        return median


def read_cpus(models: Models, folder: Path) -> list[Cpu]:
    """Give the first CPU of every dump that a model of the map describes."""
    cpus = []
    for path in sorted(folder.iterdir()):
        try:
            cpu = read_dump(path).cpus[0]
            decode(models, models.read(cpu), Side.HOST)
        except (VcpuidError, OSError):
            continue
        cpus.append(cpu)
    return cpus


def main() -> int:
    """Print the table; the status is 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    folder = Path(os.environ.get("VCPUID_DUMPS") or DUMPS)
    if not Path(INSTALLED).exists():
        parser.exit(
            CANNOT_RUN, "needs libvirt's map and virsh (Debian packages libvirt-daemon-system, libvirt-clients)\n"
        )
    models = Models(read_map(INSTALLED))
    cpus, hosts = read_cpus(models, folder), read_hosts(models, folder)
    cases = Writer(models, hosts, 1, Side.HOST).cases(FLEET, most=2)
    questions = [case.question("cpu-baseline") for case in cases]
    of_intel = [decode(models, data, Side.HOST).cpu for data in hosts if data.vendor == "Intel"]
    fleet = list(islice(cycle(of_intel), FLEET))
    print(
        f"{len(hosts)} hosts; the installed map: {len(models.features)} features, {len(models.models)} models; "
        f"{rounds} rounds, Python {sys.version.split()[0]}\n\n{'':<48}{'median ms':>10}{'fastest':>10}"
    )
    rows = (
        Row("the installed map read", lambda: Models(read_map(INSTALLED)), 1, 150),
        Row("the shipped map loaded", load_shipped, 1, 20),
        Row("the bits of a CPU read, per host", lambda: [models.read(cpu) for cpu in cpus], len(cpus), 1),
        Row(
            "decoded as a host, per host", lambda: [decode(models, one, Side.HOST) for one in hosts], len(hosts), 1
        ),
        Row(
            "decoded as a guest, per host",
            lambda: [decode(models, one, Side.GUEST) for one in hosts],
            len(hosts),
            1,
        ),
        Row(f"one baseline of {FLEET} hosts", lambda: baseline(models, fleet), 1, 1000),
        Row("a baseline of 1 or 2, from XML", lambda: [our_baseline(models, case) for case in cases], FLEET, None),
        Row("the same by virsh, one process for all", lambda: Virsh().ask(questions), FLEET, None),
    )
    medians = [row.print_times(rounds) for row in rows]
    ratio = medians[-2] / medians[-1]
    print()
    aims = Aims()
    for row, median in zip(rows, medians, strict=True):
        if row.aim_ms is not None:
            aims.judge(row.label, f"{median:.3g} ms", f"< {row.aim_ms:g} ms", is_met=median < row.aim_ms)
    aims.judge("baselines of 1 or 2: ours to virsh's", f"{ratio:.2f}", "< 1", is_met=ratio < 1)
    return aims.status


if __name__ == "__main__":
    sys.exit(main())
