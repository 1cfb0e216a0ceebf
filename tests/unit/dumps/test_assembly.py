"""What all text formats share: CPUs, repetitions, limits, collected faults."""

from __future__ import annotations

import pytest

from vcpuid.dumps import assembly as module
from vcpuid.dumps import lines, parse_dump
from vcpuid.dumps.assembly import Assembly, Msr, Row
from vcpuid.dumps.formats import ParsedDump
from vcpuid.dumps.remarks import Remarks
from vcpuid.errors import InputError

ROW = "   0x{:08x} 0x{:02x}: eax=0x{:08x} ebx=0x00000000 ecx=0x00000000 edx=0x00000000"


def read(*lines: str, lenient: bool = False) -> ParsedDump:
    return parse_dump("\n".join(lines).encode(), "dump.txt", format_name="cpuid", lenient=lenient)


def test_a_row_that_says_the_same_again_is_no_fault() -> None:
    assert len(read("CPU 0:", ROW.format(7, 0, 1), ROW.format(7, 0, 1)).dump.cpus[0].rows) == 1


def test_a_row_that_says_something_else_is_one() -> None:
    lines = ("CPU 0:", ROW.format(7, 0, 1), ROW.format(7, 0, 2))
    with pytest.raises(InputError, match=r"^dump\.txt:3: leaf 0x7 subleaf 0x0 of CPU 0 a second time"):
        read(*lines)
    parsed = read(*lines, lenient=True)
    assert parsed.dump.cpus[0].rows[7, 0][0] == 1
    assert [fault.line for fault in parsed.faults] == [3]


def test_a_cpu_that_is_described_twice_counts_once() -> None:
    lines = ("CPU 0:", ROW.format(7, 0, 1), "CPU 1:", ROW.format(7, 0, 2), "CPU 0:", ROW.format(7, 0, 3))
    with pytest.raises(InputError, match=r"^dump\.txt:5: CPU 0 is described a second time"):
        read(*lines)
    assert [cpu.rows[7, 0][0] for cpu in read(*lines, lenient=True).dump.cpus] == [1, 2]


def test_several_single_outputs_in_one_file_are_several_cpus() -> None:
    single = ("CPU:", ROW.format(0, 0, 1), ROW.format(1, 0, 1))
    assert [cpu.number for cpu in read(*single, *single, *single).dump.cpus] == [0, 1, 2]


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        read("CPU 0:", ROW.format(0, 0, 1), "0x00000001 0x00: eax=", "0x00000002 0x0", "0x00000003")
    assert caught.value.line == 3
    assert caught.value.next_step == (
        "2 more faults, first on lines 4, 5. "
        "Mend it, or leave out what is damaged: `vcpuid convert FILE --to json --lenient`."
    )


def test_only_the_first_faults_are_kept_and_all_are_counted() -> None:
    parsed = read("CPU 0:", ROW.format(0, 0, 1), *(["0x00000001 damaged"] * 1000), lenient=True)
    assert (len(parsed.faults), parsed.fault_count) == (100, 1000)


def test_a_dump_whose_rows_are_all_damaged_tells_the_damage() -> None:
    with pytest.raises(InputError, match="a damaged line"):
        read("CPU 0:", "0x00000001 0x00: eax=")


def test_endless_subleaves_end() -> None:
    """A hypervisor that ignores ECX made a program print subleaves of 80000020H until it was stopped."""
    rows = [
        f"   0x80000020 0x{n:x}: eax=0x00000001 ebx=0x00000000 ecx=0x00000000 edx=0x00000000" for n in range(6000)
    ]
    with pytest.raises(InputError, match=r"CPU 0 has more than 4096 rows, here of leaf 0x80000020"):
        read("CPU 0:", *rows)
    parsed = read("CPU 0:", *rows, lenient=True)
    assert (len(parsed.dump.cpus[0].rows), parsed.fault_count) == (4096, 6000 - 4096)


def test_endless_unmarked_subleaves_end() -> None:
    rows = ["0x80000020: eax=0x00000001 ebx=0x00000000 ecx=0x00000000 edx=0x00000000"] * 6000
    parsed = read("CPU 0:", *rows, lenient=True)
    assert (len(parsed.dump.cpus[0].rows), parsed.fault_count) == (4096, 6000 - 4096)


def test_endless_cpus_end() -> None:
    lines = [line for number in range(5000) for line in (f"CPU {number}:", ROW.format(0, 0, 1))]
    with pytest.raises(InputError, match="too many CPUs"):
        read(*lines, lenient=True)


def test_endless_msrs_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MSR_LIMIT", 3)
    assembly = Assembly(Remarks("dump.txt"))
    for number in range(10):
        assembly.add_msr(Msr(number, number))
    assembly.add_row(Row(0, 0, (1, 0, 0, 0)))
    assert dict(assembly.build().cpus[0].msrs) == {0: 0, 1: 1, 2: 2}


@pytest.mark.parametrize("usual_characters", [0, 1 << 20], ids=["a large text", "a usual text"])
def test_a_line_is_looked_at_once_until_it_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, usual_characters: int
) -> None:
    monkeypatch.setattr(lines, "_REMEMBERED_LINES", 2)
    monkeypatch.setattr(lines, "_USUAL_CHARACTERS", usual_characters)
    seen = []

    def classify(line: str) -> Row:
        seen.append(line)
        return Row(int(line), None, (0, 0, 0, 0))

    lines.parse_lines("1\n2\n1\n2\n3\n1", classify, Remarks("dump.txt"))
    assert seen == ["1", "2", "3", "1"]


def test_endless_faults_end() -> None:
    with pytest.raises(InputError, match="more than 100000 faults"):
        read("CPU 0:", ROW.format(0, 0, 1), *(["0x00000001 damaged"] * 100_001), lenient=True)
