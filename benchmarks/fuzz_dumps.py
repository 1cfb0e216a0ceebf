"""Fuzzes the dump readers: mutations of real dumps in every format must give a dump or our own error.

It also bounds the time and the memory of each input, decodes whatever was read, and checks that it is the same
after it was written and read again. A failing input is written to a file.

    python -m benchmarks.fuzz_dumps [--seconds 60] [--seed N] [FOLDER OF DUMPS...]
"""

from __future__ import annotations

import argparse
import gzip
import lzma
import random
import resource
import sys
import time
from collections import Counter
from pathlib import Path

from benchmarks.aims import Aims

from vcpuid.answers.decode import decode_dump
from vcpuid.dumps import FORMATS, parse_dump, write_dump
from vcpuid.errors import InputError, VcpuidError
from vcpuid.terms.dump import Dump

SAMPLES = Path(__file__).parents[1] / "tests" / "dumps"
WRITTEN = [name for name, entry in FORMATS.items() if entry.is_written]
ROUNDS_OF_MUTATION = 6
LONGEST_BYTES = 1_000_000
SLOWEST_S = 10.0
MOST_MEMORY_MIB = 1024
_DEVICE_RECORD = bytes.fromhex("01000000") + b"GenuntelineI" + bytes(16)
_PIECES = (
    b"\0",
    b"\n" * 1000,
    b" " * 1000,
    b"\xff" * 16,
    b"0x" + b"f" * 5000,
    b"9" * 5000,
    b"[" * 3000,
    b"<cpudata>",
    b"CPU 4294967296:\n",
    b"CPUID 00000000: ffffffff-ffffffff-ffffffff-ffffffff\n",
    b"-1",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
)


def seeds(*folders: Path) -> list[bytes]:
    """Give the samples of every format, and the dumps of the folders in every format that is written."""
    samples = [path.read_bytes() for path in sorted((SAMPLES / "samples").iterdir())]
    material = [*samples, _DEVICE_RECORD, *(text.decode("latin-1").encode("utf-16") for text in samples)]
    material += [gzip.compress(samples[0], mtime=0), lzma.compress(samples[0])]
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path.is_file():
                raw = path.read_bytes()
                material.append(raw)
                dump = parse_dump(raw, path.name).dump
                material += [write_dump(dump, name).encode() for name in WRITTEN]
    return material


def mutate(choose: random.Random, material: list[bytes]) -> bytes:
    """Give one of the dumps with a few things wrong."""
    raw = bytearray(choose.choice(material))
    for _ in range(choose.randint(1, ROUNDS_OF_MUTATION)):
        begin = choose.randint(0, len(raw))
        end = min(len(raw), begin + choose.choice((1, 8, 80, 800)))
        match choose.randrange(8):
            case 0:
                del raw[begin:end]
            case 1:
                raw[begin:end] = raw[begin:end] * choose.choice((2, 3, 100))
            case 2:
                raw[begin:begin] = choose.choice(_PIECES)
            case 3:
                raw[begin:end] = choose.randbytes(end - begin)
            case 4:
                other = choose.choice(material)
                place = choose.randint(0, len(other))
                raw[begin:begin] = other[place : place + 500]
            case 5:
                del raw[end:]
            case 6:
                for place in range(begin, min(begin + 1, len(raw))):
                    raw[place] ^= 1 << choose.randrange(8)
            case _:
                raw = bytearray(bytes(raw).replace(*choose.choice(((b"0", b"f"), (b"0", b""), (b"\n", b" ")))))
        del raw[LONGEST_BYTES:]
    return bytes(raw)


def check_one(raw: bytes, choose: random.Random) -> str:
    """Read one input as a person would, and give what came of it."""
    name = choose.choice(list(FORMATS)) if choose.random() < 0.1 else None  # noqa: PLR2004 - mostly as people do
    try:
        parsed = parse_dump(raw, "fuzzed", format_name=name, lenient=choose.random() < 0.5)  # noqa: PLR2004 - a coin
    except VcpuidError as error:
        str(error)
        return "refused"
    decode_dump(parsed.dump)
    _check_round_trip(parsed.dump, choose.choice(WRITTEN))
    return parsed.format.name


def _check_round_trip(dump: Dump, name: str) -> None:
    try:
        text = write_dump(dump, name)
    except InputError:
        return
    if parse_dump(text.encode(), dump.origin, format_name=name).dump != FORMATS[name].writer().keep(dump):
        raise AssertionError(f"what was written as {name} is read as something else")


def main() -> int:
    """Fuzz for the given time; the status is 1 after a failure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, default=[SAMPLES], help="folders of dumps to begin with")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    choose = random.Random(seed)  # noqa: S311 - it shall repeat
    material = seeds(*options.folders)
    outcomes: Counter[str] = Counter()
    slowest_s = 0.0
    end = time.monotonic() + options.seconds
    while time.monotonic() < end:
        raw = mutate(choose, material)
        begin = time.perf_counter()
        try:
            outcomes[check_one(raw, choose)] += 1
        except BaseException:
            path = Path(f"fuzzed-{seed}.bin")
            path.write_bytes(raw)
            print(f"failed with seed {seed}: the input is in {path}", file=sys.stderr)
            raise
        slowest_s = max(slowest_s, time.perf_counter() - begin)
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"seed {seed}: {outcomes.total()} inputs of {len(material)} dumps in {options.seconds:g} s")
    for name, count in outcomes.most_common():
        print(f"{count:>8}  {name}")
    aims = Aims()
    aims.judge("the slowest input", f"{slowest_s:.2f} s", f"<= {SLOWEST_S:g} s", is_met=slowest_s <= SLOWEST_S)
    is_met = memory_mib <= MOST_MEMORY_MIB
    aims.judge("the peak of memory", f"{memory_mib} MiB", f"<= {MOST_MEMORY_MIB} MiB", is_met=is_met)
    return aims.status


if __name__ == "__main__":
    sys.exit(main())
