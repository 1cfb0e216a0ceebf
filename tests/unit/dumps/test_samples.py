"""A sample of every format gives the registers that stand in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vcpuid.dumps import FORMATS, parse_dump, read_dump
from vcpuid.dumps.formats import ParsedDump
from vcpuid.terms.dump import MissingRow

SAMPLES = Path(__file__).parents[2] / "dumps" / "samples"
INTEL = (0x756E6547, 0x6C65746E, 0x49656E69)

# Sample to its CPUs: number, rows, MSRs.
CPUS = {
    "aida64": [(0, 5, {0x1B: 0xFEE00900, 0xE7: 0x3F33F9B49D}), (1, 3, {})],
    "corefreq": [(0, 5, {}), (1, 1, {})],
    "cpuid": [(0, 4, {}), (1, 1, {})],
    "cpuz": [(0, 9, {0x1B: 0xFEE00800, 0xCE: 0x00080838_F3012800}), (1, 2, {})],
    "ddcpuid": [(0, 6, {})],
    "firecracker": [(0, 2, {0x10A: 0x48})],
    "kcpuid": [(0, 12, {})],
    "libcpuid": [(0, 18, {}), (1, 6, {})],
    "libvirt": [(0, 3, {0x10A: 0x1_000D08C8})],
    "old-cpuid": [(0, 4, {})],
    "openhardwaremonitor": [(0, 6, {}), (1, 2, {})],
    "x86info": [(0, 11, {})],
    "xen": [(0, 6, {0xCE: 0x80000000, 0x10A: 0x1488FD6B}), (1, 3, {0xCE: 0x80000000, 0x10A: 0x40000000_1488FD6B})],
    "xl": [(0, 3, {})],
}

# One row of each: (sample, place of the CPU, leaf, subleaf, registers).
ROWS = [
    ("aida64", 0, 0xB, 1, (5, 4, 0x201, 0)),
    ("aida64", 0, 0x80000004, 0, (0x30312E31, 0x007A4847, 0, 0)),
    ("corefreq", 0, 7, 0, (1, 0xF1BF97A9, 0x405FDE, 0x10000010)),
    ("cpuid", 0, 0x14, 1, (0x02490002, 0x003FFFFF, 0, 0)),
    ("cpuz", 0, 4, 1, (0x1C004122, 0x01C0003F, 0x3F, 0)),
    ("cpuz", 0, 0xD, 2, (0x100, 0x240, 0, 0)),
    ("cpuz", 1, 1, 0, (0x306C3, 0x01100800, 0x7FFAFBBF, 0xBFEBFBFF)),
    ("ddcpuid", 0, 0xD, 1, (1, 0, 0, 0)),
    ("firecracker", 0, 0xD, 9, (8, 0x980, 0, 0)),
    ("kcpuid", 0, 0xD, 2, (0x100, 0x240, 0, 0)),
    ("kcpuid", 0, 0x8000001D, 1, (0x4122, 0x40003F, 0x1FF, 0)),
    ("libcpuid", 0, 0x80000000, 0, (0x80000008, 0, 0, 0)),
    ("libcpuid", 0, 4, 1, (0x04000122, 0x03C0003F, 0x3F, 0)),
    ("libcpuid", 0, 0x8000001D, 0, (0, 0x00070001, 0, 0)),
    ("libcpuid", 1, 0xB, 1, (5, 2, 0x201, 1)),
    ("libvirt", 0, 7, 0, (0, 0x029C6FBF, 0x40000000, 0xBC000600)),
    ("libvirt", 0, 0xD, 1, (0xF, 0, 0, 0)),
    ("old-cpuid", 0, 4, 1, (0x3C000122, 0x01C0003F, 0x3F, 1)),
    ("openhardwaremonitor", 1, 1, 0, (0x306C3, 0x01100800, 0x7FFAFBBF, 0xBFEBFBFF)),
    ("x86info", 0, 0, 0, (0x24, *INTEL)),
    ("x86info", 0, 0x80000000, 0, (0x80000008, 0, 0, 0)),
    ("xen", 0, 0, 0, (0x20, *INTEL)),
    ("xen", 0, 0xD, 11, (0x10, 0, 1, 0)),
    ("xen", 1, 7, 0, (2, 0x239C27EB, 0x984027AC, 0xFC1CC410)),
    ("xl", 0, 1, 0, (0, 0, 0x20, 0)),
    ("xl", 0, 7, 0, (0, 4, 0, 0)),
    ("xl", 0, 0x80000001, 0, (0, 0, 0, 0x800)),
]
ZERO = {"kcpuid", "xen"}


def read_sample(name: str) -> ParsedDump:
    return parse_dump((SAMPLES / f"{name}.txt").read_bytes(), f"{name}.txt")


def format_of(name: str) -> str:
    return name.removeprefix("old-")


def test_there_is_a_sample_of_every_text_format_but_our_own() -> None:
    assert {path.stem for path in SAMPLES.iterdir()} == set(CPUS)
    assert {format_of(name) for name in CPUS} == FORMATS.keys() - {"snapshot", "json", "device"}


def test_every_sample_says_where_it_is_from() -> None:
    for path in SAMPLES.iterdir():
        assert "ORIGIN: " in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CPUS)
def test_a_sample_is_recognised_as_its_format_and_no_other(name: str) -> None:
    text = (SAMPLES / f"{name}.txt").read_text(encoding="utf-8")
    assert [entry.name for entry in FORMATS.values() if entry.reader().why_not(text) is None] == [format_of(name)]


@pytest.mark.parametrize("name", CPUS)
def test_a_sample_has_its_cpus_rows_and_msrs(name: str) -> None:
    parsed = read_sample(name)
    assert parsed.format.name == format_of(name)
    assert [(cpu.number, len(cpu.rows), dict(cpu.msrs)) for cpu in parsed.dump.cpus] == CPUS[name]
    assert {cpu.missing for cpu in parsed.dump.cpus} == {MissingRow.ZERO if name in ZERO else MissingRow.UNKNOWN}


@pytest.mark.parametrize(("name", "place", "leaf", "subleaf", "registers"), ROWS)
def test_a_row_has_its_registers(
    name: str, place: int, leaf: int, subleaf: int, registers: tuple[int, int, int, int]
) -> None:
    assert read_sample(name).dump.cpus[place].rows[leaf, subleaf] == registers


def test_read_dump_reads_a_file() -> None:
    path = SAMPLES / "cpuid.txt"
    dump = read_dump(path)
    assert dump.origin == str(path)
    assert dump == read_dump(str(path), format_name="cpuid")


def test_leaf_0_again_begins_the_next_cpu_of_x86info() -> None:
    text = (SAMPLES / "x86info.txt").read_text(encoding="utf-8")
    cpus = parse_dump(f"{text}\n{text}".encode(), "x86info").dump.cpus
    assert [(cpu.number, len(cpu.rows)) for cpu in cpus] == [(0, 11), (1, 11)]


def test_xen_policies_are_named() -> None:
    assert read_sample("xen").notes == ("CPU 0 is the Raw policy, CPU 1 is the Host policy.",)


def test_bits_of_the_host_are_told() -> None:
    (note,) = read_sample("xl").notes
    assert note == f"{4 * 32 - 4} bits are taken from the host; they are shown as 0."
