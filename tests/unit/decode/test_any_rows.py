"""Any registers decode: no exception, no endless loop, and facts that JSON can hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpus import AUTHENTIC_AMD, CENTAUR_HAULS, GENUINE_INTEL, ONES, SHANGHAI, cpu, dump, row
from vcpuid.answers.decode import decode_dump
from vcpuid.answers.diff import diff
from vcpuid.atlas.fields import FieldTable
from vcpuid.decode.facts import decode_facts
from vcpuid.render.decode import render_decode
from vcpuid.render.decode_json import write_decode_document
from vcpuid.terms.address import LEAVES_WITH_SUBLEAVES
from vcpuid.terms.dump import Cpu, Registers

TABLE = FieldTable()
MAXIMA = (0, 0x40000000, 0x40000100, 0x80000000, 0x80860000, 0xC0000000)
VENDORS = [GENUINE_INTEL, AUTHENTIC_AMD, CENTAUR_HAULS, SHANGHAI, (0, 0, 0), (ONES, ONES, ONES)]
words = st.one_of(st.sampled_from([0, 1, ONES, 1 << 31]), st.integers(0, ONES))
registers = st.tuples(words, words, words, words)
keys = st.tuples(st.sampled_from([*TABLE.leaves, *MAXIMA, 0x7FFF]), st.integers(0, 70))


def filled(registers_: Registers, letters: tuple[int, int, int], *, with_maxima: bool) -> Cpu:
    rows = {
        (leaf, subleaf): registers_
        for leaf in TABLE.leaves
        for subleaf in range(66 if leaf in LEAVES_WITH_SUBLEAVES else 1)
    }
    if with_maxima:
        rows |= {(base, 0): (base | 0xFF, *letters) for base in MAXIMA}
    return cpu(rows, letters=letters)


@pytest.mark.parametrize("letters", VENDORS, ids=lambda letters: f"{letters[0]:08x}")
@pytest.mark.parametrize("word", [0, ONES], ids=["zeros", "ones"])
@pytest.mark.parametrize("with_maxima", [True, False], ids=["with maxima", "junk for maxima"])
def test_the_same_in_every_leaf(word: int, letters: tuple[int, int, int], *, with_maxima: bool) -> None:
    decoded = decode_dump(dump(filled(row(word, word, word, word), letters, with_maxima=with_maxima)))
    render_decode([decoded], every_field=True).plain()
    json.loads("".join(write_decode_document([decoded])))


@given(st.dictionaries(keys, registers, max_size=40), st.sampled_from(VENDORS))
def test_any_rows(rows: dict[tuple[int, int], Registers], letters: tuple[int, int, int]) -> None:
    one = cpu(rows, letters=letters)
    facts = decode_facts(one)
    assert facts.identity.letters is not None
    decoded = decode_dump(dump(one))
    render_decode([decoded], every_field=True).plain()
    json.loads("".join(write_decode_document([decoded])))


@given(st.dictionaries(keys, registers, max_size=20), st.dictionaries(keys, registers, max_size=20))
def test_any_two_sides(one: dict[tuple[int, int], Registers], other: dict[tuple[int, int], Registers]) -> None:
    first, second = dump(cpu(one)), dump(cpu(other))
    assert not diff(first, first, TABLE).is_real
    there, back = diff(first, second, TABLE), diff(second, first, TABLE)
    assert there.is_real is back.is_real
    assert [kind.gained for kind in there.kinds] == [kind.lost for kind in back.kinds]
