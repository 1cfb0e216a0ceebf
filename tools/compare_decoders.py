"""Holds our decode against other programs, on dumps of real CPUs.

    python -m tools.compare_decoders FOLDER...
    python -m tools.compare_decoders --cpuid chroot DIR cpuid -- FOLDER...      another cpuid

cpuid reads every CPU of a dump: family, model, stepping, brand, the sizes of caches, and threads by leaf 0xB.
libcpuid's cpuid_tool reads the first CPU, of three vendors only: identity, caches, and each feature that it names
for a CPU of the vendor. x86info reads no dump. A difference counts unless a row of
tests/peers/decoder_differences.csv explains it.
"""

import argparse
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools.table_file import read_rows
from tools.tally import Explanations, Tally

from vcpuid.atlas import Atlas
from vcpuid.decode.caches import decode_caches
from vcpuid.decode.features import decode_features
from vcpuid.decode.identity import decode_brand, decode_letters, signature_of, vendor_of
from vcpuid.decode.topology import decode_topology
from vcpuid.dumps import read_dump, write_dump
from vcpuid.errors import VcpuidError
from vcpuid.terms.address import parse_bit
from vcpuid.terms.dump import Cpu, Dump
from vcpuid.terms.feature import Dialect

PEERS = Path(__file__).resolve().parent.parent / "tests/peers"
DIFFERENCES = PEERS / "decoder_differences.csv"
NAMES = PEERS / "libcpuid_names.csv"
CPUID = ("cpuid",)
CPUID_TOOL = "cpuid_tool"
VENDORS = frozenset(("amd", "hygon", "intel"))
"""Whose CPUs libcpuid knows; of others it ends with a signal."""
_CACHES = {
    "L1 D": (1, "data"),
    "L1 I": (1, "instruction"),
    "L2": (2, "unified"),
    "L3": (3, "unified"),
    "L4": (4, "unified"),
}
_DETERMINISTIC = (4, 0x8000001D)
_EXTENDED_TOPOLOGY = 0xB
_PATIENCE_S = 120


# cpuid -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opinion:
    """What cpuid prints of one CPU."""

    text: str

    def number(self, label: str) -> int | None:
        """Give a number that cpuid prints in both bases."""
        match = re.search(rf"^ +{re.escape(label)} *= 0x[0-9a-f]+ \((\d+)\)", self.text, re.MULTILINE)
        return int(match[1]) if match else None

    def sizes(self) -> list[int]:
        """Give the sizes of caches, in bytes."""
        found = re.findall(r"^ +\((?:size synth|synth size)\) *= (\d+)", self.text, re.MULTILINE)
        return [int(size) for size in found]

    def brand(self) -> str | None:
        """Give the brand string, its blanks made one."""
        match = re.search(r'^ +brand = "(.*)"', self.text, re.MULTILINE)
        return " ".join(match[1].split()) or None if match else None

    def shape(self) -> tuple[int, int] | None:
        """Give threads of a core and of a package."""
        match = re.search(r"\(multi-processing synth\) = (.*)", self.text)
        if match is None or "?" in match[1]:
            return None
        cores, threads = (re.search(rf"\b{letter}=(\d+)", match[1]) for letter in "ct")
        of_core = int(threads[1]) if threads else 1
        return of_core, (int(cores[1]) if cores else 1) * of_core


