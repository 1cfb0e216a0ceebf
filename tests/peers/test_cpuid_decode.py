"""A second opinion: what the program cpuid and the kernel make of the same registers.

None of cpuid's own words are needed: a CPU is made for each feature, with that one bit set, and what changes in
the program's output shows what it takes the bit for.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from cpus import AUTHENTIC_AMD, GENUINE_INTEL, HYPERVISOR, KVM_LETTERS, Rows, cpu, row, write_cpuid_r
from programs import needs
from vcpuid.atlas import Atlas
from vcpuid.atlas.tables import load_table
from vcpuid.cli.dump import dump_here
from vcpuid.decode.caches import decode_caches
from vcpuid.decode.identity import decode_brand, signature_of, vendor_of
from vcpuid.decode.topology import decode_topology
from vcpuid.dumps import read_dump, write_dump
from vcpuid.terms.address import CpuidRegister, parse_bit
from vcpuid.terms.dump import Cpu, Dump
from vcpuid.terms.feature import Feature

pytestmark = needs("cpuid", package="cpuid")

HERE = Path(__file__).parent
DUMPS = sorted((HERE.parent / "dumps").glob("*.json"))
SHARED = sorted(Path(os.environ.get("VCPUID_DUMPS") or "/nonexistent").glob("*.txt"))
LETTERS = {"intel": GENUINE_INTEL, "amd": AUTHENTIC_AMD}
SIGNATURES = {"intel": 0x506E3, "amd": 0xA20F10}
BASE: Rows = {
    (7, 0): row(2),
    (0x40000000, 0): (0x40000001, *KVM_LETTERS),
    (0x80000000, 0): row(0x80000028),
}
WORD_LENGTH, STEM_LENGTH = 3, 5
COMMON_WORDS = {"the", "and", "for", "with", "instr", "suppo", "featu"}


@cache
def differences(kind: str) -> dict[str, str]:
    """Give what is known to differ, with the reason."""
    lines = (HERE / "cpuid_differences.csv").read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return {entry["name"]: entry["reason"] for entry in rows if entry["kind"] == kind}


def decoded_by_cpuid(path: Path) -> list[list[str]]:
    done = subprocess.run(["cpuid", "-f", str(path)], capture_output=True, text=True, check=True, timeout=120)
    return [part.splitlines() for part in re.split(r"^CPU \d+:\n", done.stdout, flags=re.MULTILINE)[1:]]


# Features --------------------------------------------------------------------------------------------


def features_of(vendor: str) -> list[Feature]:
    """Give the described features of one CPUID bit that this vendor's CPUs have."""
    return [
        feature
        for feature in Atlas.load().features()
        if feature.title
        and len(feature.bits) == 1
        and not feature.mirror
        and isinstance(feature.bits[0].word, CpuidRegister)
        and vendor in (feature.vendors or {vendor})
        and feature.name != "hypervisor"
    ]


@cache
def labels(vendor: str, folder: Path) -> dict[str, list[str]]:
    """Give, for each feature, the lines that turn true when its bit alone is set."""
    features = features_of(vendor)
    rows = {**BASE, (1, 0): row(SIGNATURES[vendor], 0, HYPERVISOR)}
    for feature in features:
        word = feature.bits[0].word
        assert isinstance(word, CpuidRegister)
        rows.setdefault((word.leaf, word.subleaf), row())
    cpus = [cpu(rows, letters=LETTERS[vendor])]
    for number, feature in enumerate(features, 1):
        (bits,) = feature.bits
        assert isinstance(bits.word, CpuidRegister)
        key = bits.word.leaf, bits.word.subleaf
        words = list(rows[key])
        words[bits.word.register.position] ^= bits.mask
        cpus.append(cpu({**rows, key: row(*words)}, letters=LETTERS[vendor], number=number))
    first, *others = decoded_by_cpuid(write_cpuid_r(folder / f"{vendor}.txt", *cpus))
    changed = ([line.partition("=") for line in lines if line not in first] for lines in others)
    return {
        feature.name: [label.strip() for label, _, value in lines if value.strip() == "true"]
        for feature, lines in zip(features, changed, strict=True)
    }


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cpuid")


def letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def stems(text: str) -> set[str]:
    words = re.findall(r"[a-z0-9]+", text.lower())
    return {word[:STEM_LENGTH] for word in words if len(word) >= WORD_LENGTH} - COMMON_WORDS


def agrees(feature: Feature, label: str) -> bool:
    """Tell whether a label has one of the feature's names in it, or a word of our description."""
    names = {feature.name, *(name.text for names in feature.names.values() for name in names)}
    if any(letters(name) in letters(label) for name in names):
        return True
    texts = (feature.title, feature.description, *(name.replace("_", " ") for name in names))
    return bool(stems(label) & {stem for text in texts for stem in stems(text)})


