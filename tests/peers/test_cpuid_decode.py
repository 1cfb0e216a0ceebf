"""A second opinion: what the program cpuid and the kernel make of the same registers.

None of cpuid's own words are needed: a CPU is made for each feature, with that one bit set, and what changes in
the program's output shows what it takes the bit for.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from tools.compare_decoders import ask_cpuid, facts_beside, run

from cpus import AUTHENTIC_AMD, GENUINE_INTEL, HYPERVISOR, KVM_LETTERS, Rows, cpu, row, write_cpuid_r
from programs import needs
from vcpuid.atlas import Atlas
from vcpuid.atlas.tables import load_table
from vcpuid.cli.dump import dump_here
from vcpuid.dumps import read_dump, write_dump
from vcpuid.terms.address import CpuidRegister, parse_bit
from vcpuid.terms.feature import Feature

pytestmark = needs("cpuid", package="cpuid")

HERE = Path(__file__).parent
DUMPS = HERE.parent / "dumps"
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
def version_of_cpuid() -> str:
    """Give the day of its release, as in 20230120: later ones sort behind."""
    said = subprocess.run(["cpuid", "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    found = re.search(r"\d{8}", said)
    assert found, said
    return found[0]


@cache
def differences(kind: str) -> set[str]:
    """Give what is known to differ with the installed program."""
    lines = (HERE / "cpuid_differences.csv").read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return {
        entry["name"]
        for entry in rows
        if entry["kind"] == kind and not (entry["known_in"] and entry["known_in"] <= version_of_cpuid())
    }


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


# Dumps ------------------------------------------------------------------------------------------------


def assert_no_difference(folder: Path) -> None:
    tally = run([folder])
    assert tally.counts["dumps beside cpuid"] > 0
    assert tally.unexplained == []


@needs("cpuid_tool", package="cpuidtool")
def test_dumps_are_decoded_as_by_cpuid_and_libcpuid() -> None:
    assert_no_difference(DUMPS)


@needs("cpuid_tool", package="cpuidtool")
@pytest.mark.shared_dumps
def test_shared_dumps_are_decoded_as_by_cpuid_and_libcpuid() -> None:
    assert_no_difference(Path(os.environ["VCPUID_DUMPS"]))


@pytest.mark.parametrize(("what", "bit"), [("model", 1 << 16), ("stepping", 1)])
def test_another_signature_is_a_difference(what: str, bit: int) -> None:
    dump = read_dump(DUMPS / "intel-coffee-lake.json")
    opinion = ask_cpuid(write_dump(dump, "cpuid"))[0]
    one = dump.cpus[0]
    eax, ebx, ecx, edx = one.rows[1, 0]
    spoilt = replace(one, rows={**one.rows, (1, 0): (eax ^ bit, ebx, ecx, edx)})
    assert [name for name, ours, theirs in facts_beside(spoilt, opinion) if ours != theirs] == [what]


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
