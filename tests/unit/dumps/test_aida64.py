"""AIDA64's form in all the ways that people and programs write it."""

from __future__ import annotations

import pytest

from vcpuid.dumps import parse_dump
from vcpuid.errors import InputError
from vcpuid.terms.dump import Dump

LEAF_0 = "CPUID 00000000: 0000000D-756E6547-6C65746E-49656E69"
LEAF_1 = "CPUID 00000001: 000306C3-00100800-7FFAFBBF-BFEBFBFF"
REGISTERS = (0x306C3, 0x100800, 0x7FFAFBBF, 0xBFEBFBFF)


def read(*lines: str, lenient: bool = False) -> Dump:
    text = "\n".join([LEAF_0, *lines])
    return parse_dump(text.encode(), "dump.txt", format_name="aida64", lenient=lenient).dump


@pytest.mark.parametrize(
    "line",
    [
        LEAF_1,
        f"{LEAF_1} ",
        f"{LEAF_1} [57.00x] [3.4 V]",
        f"{LEAF_1} [L2: 2048 KB] / L3: 0 KB]",
        f"{LEAF_1} [30GHz",
        f"{LEAF_1} [SL 00]",
        f"{LEAF_1} [SL 00] [x87]",
        f"  {LEAF_1}",
        f"> {LEAF_1}",
        f"\t{LEAF_1}\r",
        LEAF_1.lower().replace("cpuid", "CPUID"),
        LEAF_1.lower(),
        LEAF_1.replace("-", " "),
        LEAF_1.replace("-", "\t"),
        LEAF_1.replace(":", ""),
        LEAF_1.replace(":", " :"),
        LEAF_1.replace(": ", "  \t"),
    ],
)
def test_every_form_of_a_row(line: str) -> None:
    assert read(line).cpus[0].rows[1, 0] == REGISTERS


@pytest.mark.parametrize(
    "line",
    [
        LEAF_1[:-1],
        LEAF_1[:-9],
        LEAF_1[:20],
        f"{LEAF_1}0",
        f"{LEAF_1}-00000000",
        f"{LEAF_1} [SL 0G]",
        f"{LEAF_1} and more",
        LEAF_1.replace("-0", "-O"),
        LEAF_1.replace("00000001:", "0000001:"),
        LEAF_1.replace("00000001:", "0000000l:"),
        LEAF_1.replace("00000001:", "X:"),
        "MSR 0000001B: 0000-0000-FEE0",
        "MSR 0000001B: 0000-0000-FEE0-09O0",
        "MSR 0000001B: FAILED",
    ],
)
def test_a_damaged_line_is_told_with_its_number_and_left_out_if_wanted(line: str) -> None:
    with pytest.raises(InputError) as caught:
        read("", line)
    assert (caught.value.source, caught.value.line, caught.value.found) == ("dump.txt", 3, repr(line))
    assert "--lenient" in str(caught.value.next_step)
    assert dict(read(line, lenient=True).cpus[0].rows) == {(0, 0): (0xD, 0x756E6547, 0x6C65746E, 0x49656E69)}


@pytest.mark.parametrize(
    "line",
    [
        "CPUID Manufacturer : GenuineIntel",
        "CPUID Revision     : 00000501h",
        "CPU Type           : AMD K5 SSA/5, 100 MHz PR100",
        "CPU   0: APICID    0 / Package 0 / Core   0 / Thread 0: Valid",
        "allcpu: Package 0 / Core 0 / Thread 0: Valid",
        "MSR 0000010B: < FAILED >",
        "------[ All CPUs ]------",
        "",
    ],
)
def test_other_lines_of_the_report_say_nothing(line: str) -> None:
    assert read(line) == read()


@pytest.mark.parametrize(
    ("heads", "numbers"),
    [
        (
            [
                "------[ CPUID Registers / Logical CPU #0 ]------",
                "------[ CPUID Registers / Logical CPU #1 ]------",
            ],
            [0, 1],
        ),
        (["------[ Logical CPU #0 ]------", "------[ Logical CPU #3 ]------"], [0, 3]),
        (["CPUID Registers (CPU #1):", "CPUID Registers (CPU #2):"], [0, 1]),
        (["CPU#000 AffMask: 0x0000000000000001 ", "CPU#001 AffMask: 0x0000000000000002 "], [0, 1]),
        (["CPU 0:", "CPU 1:"], [0, 1]),
        (["", ""], [0, 1]),
    ],
)
def test_every_heading_of_a_cpu(heads: list[str], numbers: list[int]) -> None:
    text = "\n".join(line for head in heads for line in (head, LEAF_0, LEAF_1))
    cpus = parse_dump(text.encode(), "dump.txt").dump.cpus
    assert [cpu.number for cpu in cpus] == numbers
    assert [len(cpu.rows) for cpu in cpus] == [2, 2]


def test_a_repeated_leaf_without_a_mark_is_the_next_subleaf() -> None:
    rows = [f"CPUID 00000004: 0000000{n}-00000000-00000000-00000000" for n in (1, 2, 2, 0)]
    cpu = read(*rows, LEAF_0, LEAF_1).cpus[0]
    assert [cpu.rows[4, subleaf][0] for subleaf in range(4)] == [1, 2, 2, 0]


def test_a_marked_subleaf_is_hexadecimal() -> None:
    cpu = read("CPUID 0000000D: 00000010-00000000-00000001-00000000 [SL 0B]").cpus[0]
    assert cpu.rows[0xD, 11] == (0x10, 0, 1, 0)


def test_msrs_belong_to_the_cpu_that_their_heading_names() -> None:
    dump = read(
        LEAF_0,
        "------[ MSR Registers / Logical CPU #1 ]------",
        "MSR 0000003A: 0000-0000-0000-0005",
        "------[ MSR Registers / Logical CPU #7 ]------",
        "MSR 0000003A: 8000-0000-0000-0001 [S200]",
    )
    assert [(cpu.number, dict(cpu.msrs)) for cpu in dump.cpus] == [
        (0, {}),
        (1, {0x3A: 5}),
        (7, {0x3A: 0x8000000000000001}),
    ]


def test_msrs_without_a_cpu_are_the_first_ones() -> None:
    dump = read(LEAF_0, "------[ MSR Registers ]------", "MSR 0000003A: 0000-0000-0000-0005")
    assert [dict(cpu.msrs) for cpu in dump.cpus] == [{0x3A: 5}, {}]
