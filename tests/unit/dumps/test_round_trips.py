"""Reading what was written gives the dump, less exactly what was told as lost."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from losses import count_losses
from vcpuid.dumps import FORMATS, find_losses, parse_dump, read_dump, write_dump
from vcpuid.dumps.losses import Loss
from vcpuid.terms.dump import Cpu, Dump, MissingRow

DUMPS = Path(__file__).parents[2] / "dumps"
SMALL = sorted(DUMPS.glob("*.json"))
WRITTEN = [name for name, entry in FORMATS.items() if entry.is_written]


def shared_dumps() -> list[Path]:
    folder = os.environ.get("VCPUID_DUMPS")
    return sorted(Path(folder).iterdir()) if folder else []


def told_counts(dump: Dump, name: str) -> dict[str, int]:
    return {loss.kind: loss.count for loss in find_losses(dump, name)}


def check(dump: Dump, name: str) -> None:
    parsed = parse_dump(write_dump(dump, name).encode(), dump.origin)
    assert parsed.format.name == name
    assert parsed.dump == FORMATS[name].writer().keep(dump)
    assert count_losses(dump, parsed.dump, of_one_cpu=FORMATS[name].of_one_cpu) == told_counts(dump, name)


def test_there_are_a_dozen_small_dumps_that_say_where_they_are_from() -> None:
    assert len(SMALL) >= 12
    for path in SMALL:
        dump = read_dump(path)
        assert dump.origin.startswith("InstLatx64 collection, ")
        assert not any(any(cpu.rows.get((3, 0), ())) for cpu in dump.cpus), "a serial number"


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", WRITTEN)
def test_small_dumps(path: Path, name: str) -> None:
    check(read_dump(path), name)


@pytest.mark.shared_dumps
@pytest.mark.parametrize("path", shared_dumps(), ids=lambda path: path.stem)
def test_shared_dumps(path: Path) -> None:
    dump = read_dump(path)
    for name in WRITTEN:
        check(dump, name)


def test_our_own_form_keeps_everything() -> None:
    dump = Dump(
        (
            Cpu(3, {(7, 0): (1, 2, 3, 4), (7, 1): (5, 6, 7, 8)}, {0x10A: 2**64 - 1}, MissingRow.ZERO),
            Cpu(1, {(7, 0): (1, 2, 3, 4)}, {}, MissingRow.UNKNOWN),
            Cpu(2, {}),
        ),
        "Ein Rechner für Ümläute",
    )
    assert find_losses(dump, "json") == ()
    assert parse_dump(write_dump(dump, "json").encode(), "x.json").dump == dump


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
def test_our_own_form_has_its_schema(path: Path) -> None:
    schema = json.loads(files("vcpuid.dumps").joinpath("schema.json").read_text(encoding="utf-8"))
    text = path.read_text(encoding="utf-8")
    jsonschema.validate(json.loads(text), schema)
    assert write_dump(read_dump(path), "json") == text


def test_what_is_lost_is_told_in_words() -> None:
    rows = {(0, 0): (0x20, 1, 2, 3), (7, 1): (1, 0, 0, 0), (0x40000000, 0): (1, 2, 3, 4)}
    dump = Dump((Cpu(5, rows, {0x3A: 5}, MissingRow.ZERO), Cpu(6, rows, {0x3A: 5})), "x")
    assert find_losses(dump, "libcpuid") == (
        Loss("rows", 4, "4 rows: 7.1, 40000000.0"),
        Loss("msrs", 2, "2 MSRs: 3a"),
        Loss("missing", 1, "that rows which are not there are zero: they become unknown"),
    )
    assert find_losses(dump, "libvirt") == (
        Loss("cpus", 1, "1 of 2 CPUs: it holds one, CPU 5 is kept"),
        Loss("numbers", 1, "the number of CPU 5"),
        Loss("missing", 1, "that rows which are not there are zero: they become unknown"),
    )
    one_row = replace(dump, cpus=(Cpu(0, {(0, 0): (1, 2, 3, 4), (9, 9): (1, 2, 3, 4)}, {1: 1}),))
    assert [loss.sentence for loss in find_losses(one_row, "libcpuid")] == ["1 row: 9.9", "1 MSR: 1"]


def test_long_lists_are_cut() -> None:
    dump = Dump((Cpu(0, {(0, 0): (1, 2, 3, 4)} | {(leaf, 5): (0, 0, 0, 0) for leaf in range(16)}),), "x")
    (loss,) = find_losses(dump, "libcpuid")
    assert loss.sentence == "15 rows: 0.5, 1.5, 2.5, 3.5, 5.5, 6.5, 7.5, 8.5 and 7 more"
