"""How fast a matrix of distinct configurations is made, and in how much memory, beside a limit of the machine.

    VCPUID_DUMPS=DUMPS python -m benchmarks.fleet_matrix [CONFIGURATIONS...]

Configurations are the CPUs of real dumps, each time without a few features. Each number of them has a process of
its own. The limit is the time to AND two arrays of the size of all pairs, as many times as pieces of the index
meet in a row. Of each matrix 2,000 pairs are judged by `compare` too, and any difference is a failure.

    VCPUID_DUMPS=DUMPS python -m benchmarks.fleet_matrix --command [CONFIGURATIONS...]

makes a store of so many hosts, no two equal, and times `vcpuid fleet matrix` on it from end to end.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from benchmarks.aims import CANNOT_RUN, Aims

from vcpuid.answers.compare import Comparer
from vcpuid.answers.offer import Offer, OfferReader
from vcpuid.answers.party import Basis, Party
from vcpuid.dumps import parse_dump
from vcpuid.errors import InputError
from vcpuid.fleet.configuration import Configuration, EvidenceLayer
from vcpuid.fleet.matrix import Matrix, matrix_of
from vcpuid.fleet.record import HostRow
from vcpuid.fleet.store import Store
from vcpuid.fleet.words import listed_words, words_of
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.terms.dump import Cpu

_SIZES = (1000, 10_000, 50_000)
_MOST_DROPS = 5
_PAIRS = 2000
_MOST_SECONDS, _MOST_MIB = 10.0, 1024.0


def make_offers(reader: OfferReader, folder: Path, count: int, seed: int = 0) -> list[Offer]:
    """Give so many offers, no two equal, of the CPUs in a folder of dumps."""
    random = Random(seed)  # noqa: S311 - a fleet that can be made again, and no secret
    bases = [reader.read(Party(name, Basis.KVM, cpus=(cpu,))) for name, cpu in _cpus(folder)]
    found: dict[tuple[str | None, int], Offer] = {}
    while len(found) < count:
        base = random.choice(bases)
        bits = base.data.bits
        names = list(reader.models.names(bits))
        dropped = random.sample(names, min(random.randrange(_MOST_DROPS + 1), len(names)))
        data = base.data._replace(bits=bits & ~reader.models.bits_of(dropped))
        party = Party(f"h{len(found)}", Basis.KVM, cpus=base.party.cpus)
        found.setdefault((data.vendor, data.bits), base._replace(party=party, data=data))
    return list(found.values())


def _cpus(folder: Path) -> Iterator[tuple[str, Cpu]]:
    """Give the first CPU of each dump in a folder, and the file's name."""
    for path in sorted(folder.iterdir()):
        if not path.is_file():
            continue
        try:
            yield path.name, parse_dump(path.read_bytes(), path.name).dump.cpus[0]
        except InputError:
            continue


def make_hosts(models: Models, folder: Path, count: int, seed: int = 0) -> list[HostRow]:
    """Give so many hosts, no two equal, with CPUs of a folder of dumps: KVM keeps back a few features of each."""
    random = Random(seed)  # noqa: S311 - a fleet that can be made again, and no secret
    bases = [(words_of([cpu]), listed_words(cpu), models.names(models.read(cpu).bits)) for _, cpu in _cpus(folder)]
    found: dict[int, HostRow] = {}
    while len(found) < count:
        told, listed, names = random.choice(bases)
        given = dict(listed)
        for name in random.sample(names, min(random.randrange(_MOST_DROPS + 1), len(names))):
            for word, mask in models.cpu_map.features[name].masks:
                if word in given:
                    given[word] &= ~mask
        configuration = Configuration({EvidenceLayer.CPUID: told, EvidenceLayer.KVM: given})
        row = HostRow(f"h{len(found):06}", "2026-01-02T03:04:05Z", configuration)
        found.setdefault(configuration.fingerprint, row)
    return list(found.values())


def make(reader: OfferReader, offers: list[Offer]) -> Matrix:
    """Make a matrix of offers, each of one host."""
    return matrix_of("2026-01-02", reader, ((number, 1, offer) for number, offer in enumerate(offers)))


