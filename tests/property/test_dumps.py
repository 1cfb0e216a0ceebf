"""Laws of the dump formats: what is written is read again, and no bytes give anything but a dump or our error."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest
from benchmarks.fuzz_dumps import check_one, mutate, seeds
from hypothesis import given
from hypothesis import strategies as st

from losses import count_losses
from vcpuid.dumps import FORMATS, find_losses, parse_dump, write_dump
from vcpuid.dumps.truncation import tell_truncation
from vcpuid.errors import InputError, VcpuidError
from vcpuid.terms.dump import Cpu, Dump, MissingRow

WRITTEN = [name for name, entry in FORMATS.items() if entry.is_written]
DUMPS = Path(__file__).parents[1] / "dumps"

words = st.integers(0, 2**32 - 1)
leaves = st.one_of(
    st.integers(0, 0x30), st.integers(0x40000000, 0x40000010), st.integers(0x80000000, 0x80000030), words
)
subleaves = st.one_of(st.integers(0, 70), words)
rows = st.dictionaries(st.tuples(leaves, subleaves), st.tuples(words, words, words, words), max_size=12)
msrs = st.dictionaries(words, st.integers(0, 2**64 - 1), max_size=3)
numbers = st.lists(st.integers(0, 9999), unique=True, min_size=1, max_size=4)


@st.composite
def dumps(draw: st.DrawFn) -> Dump:
    cpus = [
        Cpu(number, draw(rows), draw(msrs), draw(st.sampled_from(list(MissingRow)))) for number in draw(numbers)
    ]
    return Dump(tuple(cpus), draw(st.text(max_size=8)))


@pytest.mark.parametrize("name", WRITTEN)
@given(dump=dumps())
def test_reading_what_was_written_gives_what_the_format_keeps(name: str, dump: Dump) -> None:
    kept = FORMATS[name].writer().keep(dump)
    try:
        text = write_dump(dump, name)
    except InputError:
        assert not any(cpu.rows for cpu in kept.cpus)
        return
    parsed = parse_dump(text.encode(), dump.origin, format_name=name)
    assert parsed.dump == kept
    assert parsed.fault_count == 0
    assert set(parsed.notes) <= {tell_truncation(parsed.dump)}
    told = {loss.kind: loss.count for loss in find_losses(dump, name)}
    assert told == count_losses(dump, parsed.dump, of_one_cpu=FORMATS[name].of_one_cpu)


@given(raw=st.binary(max_size=400), name=st.sampled_from([None, *FORMATS]), lenient=st.booleans())
def test_any_bytes_give_a_dump_or_our_error(raw: bytes, name: str | None, lenient: bool) -> None:
    with contextlib.suppress(VcpuidError):
        assert parse_dump(raw, "dump", format_name=name, lenient=lenient).dump.cpus


@given(
    text=st.text(alphabet='0123456789abcdefx :-=|>\n\t[]{}",_CPUIDeSL#', max_size=300),
    name=st.sampled_from([*FORMATS]),
)
def test_any_text_of_the_formats_letters_does_too(text: str, name: str) -> None:
    with contextlib.suppress(VcpuidError):
        assert parse_dump(text.encode(), "dump", format_name=name, lenient=True).dump.cpus


def test_mutated_dumps_give_a_dump_or_our_error() -> None:
    """A little of what benchmarks/fuzz_dumps.py does for as long as one wants."""
    choose = random.Random(2024)  # noqa: S311 - it shall repeat
    material = seeds(DUMPS)
    for _ in range(600):
        check_one(mutate(choose, material), choose)
