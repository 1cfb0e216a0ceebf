"""The programs whose dumps we read and write: what they print, and what they read of ours."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from programs import needs
from vcpuid.dumps import parse_dump, read_dump, write_dump
from vcpuid.dumps.formats import ParsedDump
from vcpuid.terms.dump import Dump

DUMPS = sorted((Path(__file__).parents[1] / "dumps").glob("*.json"))
CPUID_ROW = re.compile(r"^   0x[0-9a-f]{8} 0x[0-9a-f]+: eax=", re.MULTILINE)
X86INFO_ROW = re.compile(r"^eax in: ", re.MULTILINE)
LIBCPUID_ROW = re.compile(r"^[a-z0-9_]+\[\d+\]=", re.MULTILINE)
SUBLEAF_ARRAYS = re.compile(r"^basic_cpuid\[(?:4|11|18|20)\]=|^ext_cpuid\[29\]=", re.MULTILINE)
# Fields that differ between two runs on one machine: they tell on which CPU the program ran.
MOVING = {1, 0xB, 0x1F, 0x80000026, 0x8000001E}

needs_cpuid = needs("cpuid", package="cpuid")
needs_x86info = needs("x86info", package="x86info")
needs_cpuid_tool = needs("cpuid_tool", package="cpuidtool")


def output_of(*command: str, text: str | None = None) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout


def read(text: str, name: str) -> ParsedDump:
    parsed = parse_dump(text.encode(), name)
    assert parsed.format.name == name
    return parsed


def count_rows(dump: Dump) -> int:
    return sum(len(cpu.rows) for cpu in dump.cpus)


@needs_cpuid
@pytest.mark.parametrize("options", [["-r"], ["-1", "-r"]], ids=" ".join)
def test_what_cpuid_prints_is_read_whole(options: list[str]) -> None:
    text = output_of("cpuid", *options)
    dump = read(text, "cpuid").dump
    assert count_rows(dump) == len(CPUID_ROW.findall(text))
    assert len(dump.cpus) == text.count("CPU")


@needs_cpuid
@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.stem)
def test_cpuid_reads_what_we_write_and_prints_it_again(path: Path, tmp_path: Path) -> None:
    ours = write_dump(read_dump(path), "cpuid")
    file = tmp_path / "dump.txt"
    file.write_text(ours, encoding="utf-8")
    assert output_of("cpuid", "-r", "-f", str(file)).split() == ours.split()


@needs_cpuid
@needs_x86info
def test_what_x86info_prints_is_read_whole_and_agrees_with_cpuid() -> None:
    text = output_of("x86info", "-r")
    dump = read(text, "x86info").dump
    assert count_rows(dump) == len(X86INFO_ROW.findall(text))
    assert_agree(dump, read(output_of("cpuid", "-r"), "cpuid").dump)


@needs_cpuid
@needs_cpuid_tool
def test_what_libcpuid_saves_is_read_whole_and_agrees_with_cpuid() -> None:
    text = output_of("cpuid_tool", "--save=-", "--quiet")
    dump = read(text, "libcpuid").dump
    assert count_rows(dump) == len(LIBCPUID_ROW.findall(text)) - len(SUBLEAF_ARRAYS.findall(text))
    assert_agree(dump, read(output_of("cpuid", "-r"), "cpuid").dump)


def assert_agree(some: Dump, others: Dump) -> None:
    """All rows that both have are equal, but for those that move."""
    compared = 0
    first, other = some.cpus[0].rows, others.cpus[0].rows
    for key in first.keys() & other.keys():
        if key[0] not in MOVING and key[0] <= first[key[0] & 0xF0000000, 0][0]:
            assert first[key] == other[key], f"leaf {key[0]:#x} subleaf {key[1]:#x}"
            compared += 1
    assert compared > 10


# libcpuid refuses CPUs of other vendors.
LIBCPUID_VENDORS = ("amd", "intel", "hygon")


@needs_cpuid_tool
@pytest.mark.parametrize(
    "path", [path for path in DUMPS if path.stem.startswith(LIBCPUID_VENDORS)], ids=lambda path: path.stem
)
def test_libcpuid_reads_what_we_write(path: Path) -> None:
    dump = read_dump(path)
    told = output_of(
        "cpuid_tool", "--load=-", "--quiet", "--vendorstr", "--stepping", text=write_dump(dump, "libcpuid")
    )
    _, *registers = dump.cpus[0].rows[0, 0]
    vendor = b"".join(register.to_bytes(4, "little") for register in (registers[0], registers[2], registers[1]))
    stepping = dump.cpus[0].rows[1, 0][0] & 0xF
    assert told.splitlines()[-2:] == [vendor.decode(), str(stepping)]