def ask_cpuid(text: str, program: Sequence[str] = CPUID) -> list[Opinion]:
    """Give what cpuid makes of each CPU of a dump in its own form."""
    done = subprocess.run(  # noqa: S603 -- a decoder, and what a developer puts before it
        [*program, "-f", "/dev/stdin"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        timeout=_PATIENCE_S,
    )
    return [Opinion(part) for part in re.split(r"^CPU \d+:\n", done.stdout, flags=re.MULTILINE)[1:]]


def compare_with_cpuid(dump: Dump, program: Sequence[str] = CPUID) -> Iterator[str]:
    """Walk the differences between cpuid and our decode of each CPU."""
    opinions = ask_cpuid(write_dump(dump, "cpuid"), program)
    if len(opinions) != len(dump.cpus):
        yield f"CPUs: ours {len(dump.cpus)}, theirs {len(opinions)}"
        return
    for one, opinion in zip(dump.cpus, opinions, strict=True):
        for what, ours, theirs in facts_beside(one, opinion):
            if ours != theirs:
                yield f"CPU {one.number}: {what}: ours {ours}, theirs {theirs}"


def facts_beside(one: Cpu, opinion: Opinion) -> Iterator[tuple[str, object, object]]:
    """Walk what can be compared of a CPU: what it is, ours, and cpuid's."""
    signature = signature_of(one)
    if signature is not None:
        yield "family", signature.family, opinion.number("(family synth)")
        yield "model", signature.model, opinion.number("(model synth)")
        yield "stepping", signature.stepping, opinion.number("stepping id")
    yield "brand", decode_brand(one), opinion.brand()
    caches = decode_caches(one)
    if caches and caches[0].leaf in _DETERMINISTIC:
        # Older leaves complete a list that the dump cuts short: cpuid does not.
        ours = [cache.size_bytes for cache in caches if cache.leaf == caches[0].leaf]
        yield "caches", ours, opinion.sizes()
    shape, topology = opinion.shape(), decode_topology(one)
    # cpuid takes AMD's threads for cores, and counts the threads of leaf 1FH's modules a second time.
    if shape is not None and topology.leaf == _EXTENDED_TOPOLOGY and vendor_of(one) == "intel":
        threads = {domain.name: domain.threads for domain in topology.domains}
        yield "threads of a core and of a package", (threads["core"], threads["package"]), shape


# libcpuid ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Report:
    """What libcpuid's tool prints of a dump's first CPU: labels and values."""

    values: Mapping[str, str]

    def number(self, label: str) -> int | None:
        """Give a number; None where the tool has none, which it writes as -1 or 0."""
        found = re.match(r"\d+", self.values[label])
        return int(found[0]) or None if found else None

    def text(self, label: str) -> str:
        """Give a text without its quotes, its blanks made one."""
        return " ".join(self.values[label].strip("`'").split())

    @property
    def flags(self) -> frozenset[str]:
        """The features, by libcpuid's names."""
        return frozenset(self.values["features"].split())


def ask_libcpuid(dump: Dump) -> Report | None:
    """Give what libcpuid makes of a dump; None of a vendor that it does not know."""
    if vendor_of(dump.cpus[0]) not in VENDORS:
        return None
    done = subprocess.run(  # noqa: S603 -- a decoder, and what a developer puts before it
        [CPUID_TOOL, "--load=-", "--report", "--quiet"],
        input=write_dump(dump, "libcpuid"),
        capture_output=True,
        text=True,
        check=True,
        timeout=_PATIENCE_S,
    )
    # Of a hybrid CPU it tells several kinds; the dump's first CPU is of the first.
    first = done.stdout.partition("CPU Info for type #1")[0]
    parted = (line.partition(":") for line in first.splitlines())
    return Report({label.strip(): value.strip() for label, _, value in parted})


def compare_with_libcpuid(one: Cpu, report: Report, names: frozenset[str]) -> Iterator[str]:
    """Walk the differences between libcpuid and our decode of a CPU.

    Args:
        one: The CPU.
        report: What libcpuid makes of it.
        names: The features that libcpuid names for some CPU of this vendor.
    """
    signature = signature_of(one)
    if signature is not None:
        theirs = [int(report.text(label).split()[0]) for label in ("ext_family", "ext_model", "stepping")]
        if [*signature] != theirs:
            yield f"signature: ours {[*signature]}, theirs {theirs}"
    if decode_letters(one) != report.text("vendor_str"):
        yield f"vendor: ours {decode_letters(one)}, theirs {report.text('vendor_str')}"
    if (decode_brand(one) or "") != report.text("brand_str"):
        yield f"brand: ours {decode_brand(one)}, theirs {report.text('brand_str')}"
    yield from _caches_beside(one, report)
    has = _FeatureReader(one)
    for name in sorted(names):
        if has(name) != (name in report.flags):
            yield f"{name}: ours {has(name)}, theirs {name in report.flags}"


def _caches_beside(one: Cpu, report: Report) -> Iterator[str]:
    found = {(cache.level, cache.kind): cache for cache in decode_caches(one)}
    for label, key in _CACHES.items():
        short, cache_ = label.replace(" ", ""), found.get(key)
        numbers = tuple(report.number(text) for text in (f"{label} cache", f"{short} assoc.", f"{short} line sz"))
        ours = (cache_.size_bytes >> 10, cache_.ways, cache_.line_bytes) if cache_ else None
        theirs = numbers if numbers[0] else None
        if ours != theirs:
            leaf = f" by leaf {cache_.leaf:x}" if cache_ else ""
            yield f"caches: {label}: ours {ours}{leaf}, theirs {theirs}"


@cache
def _bits() -> Mapping[str, str]:
    return {row["name"]: row["bit"] for row in read_rows(NAMES)}


class _FeatureReader:
    """Tells whether a CPU has what libcpuid calls by a name."""

    def __init__(self, one: Cpu) -> None:
        self._cpu = one
        self._features = frozenset(decode_features(one))

    def __call__(self, name: str) -> bool:
        if name in _bits():
            return bool(self._cpu.has(parse_bit(_bits()[name])))
        feature = Atlas.load().named(Dialect.LINUX, name)
        return feature is not None and feature.name in self._features


# All ---------------------------------------------------------------------------------------------


def run(folders: Sequence[Path], program: Sequence[str] = CPUID) -> Tally:
    """Compare all dumps of the folders."""
    paths = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    dumps = {path.name: read_dump(path) for path in paths}
    tally = Tally(Explanations.load(DIFFERENCES))
    reports = {}
    for name, dump in dumps.items():
        tally.counts["CPUs beside cpuid"] += len(dump.cpus)
        tally.add("dumps beside cpuid", f"cpuid {name}", compare_with_cpuid(dump, program))
        if report := ask_libcpuid(dump):
            reports[name] = report
    vocabulary: defaultdict[str | None, set[str]] = defaultdict(set)
    for name, report in reports.items():
        vocabulary[vendor_of(dumps[name].cpus[0])] |= report.flags
    for name, report in reports.items():
        one = dumps[name].cpus[0]
        names = frozenset(vocabulary[vendor_of(one)])
        tally.counts["features beside libcpuid"] += len(names)
        tally.add("dumps beside libcpuid", f"libcpuid {name}", compare_with_libcpuid(one, report, names))
    return tally


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpuid", nargs="+", default=CPUID, metavar="WORD", help="what starts cpuid")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="folders of dumps")
    options = parser.parse_args()
    try:
        return run(options.folders, options.cpuid).tell()
    except (OSError, VcpuidError, subprocess.SubprocessError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
