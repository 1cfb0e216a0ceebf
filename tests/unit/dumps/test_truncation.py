"""A dump whose end is lost says so, also where no line is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from vcpuid.dumps import parse_dump, read_dump, write_dump
from vcpuid.dumps.truncation import tell_truncation
from vcpuid.terms.dump import Cpu, Dump, MissingRow

DUMPS = Path(__file__).parents[2] / "dumps"
LEAF_0 = (13, 0, 0, 0)


def cpu(number: int, *keys: tuple[int, int], missing: MissingRow = MissingRow.UNKNOWN) -> Cpu:
    return Cpu(number, dict.fromkeys(keys, LEAF_0), {}, missing)


def tell(*cpus: Cpu) -> str | None:
    return tell_truncation(Dump(cpus, "test"))


@pytest.mark.parametrize("name", ["aida64", "cpuid", "libcpuid"])
def test_a_dump_that_is_cut_anywhere_between_two_rows_says_so(name: str) -> None:
    dump = read_dump(DUMPS / "intel-alder-lake.json")
    lines = write_dump(dump, name).splitlines()
    places = [place for place, line in enumerate(lines) if "Logical CPU #" in line or line.startswith("CPU ")]
    last = places[-1]
    whole = parse_dump("\n".join(lines).encode(), "dump")
    assert whole.notes == ()
    first_row = next(place for place in range(last + 1, len(lines)) if lines[place].strip())
    cut = parse_dump("\n".join(lines[: first_row + 1]).encode(), "dump")
    (note,) = cut.notes
    assert note.endswith("has no leaf 1: was the end of the dump lost?")


def test_the_first_row_that_is_lost_is_told() -> None:
    assert tell(cpu(0, (0, 0), (1, 0), (4, 0), (4, 1)), cpu(1, (0, 0), (1, 0), (4, 0))) == (
        "The last CPU, 1, has no row from leaf 0x4 subleaf 0x1 on, as CPU 0 has: was the end of the dump lost?"
    )


def test_a_single_cpu_without_leaf_1_is_told() -> None:
    assert tell(cpu(3, (0, 0))) == "The last CPU, 3, has no leaf 1: was the end of the dump lost?"


@pytest.mark.parametrize(
    "cpus",
    [
        [cpu(0, (7, 0))],  # one row was asked for
        [cpu(0, (0, 0), (1, 0)), cpu(1, (0, 0), (1, 0))],
        [cpu(0, (0, 0), (1, 0), (2, 0), (4, 0)), cpu(1, (0, 0), (1, 0), (4, 0))],  # a hybrid machine
        [cpu(0, (0, 0), (1, 0)), cpu(1, (0, 0), (1, 0), (2, 0))],
        [
            cpu(0, (0, 0), (1, 0), (2, 0), missing=MissingRow.ZERO),
            cpu(1, (0, 0), (1, 0), missing=MissingRow.ZERO),
        ],
        [cpu(0, (0, 0), (1, 0)), Cpu(1, {}, {0x1B: 1})],
    ],
)
def test_a_whole_dump_is_not_told(cpus: list[Cpu]) -> None:
    assert tell(*cpus) is None
