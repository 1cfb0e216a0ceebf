"""The table of bits that facts tell."""

from __future__ import annotations

from vcpuid.answers.meanings import is_told
from vcpuid.decode.rows import REGISTERS, load_decode_table, parse_span

TOPICS = {"vendor", "brand", "model", "caches", "tlbs"}


def test_the_table_is_in_order_and_of_topics_that_there_are() -> None:
    rows = load_decode_table("told")
    keys = [(int(row["leaf"], 16), REGISTERS.index(row["register"]), parse_span(row["bits"])) for row in rows]
    assert keys == sorted(set(keys))
    assert all(set(row["topics"].split()) <= TOPICS for row in rows)


def test_all_bits_of_a_field_must_be_told() -> None:
    assert is_told({"caches"}, 4, "eax", 0x1F)
    assert not is_told({"caches"}, 4, "eax", 0x3F << 26)
    assert not is_told({"tlbs"}, 4, "eax", 0x1F)
    assert is_told({"tlbs"}, 2, "ebx", 0xFF)
    assert not is_told((), 2, "ebx", 0xFF)
