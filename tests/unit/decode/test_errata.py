"""Errata: a table's rows, and what they change."""

from __future__ import annotations

import re

import pytest

from cpus import AUTHENTIC_AMD, CENTAUR_HAULS, ONES, Rows, cpu, row
from vcpuid.decode.errata import decode_errata, mend
from vcpuid.decode.facts import decode_facts
from vcpuid.decode.rows import REGISTERS, load_decode_table, parse_span

LETTERS = {"amd": AUTHENTIC_AMD, "centaur": CENTAUR_HAULS}
ROWS = load_decode_table("errata")


def signature(table_row: dict[str, str]) -> int:
    family, (model, _) = int(table_row["family"], 16), parse_span(table_row["models"], 16)
    stepping, _ = parse_span(table_row["steppings"] or "0")
    return family << 8 | model << 4 | stepping


@pytest.mark.parametrize("table_row", ROWS, ids=lambda row: f"{row['vendor']}-{row['family']}-{row['leaf']}")
def test_every_row_mends_what_it_is_about_and_nothing_else(table_row: dict[str, str]) -> None:
    leaf, position = int(table_row["leaf"], 16), REGISTERS.index(table_row["register"])
    mask, means = int(table_row["mask"], 16), int(table_row["means"], 16)
    said = int(table_row["says"], 16) if table_row["says"] else ~means & mask
    assert not (said | means) & ~mask
    assert table_row["why"]
    assert table_row["source"]
    words = [ONES ^ mask if at == position else 0 for at in range(4)]
    words[position] |= said
    rows: Rows = {(1, 0): row(signature(table_row))}
    rows[leaf, 0] = (*words,) if leaf != 1 else (signature(table_row), *words[1:])  # type: ignore[assignment]
    broken = cpu(rows, letters=LETTERS[table_row["vendor"]])
    mended = mend(broken)
    assert [erratum.why for erratum in decode_errata(broken)] == [table_row["why"]]
    expected = list(rows[leaf, 0])
    expected[position] = expected[position] & ~mask | means
    assert mended.rows == {**broken.rows, (leaf, 0): tuple(expected)}
    assert decode_errata(mended) == ()


def test_the_table_is_in_order() -> None:
    keys = [
        (
            row["vendor"],
            int(row["family"], 16),
            parse_span(row["models"], 16),
            row["leaf"].zfill(8),
            row["register"],
        )
        for row in ROWS
    ]
    assert keys == sorted(set(keys))
    assert all(re.fullmatch(r"[0-9a-f]*", row[column]) for row in ROWS for column in ("mask", "says", "means"))


def test_other_steppings_are_believed() -> None:
    rows: Rows = {(1, 0): row(0x631), (0x80000006, 0): row(ecx=0x00018140)}
    one = cpu(rows, letters=AUTHENTIC_AMD)
    assert decode_errata(one) == ()
    assert mend(one) is one


def test_a_k5_has_global_pages_and_no_apic() -> None:
    facts = decode_facts(cpu({(1, 0): row(0x501, 0, 0, 0x3BF)}, letters=AUTHENTIC_AMD))
    assert {"pge", "apic"} & set(facts.features) == {"pge"}
    assert [erratum.register for erratum in facts.errata] == ["edx"]


def test_a_duron_has_its_whole_l2() -> None:
    facts = decode_facts(cpu({(1, 0): row(0x630), (0x80000006, 0): row(ecx=0x00018140)}, letters=AUTHENTIC_AMD))
    assert [(cache.size_bytes >> 10, cache.ways) for cache in facts.caches] == [(64, 16)]


def test_samuels_junk_is_no_feature_and_no_hypervisor() -> None:
    rows: Rows = {(1, 0): row(0x660, 0xC1704000, 0xC1705F8C, 0x8031B5)}
    facts = decode_facts(cpu(rows, letters=CENTAUR_HAULS))
    assert set(facts.features) == {"fpu", "de", "tsc", "msr", "mce", "cx8", "mtrr", "pge", "mmx"}
    assert facts.topology.apic_id == 0


def test_a_winchip_has_no_range_of_its_own() -> None:
    rows: Rows = {(1, 0): row(0x585, 0, 0, 0x8001B5), (0xC0000001, 0): row(0x585, 0, 0, 0x808001B5)}
    assert "xstore" not in decode_facts(cpu(rows, letters=CENTAUR_HAULS)).features