@pytest.mark.parametrize(
    ("vendor", "feature"),
    [pytest.param(v, feature, id=f"{v}-{feature.name}") for v in LETTERS for feature in features_of(v)],
)
def test_cpuid_takes_the_bit_for_the_same(vendor: str, feature: Feature, folder: Path) -> None:
    seen = labels(vendor, folder)[feature.name]
    if feature.name in differences("unknown"):
        assert not seen, "cpuid knows this bit now: take it off the list"
        return
    assert seen, f"cpuid has no flag at {feature.address}"
    agreed = any(agrees(feature, label) for label in seen)
    assert agreed is (feature.name not in differences("label")), seen


def test_the_list_of_differences_has_no_stale_rows() -> None:
    names = {feature.name for vendor in LETTERS for feature in features_of(vendor)}
    assert set(differences("unknown")) | set(differences("label")) <= names
    assert all((HERE / "cpuid_differences.csv").read_text(encoding="utf-8").splitlines())


# Numbers ---------------------------------------------------------------------------------------------


class Opinion:
    """What cpuid says of one CPU."""

    def __init__(self, lines: list[str]) -> None:
        self._text = "\n".join(lines)

    def number(self, label: str) -> int | None:
        match = re.search(rf"^ +{re.escape(label)} *= 0x[0-9a-f]+ \((\d+)\)", self._text, re.MULTILINE)
        return int(match[1]) if match else None

    def sizes(self) -> list[int]:
        return [
            int(size)
            for size in re.findall(r"^ +\((?:size synth|synth size)\) *= (\d+)", self._text, re.MULTILINE)
        ]

    def brand(self) -> str | None:
        match = re.search(r'^ +brand = "(.*)"', self._text, re.MULTILINE)
        return " ".join(match[1].split()) or None if match else None

    def shape(self) -> tuple[int, int] | None:
        """Give cores of a package and threads of a core."""
        match = re.search(r"\(multi-processing synth\) = (.*)", self._text)
        if match is None or "?" in match[1]:
            return None
        cores, threads = (re.search(rf"\b{letter}=(\d+)", match[1]) for letter in "ct")
        return int(cores[1]) if cores else 1, int(threads[1]) if threads else 1


def check_numbers(dump: Dump, path: Path) -> None:
    path.write_text(write_dump(dump, "cpuid"), encoding="utf-8")
    for one, lines in zip(dump.cpus, decoded_by_cpuid(path), strict=True):
        check_cpu(one, Opinion(lines))


def check_cpu(one: Cpu, opinion: Opinion) -> None:
    signature = signature_of(one)
    if signature is not None:
        assert signature.family == opinion.number("(family synth)")
        assert signature.model == opinion.number("(model synth)")
        assert signature.stepping == opinion.number("stepping id")
    assert decode_brand(one) == opinion.brand()
    caches = decode_caches(one)
    if caches and caches[0].leaf in (4, 0x8000001D):
        # Older leaves complete a list that the dump cuts short: cpuid does not.
        assert [cache.size_bytes for cache in caches if cache.leaf == caches[0].leaf] == opinion.sizes()
    shape, topology = opinion.shape(), decode_topology(one)
    # This cpuid takes AMD's threads for cores, and counts the threads of leaf 1FH's modules a second time.
    if shape is not None and topology.leaf == 0xB and vendor_of(one) == "intel":
        threads = {domain.name: domain.threads for domain in topology.domains}
        assert (threads["core"], threads["package"]) == (shape[1], shape[0] * shape[1])


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.stem)
def test_numbers(path: Path, tmp_path: Path) -> None:
    check_numbers(read_dump(path), tmp_path / "dump.txt")


@pytest.mark.shared_dumps
@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.stem)
def test_numbers_of_shared_dumps(path: Path, tmp_path: Path) -> None:
    check_numbers(read_dump(path), tmp_path / "dump.txt")


# The kernel ------------------------------------------------------------------------------------------


def test_each_flag_of_the_kernel_implies_its_bit() -> None:
    flags = re.search(r"^flags\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    if flags is None:
        pytest.skip("/proc/cpuinfo has no flags (package: none, the kernel is of another architecture)")
    table = {entry["name"]: entry for entry in load_table("linux") if entry["line"] == "flags"}
    first = dump_here().cpus[0]
    wrong = []
    for name in flags[1].split():
        entry = table.get(name)
        if entry is None or entry["synthetic"]:
            continue
        choices = entry["any_of"].split("|") if entry["any_of"] else [entry["bits"]]
        has = [all(first.has(parse_bit(bit)) for bit in choice.split("+")) for choice in choices if choice]
        if has and not any(has) and "msr" not in "".join(choices):
            wrong.append(name)
    assert wrong == []
