"""What must hold of the tables of MSRs and their fields."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from atlas_tables import HYPERVISORS, VENDORS, addresses_of_all_tables, read_rows, repeated, span, split_bits
from vcpuid import probe
from vcpuid.atlas import Atlas
from vcpuid.gather.msr import BY_VENDOR
from vcpuid.terms.msr_names import MSR_INDEXES

MSR_VENDORS = VENDORS | HYPERVISORS
RELATION = re.compile(r"(?:msr\.[1-9a-f][0-9a-f]*|(?:0|[1-9a-f][0-9a-f]*)\.\d+\.e[abcd]x)\.\d+(?:-\d+)?")


def msr_place(row: dict[str, str]) -> tuple[object, ...]:
    return int(row["index"], 16), *span(row["bits"]), row["vendors"]


def test_tables_of_msrs_are_sorted_by_index_and_bit() -> None:
    indices = [int(row["index"], 16) for row in read_rows("msrs")]
    fields = [msr_place(row) for row in read_rows("msr_fields")]
    assert indices == sorted(set(indices))
    assert fields == sorted(set(fields))
    for table in ("msrs", "msr_fields"):
        for row in read_rows(table):
            assert re.fullmatch(r"[1-9a-f][0-9a-f]{0,7}", row["index"]), row


def test_every_msr_has_a_title_a_source_and_fields_of_its_own_or_of_another() -> None:
    with_fields = {row["index"] for row in read_rows("msr_fields")}
    msrs = read_rows("msrs")
    for row in msrs:
        assert 1 <= len(row["title"].split()) <= 8, row
        assert row["source"], row
        vendors = set(row["vendors"].split())
        assert vendors <= MSR_VENDORS, row
        assert vendors == {"any"} or "any" not in vendors, row
        assert (row["index"] in with_fields) != bool(row["layout"]), row
        assert row["layout"] in with_fields | {""}, row
    assert with_fields <= {row["index"] for row in msrs}
    assert not repeated([row["title"] for row in msrs])


def test_fields_of_an_msr_lie_within_it_and_overlap_only_by_vendor() -> None:
    by_msr: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in read_rows("msr_fields"):
        low, high = span(row["bits"])
        assert 0 <= low <= high <= 63, row
        assert re.fullmatch(r"[a-z][a-z0-9_]*", row["name"]), row
        assert row["source"], row
        assert (row["encoding"] == "flag") <= (low == high), row
        assert set(row["vendors"].split()) <= MSR_VENDORS, row
        by_msr[row["index"]].append(row)
    for rows in by_msr.values():
        assert not repeated([row["name"] for row in rows])
        for one, other in combinations(rows, 2):
            (low, high), (other_low, other_high) = span(one["bits"]), span(other["bits"])
            if low <= other_high and other_low <= high:
                vendors = set(one["vendors"].split()), set(other["vendors"].split())
                assert "any" not in vendors[0] | vendors[1], (one, other)
                assert not vendors[0] & vendors[1], (one, other)


def test_a_field_of_an_msr_is_described_once() -> None:
    described = {row["bits"] for row in read_rows("features")}
    for row in read_rows("msr_fields"):
        is_feature = f"msr.{row['index']}.{row['bits']}" in described
        assert bool(row["description"]) != is_feature, row
        assert not row["description"].endswith("."), row


def test_every_bit_of_an_msr_that_a_project_names_is_a_field() -> None:
    fields = {f"msr.{row['index']}.{row['bits']}" for row in read_rows("msr_fields")}
    for table, row, bit in addresses_of_all_tables():
        if bit.startswith("msr.") and bit not in split_bits(row, "earlier") and not row.get("earlier"):
            assert bit in fields, (table, row)


def known_bits() -> Iterator[tuple[str, int]]:
    """Every bit of CPUID and of MSRs that a table has, by its word and number."""
    for row in read_rows("fields"):
        first, last = span(row["subleaves"])
        low, high = span(row["bits"])
        for subleaf in range(first, min(last, first + 3) + 1):
            yield from ((f"{row['leaf']}.{subleaf}.{row['register']}", bit) for bit in range(low, high + 1))
    layouts = defaultdict(list)
    for row in read_rows("msrs"):
        layouts[row["layout"] or row["index"]].append(row["index"])
    for row in read_rows("msr_fields"):
        low, high = span(row["bits"])
        for index in layouts[row["index"]]:
            yield from ((f"msr.{index}", bit) for bit in range(low, high + 1))


def test_relations_of_msrs_lead_to_bits_that_are_known() -> None:
    known = set(known_bits())
    for table in ("msrs", "msr_fields"):
        for row in read_rows(table):
            own = {f"msr.{row['index']}.{bit}" for bit in (row.get("bits"),) if bit}
            for address in split_bits(row, "enumerated_by", "controls", "related"):
                assert RELATION.fullmatch(address), row
                word, _, bits = address.rpartition(".")
                low, high = span(bits)
                assert (word, low) in known, (address, row)
                assert (word, high) in known or (low, high) == (0, 31), (address, row)
                assert address not in own, row
            for address in split_bits(row, "controls"):
                assert not address.startswith("msr."), row


def plain(name: str) -> str:
    return name.lower().removeprefix("msr_")


def test_the_names_of_msrs_are_those_by_which_addresses_know_them() -> None:
    names = {name.lower().replace("_", "-") for name in Atlas.load().names()}
    indexes: dict[str, int] = {}
    for row in read_rows("msrs"):
        for name in filter(None, (row["name"], *row["aliases"].split(";"))):
            # SPEC_CTRL alone is somebody's spelling of a feature.
            if plain(name).startswith("ia32_") or plain(name).replace("_", "-") not in names:
                assert indexes.setdefault(plain(name), int(row["index"], 16)) == int(row["index"], 16)
    assert indexes == MSR_INDEXES


def test_the_msrs_that_the_collector_and_the_probe_read_are_known() -> None:
    names = {
        int(row["index"], 16): {plain(name) for name in (row["name"], *row["aliases"].split(";"))}
        for row in read_rows("msrs")
    }
    assert {index for indices in BY_VENDOR.values() for index in indices} <= set(names)
    probed = Path(probe.__file__).with_name("msrs.csv").read_text(encoding="utf-8").splitlines()
    for row in csv.DictReader(line for line in probed if not line.startswith("#")):
        assert plain(row["name"]) in names[int(row["index"], 16)], row
