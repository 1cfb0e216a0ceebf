"""The short way of plain dumps gives the ordinary reader's answers, and takes nothing that it would not take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fleets import READER, cpus
from vcpuid.decode.dynamic import Cause, dynamic_fields, scopes_of
from vcpuid.dumps import parse_dump, read_dump, write_dump
from vcpuid.errors import InputError
from vcpuid.fleet.plain import kinds_of, parse_rows
from vcpuid.fleet.record import HostRow, read_host
from vcpuid.terms.dump import Cpu, Dump

AMD = Path(__file__).parents[1] / "dumps"
CPUS = (*cpus(), *(read_dump(path).cpus[0] for path in sorted(AMD.glob("amd-*.json"))))
HEADS = ("CPU:\n", "CPU 0:\n")


def text_of(cpu: Cpu, head: str = HEADS[0]) -> bytes:
    return write_dump(Dump((replace(cpu, number=0),), "test"), "cpuid").replace("CPU 0:\n", head, 1).encode()


def changed(cpu: Cpu, key: tuple[int, int], position: int, bits: int) -> Cpu:
    row = list(cpu.rows[key])
    row[position] ^= bits
    return replace(cpu, rows={**cpu.rows, key: (row[0], row[1], row[2], row[3])})


def read(raw: bytes) -> HostRow:
    return read_host(raw, "f", "h", READER)


@st.composite
def twins(draw: st.DrawFn) -> tuple[Cpu, Cpu]:
    """Give a CPU, and it with some bits changed, dynamic ones more often than chance has it."""
    cpu = draw(st.sampled_from(CPUS))
    other = cpu
    scopes = scopes_of(cpu)
    moving = [
        (key, field.position, field.mask)
        for field in dynamic_fields()
        if field.cause is not Cause.FIRMWARE and field.scope in {"any", *scopes}
        for key in cpu.rows
        if key[0] == field.leaf and field.subleaves[0] <= key[1] <= field.subleaves[1]
    ]
    for _ in range(draw(st.integers(0, 3))):
        key, position, mask = draw(st.sampled_from(moving))
        other = changed(other, key, position, draw(st.integers(0, 2**32 - 1)) & mask)
    if draw(st.booleans()):
        key = draw(st.sampled_from(sorted(cpu.rows)))
        other = changed(other, key, draw(st.integers(0, 3)), 1 << draw(st.integers(0, 31)))
    return cpu, other


@settings(max_examples=60, deadline=None)
@given(twins(), st.sampled_from(HEADS))
def test_dumps_of_one_kind_are_read_alike(pair: tuple[Cpu, Cpu], head: str) -> None:
    one, other = text_of(pair[0]), text_of(pair[1], head)
    first, second = kinds_of([one, other])
    assert first is not None
    if first == second:
        assert read(one) == read(other)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CPUS), st.data())
def test_dynamic_bits_make_no_other_kind(cpu: Cpu, data: st.DataObject) -> None:
    field = data.draw(
        st.sampled_from(
            [
                field
                for field in dynamic_fields()
                if field.scope == "any" and field.cause is not Cause.FIRMWARE and (field.leaf, 0) in cpu.rows
            ]
        )
    )
    if field.subleaves[0] == 0:
        other = changed(cpu, (field.leaf, 0), field.position, field.mask)
        first, second = kinds_of([text_of(cpu), text_of(other)])
        assert first == second


def harm(raw: bytearray, data: st.DataObject) -> None:
    """Change a byte, or take something away, or put something in."""
    place = data.draw(st.integers(0, len(raw)))
    row = slice(5 + place // 80 * 80, 85 + place // 80 * 80)
    match data.draw(st.sampled_from(("set", "cut", "put", "line", "twice"))):
        case "set":
            raw[place : place + 1] = bytes([data.draw(st.sampled_from(b"0aFgxX:= \n\r\t\0\xff>"))])
        case "cut":
            del raw[place : place + data.draw(st.integers(1, 80))]
        case "put":
            raw[place:place] = data.draw(st.sampled_from((b"0", b"\n", b" ", b"CPU:\n")))
        case "line":
            del raw[row]
        case "twice":
            raw[row.start : row.start] = raw[row]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CPUS), st.data())
def test_a_damaged_dump_has_a_key_only_where_it_is_read(cpu: Cpu, data: st.DataObject) -> None:
    raw = bytearray(text_of(cpu))
    for _ in range(data.draw(st.integers(1, 3))):
        harm(raw, data)
    good = text_of(cpu)
    key, harmed = kinds_of([good, bytes(raw)])
    if harmed is None:
        return
    try:
        row = read(bytes(raw))
    except InputError as error:  # as a whole, not for the damage: a dump without leaf 0 tells nothing
        assert error.line is None  # noqa: PT017 - most examples raise nothing
        return
    if harmed == key:
        assert row == read(good)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 2**32 - 1)] * 5, st.integers(0, 255)), min_size=1, max_size=30))
def test_rows_are_those_of_the_ordinary_reader(numbers: list[tuple[int, ...]]) -> None:
    rows = {(leaf, subleaf): (a, b, c, d) for leaf, a, b, c, d, subleaf in numbers}
    text = write_dump(Dump((Cpu(0, {(0, 0): (0, 0, 0, 0), **rows}),), "test"), "cpuid").encode()
    are_rows, octets = parse_rows(text[len("CPU 0:\n") :])
    assert are_rows.all()
    found = {
        (int.from_bytes(row[:4], "big"), row[4]): tuple(
            int.from_bytes(row[place : place + 4], "big") for place in range(5, 21, 4)
        )
        for row in map(bytes, octets)
    }
    assert found == parse_dump(text, "test").dump.cpus[0].rows