def count_differences(reader: OfferReader, matrix: Matrix, pairs: int = _PAIRS, seed: int = 0) -> int:
    """Judge some pairs by `compare`, and count those for which the matrix says another thing."""
    comparer, random = Comparer(reader), Random(seed)  # noqa: S311 - a sample that can be drawn again
    differences = 0
    per_row = 20
    for _ in range(pairs // per_row):
        place = random.randrange(len(matrix.kinds))
        answers = matrix.answers(place)
        for _ in range(per_row):
            other = random.randrange(len(matrix.kinds))
            way = comparer.host_way(matrix.offers[place], matrix.offers[other])
            differences += way.compatibility is not answers[other]
    return differences


def _measure(aims: Aims, folder: Path, count: int) -> None:
    reader = OfferReader((), shipped_map())
    matrix = make(reader, make_offers(reader, folder, count))
    before = _peak_mib()
    start = perf_counter()
    index = matrix.sending
    indexed = perf_counter() - start
    total = matrix.sum_up()
    summed = perf_counter() - start
    streamed = _peak_mib()
    start = perf_counter()
    every = index.whole()
    whole = perf_counter() - start
    peak = _peak_mib()
    size = every.nbytes
    del every
    limit = _and_seconds(size) * index.pieces
    differences = count_differences(reader, matrix)
    print(
        f"{count:>7} configurations: index {indexed:.3f} s, index and sums {summed:.2f} s; all pairs at once"
        f" {whole:.3f} s, {size / 2**20:.0f} MiB"
    )
    print(f"        limit {limit:.3f} s ({index.pieces} pieces), ratio {whole / limit:.2f}")
    print(f"        peak of memory: {before:.0f} MiB before, {streamed:.0f} with sums, {peak:.0f} with all pairs")
    print(f"        {sum(total.pairs.values())} pairs, {len(total.islands)} islands")
    aims.judge(
        f"{count}: pairs that differ from compare", f"{differences} of {_PAIRS}", "none", is_met=not differences
    )
    found, aim = f"{summed:.2f} s", f"<= {_MOST_SECONDS:g} s"
    aims.judge(f"{count}: index and sums", found, aim, is_met=summed <= _MOST_SECONDS)
    _judge_memory(aims, f"{count}: the peak of memory, all pairs at once", peak)


def _judge_memory(aims: Aims, what: str, peak_mib: float) -> None:
    aims.judge(what, f"{peak_mib:.0f} MiB", f"<= {_MOST_MIB:g} MiB", is_met=peak_mib <= _MOST_MIB)


def _measure_command(aims: Aims, folder: Path, count: int) -> None:
    """Time the command in a process of its own, with the start of Python."""
    with TemporaryDirectory() as made:
        with Store(Path(made, "store")).ingest("2026-01-02") as ingest:
            for host in make_hosts(OfferReader((), shipped_map()).models, folder, count):
                ingest.add(host)
            distinct = ingest.commit().distinct
        command = [sys.executable, "-m", "vcpuid", "fleet", "matrix", "--store", str(Path(made, "store"))]
        start = perf_counter()
        asked = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(asked.pid, 0)
        took = perf_counter() - start
        asked.returncode = os.waitstatus_to_exitcode(status)
    cpu = used.ru_utime + used.ru_stime
    if asked.returncode != 0 or distinct != count:
        raise SystemExit(f"{distinct} configurations of {count}, and status {asked.returncode}")
    print(f"{count:>7} configurations of a store: {took:.1f} s from end to end, {cpu:.1f} s of CPU")
    _judge_memory(aims, f"{count}: the command's peak of memory", used.ru_maxrss / 1024)


def _and_seconds(size: int) -> float:
    """Give the time to AND two arrays of so many bytes, in memory that was touched before."""
    block = np.ones(min(size, 1 << 26) // 8, np.uint64)
    other = block.copy()
    best = min(_timed(block, other) for _ in range(5))
    return best * size / block.nbytes


def _timed(one: np.typing.NDArray[np.uint64], other: np.typing.NDArray[np.uint64]) -> float:
    start = perf_counter()
    np.bitwise_and(one, other, out=one)
    return perf_counter() - start


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Measure; the status is 1 where an answer differs from `compare`'s or an aim is missed."""
    parser = argparse.ArgumentParser(description="Time the matrix of a fleet.")
    parser.add_argument("sizes", nargs="*", type=int, default=_SIZES, metavar="CONFIGURATIONS")
    parser.add_argument("--one", action="store_true", help="measure in this process")
    parser.add_argument("--command", action="store_true", help="time the command on a store")
    arguments = parser.parse_args()
    folder = os.environ.get("VCPUID_DUMPS")
    if not folder:
        parser.exit(CANNOT_RUN, "needs VCPUID_DUMPS, a folder of dumps\n")
    if arguments.one or arguments.command:
        aims = Aims()
        for size in arguments.sizes:
            (_measure if arguments.one else _measure_command)(aims, Path(folder), size)
        return aims.status
    command = [sys.executable, "-m", "benchmarks.fleet_matrix", "--one"]
    return max(subprocess.run([*command, str(size)], check=False).returncode for size in arguments.sizes)


if __name__ == "__main__":
    sys.exit(main())
