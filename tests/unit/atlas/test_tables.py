"""What must hold of the atlas's tables of leaves, fields, features and names."""

import csv
import io
import json
import os
import re
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from atlas_tables import (
    CPUID_BIT,
    HYPERVISORS,
    MSR_BIT,
    NAME_COLUMNS,
    TABLE_NAMES,
    TABLES,
    VENDORS,
    addresses_of_all_tables,
    place,
    read_rows,
    repeated,
    span,
    split_bits,
)

# QEMU properties that set no feature bit; hv-* and x-* besides.
QEMU_WITHOUT_BITS = {
    *("check", "enforce", "full-cpuid-auto-level", "legacy-cache", "legacy-multi-node", "start-powered-off"),
    *("cpuid-0xb", "fill-mtrr-mask", "host-phys-bits", "l3-cache", "lmce", "pmu", "tcg-cpuid"),
    *("kvm", "kvm-no-smi-migration", "kvm-pv-enforce-cpuid", "vmware-cpuid-freq", "xen-vapic"),
}

# Names that two projects spell alike and mean differently, with the reason.
FALSE_FRIENDS = {
    "vmx-invept-single-context": "QEMU puts the name on the INVVPID single-context bit too",
    "vnmi": "AMD's bit in QEMU and libvirt; Intel's control in Linux's vmx flags, either in its flags",
}

DATA = os.environ.get("VCPUID_DATA", "")
needs_data = pytest.mark.shared_data


def field_place(row: dict[str, str]) -> tuple[object, ...]:
    return int(row["leaf"], 16), *span(row["subleaves"]), row["register"], *span(row["bits"]), row["vendors"]


# The files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLE_NAMES)
def test_the_header_says_what_a_table_is_where_from_and_on_what_terms(table: str) -> None:
    text = (TABLES / f"{table}.csv").read_text(encoding="utf-8")
    header = [line for line in text.splitlines() if line.startswith("#")]
    assert header[0].startswith("# ")
    assert any(line.startswith("# Origin: ") for line in header)
    assert any(line.startswith("# Terms: ") for line in header)
    # A tool counts; who edits by hand need not.
    is_made = any(line.startswith("# Made by: ") for line in header)
    counts = [int(count) for count in re.findall(r": (\d+) ", header[0])]
    assert counts == [len(read_rows(table))] * is_made


@pytest.mark.parametrize("table", TABLE_NAMES)
def test_a_table_is_a_header_then_plain_csv(table: str) -> None:
    lines = (TABLES / f"{table}.csv").read_bytes().decode().split("\n")
    assert lines.pop() == ""
    assert all(line == line.rstrip() for line in lines)
    body = lines[next(number for number, line in enumerate(lines) if not line.startswith("#")) :]
    rows = list(csv.reader(body))
    assert {len(row) for row in rows} == {len(rows[0])}
    if table != "hypervisors":  # blanks are letters of a signature
        assert all(cell == cell.strip() for row in rows for cell in row)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    assert text.getvalue() == "\n".join(body) + "\n"


def test_tables_of_positions_are_sorted_by_position() -> None:
    features = [place(row["bits"].split("+")[0]) for row in read_rows("features")]
    fields = [field_place(row) for row in read_rows("fields")]
    leaves = [int(row["leaf"], 16) for row in read_rows("leaves")]
    assert features == sorted(features)
    assert fields == sorted(fields)
    assert len(fields) == len(set(fields))
    assert leaves == sorted(set(leaves))


@pytest.mark.parametrize("table", NAME_COLUMNS)
def test_tables_of_names_are_sorted_by_name(table: str) -> None:
    names = [(row.get("line", ""), row[NAME_COLUMNS[table]]) for row in read_rows(table)]
    assert names == sorted(names)


# Addresses -------------------------------------------------------------------------------------------


def test_every_address_has_its_one_spelling() -> None:
    for table, row, bit in addresses_of_all_tables():
        assert CPUID_BIT.fullmatch(bit) or MSR_BIT.fullmatch(bit), (table, row)


def test_bits_of_a_set_stand_in_order_and_once() -> None:
    for table in ("features", *NAME_COLUMNS):
        for row in read_rows(table):
            bits = split_bits(row, "bits")
            assert bits == sorted(set(bits), key=place), (table, row)


def test_every_bit_lies_in_a_leaf_that_is_listed() -> None:
    subleaves = {row["leaf"]: row["subleaves"] for row in read_rows("leaves")}
    assert set(subleaves.values()) == {"none", "listed"}
    for table, row, bit in addresses_of_all_tables():
        if not bit.startswith("msr."):
            leaf, subleaf, _register, _bit = bit.split(".")
            assert leaf in subleaves, (table, row)
            assert subleaf == "0" or subleaves[leaf] == "listed", (table, row)


def test_fields_lie_in_listed_leaves() -> None:
    subleaves = {row["leaf"]: row["subleaves"] for row in read_rows("leaves")}
    for row in read_rows("fields"):
        assert row["subleaves"] == "0" or subleaves[row["leaf"]] == "listed", row


# Features --------------------------------------------------------------------------------------------


def test_features_have_names_titles_and_descriptions_of_their_own() -> None:
    features = read_rows("features")
    for column in ("name", "title", "description"):
        assert not repeated([row[column] for row in features])
    for row in features:
        assert row["name"], row
        assert row["manual"], row
        assert row["source"], row
        assert row["description"].endswith("."), row
        assert 1 <= len(row["title"].split()) <= 6, row


def test_features_of_one_bit_are_told_apart_by_vendor() -> None:
    meanings: dict[str, list[set[str]]] = defaultdict(list)
    for row in read_rows("features"):
        vendors = set(row["vendors"].split())
        is_hypervisors = row["bits"].startswith("400000")
        assert vendors <= (HYPERVISORS if is_hypervisors else VENDORS), row
        assert vendors == {"any"} or "any" not in vendors, row
        assert vendors, row
        meanings[row["bits"]].append(vendors)
    for bits, scopes in meanings.items():
        for one, other in combinations(scopes, 2):
            assert not one & other, bits
            assert "any" not in one | other, bits


def test_a_manuals_name_for_several_bits_declares_a_mirror_or_vendors() -> None:
    named: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in read_rows("features"):
        for name in row["manual"].split(";"):
            named[name].append(row)
    for name, rows in named.items():
        for one, other in combinations(rows, 2):
            mirrored = other["mirror"] == one["bits"] or one["mirror"] == other["bits"]
            vendors = set(one["vendors"].split()), set(other["vendors"].split())
            by_vendor = not vendors[0] & vendors[1] and "any" not in vendors[0] | vendors[1]
            assert mirrored or by_vendor, (name, one["bits"], other["bits"])


def test_a_mirror_copies_a_bit_that_is_a_feature() -> None:
    features = {row["bits"]: row for row in read_rows("features")}
    mirrors = [row for row in features.values() if row["mirror"]]
    assert mirrors
    for row in mirrors:
        assert not features[row["mirror"]]["mirror"], row


def test_a_feature_is_called_as_qemu_else_libvirt_else_linux_calls_it() -> None:
    names: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for table in ("qemu", "libvirt", "linux"):
        for row in read_rows(table):
            if row["bits"] and not row.get("alias_of"):
                names[row["bits"]][table].add(row["name"])
    for row in read_rows("features"):
        for calls in names[row["bits"]].values():
            assert row["name"] in calls, (row["name"], calls)
            break


# Names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", NAME_COLUMNS)
def test_a_name_stands_once_in_its_dialect(table: str) -> None:
    names = [f"{row.get('line', '')} {row[NAME_COLUMNS[table]]}" for row in read_rows(table)]
    assert not repeated(names)


def test_every_name_has_bits_or_is_known_to_have_none() -> None:
    for row in read_rows("qemu"):
        bitless = row["name"] in QEMU_WITHOUT_BITS or row["name"].startswith(("hv-", "x-"))
        assert bitless != bool(row["bits"]), row
    for row in read_rows("libvirt"):
        assert row["bits"], row
    for row in read_rows("linux"):
        assert row["bits"] or row["any_of"] or row["synthetic"] == "yes", row
    for row in read_rows("traits"):
        assert row["bits"] or row["any_of"] or row["note"], row


def test_bits_by_vendor_are_two_or_more_and_stand_alone() -> None:
    for table in ("linux", "traits"):
        for row in read_rows(table):
            if row["any_of"]:
                assert len(split_bits(row, "any_of")) > 1, row
                assert not row["bits"], row


def test_the_counts_of_the_measured_qemus() -> None:
    with_bits = [row for row in read_rows("qemu") if row["bits"]]
    assert len(with_bits) == 437
    assert sum(1 for row in with_bits if row["since"] in {"6.2", "7.2-"}) == 349
    assert sum(1 for row in with_bits if row["alias_of"]) == 30
    assert not any(row["until"] for row in with_bits)


def test_an_alias_in_qemu_is_another_spelling_of_the_same_bits() -> None:
    properties = {row["name"]: row for row in read_rows("qemu")}
    for row in properties.values():
        if row["alias_of"]:
            assert properties[row["alias_of"]]["bits"] == row["bits"], row
            assert not properties[row["alias_of"]]["alias_of"], row


def test_each_libvirt_feature_is_one_bit_and_shares_it_with_none() -> None:
    bits = [row["bits"] for row in read_rows("libvirt")]
    assert not any("+" in bit for bit in bits)
    assert not repeated(bits)


def test_libvirts_aliases_for_qemu_are_qemus_names_for_the_same_bit() -> None:
    properties = {row["name"]: row["bits"] for row in read_rows("qemu")}
    for row in read_rows("libvirt"):
        for alias in filter(None, row["aliases"].split(";")):
            source, _, name = alias.partition(":")
            if source == "qemu":
                assert properties[name] == row["bits"], row


def test_the_traits_are_openstacks_and_novas_flags_are_known() -> None:
    traits = read_rows("traits")
    assert len(traits) == 63
    assert all(row["trait"].startswith("HW_CPU_X86_") for row in traits)
    flags = {row["nova_flag"] for row in traits if row["nova_flag"]}
    assert len(flags) == 44
    assert flags - {row["name"] for row in read_rows("libvirt")} == {"sse3"}
    libvirt = {row["name"]: row["bits"] for row in read_rows("libvirt")} | {"sse3": "1.0.ecx.0"}
    for row in traits:
        if row["nova_flag"]:
            assert row["bits"] == libvirt[row["nova_flag"]], row


def test_a_name_means_the_same_bits_in_every_dialect() -> None:
    meanings: dict[str, list[tuple[str, set[str]]]] = defaultdict(list)
    for table in ("qemu", "libvirt", "linux"):
        for row in read_rows(table):
            if bits := split_bits(row, "bits", "any_of"):
                meanings[row["name"].replace("_", "-")].append((table, set(bits)))
    differing = set()
    for name, uses in meanings.items():
        for (_, one), (_, other) in combinations(uses, 2):
            if not (one <= other or other <= one) or (name in FALSE_FRIENDS and one != other):
                differing.add(name)
    assert differing == set(FALSE_FRIENDS)


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("sgx", "7.0.ebx.2"),
        ("sgxlc", "7.0.ecx.30"),
        ("sgx1", "12.0.eax.0"),
        ("sgx-debug", "12.1.eax.1"),
        ("sgx-mode64", "12.1.eax.2"),
        ("sgx-provisionkey", "12.1.eax.4"),
        ("sgx-tokenkey", "12.1.eax.5"),
    ],
)
def test_sgx_has_its_names_in_qemu_and_libvirt(name: str, bits: str) -> None:
    for table, since in (("qemu", "6.2"), ("libvirt", "8.10")):
        (row,) = (row for row in read_rows(table) if row["name"] == name)
        assert (row["bits"], row["since"]) == (bits, since)


# Against what was measured ---------------------------------------------------------------------------


def measured_bit(found: dict[str, Any]) -> str:
    if "msr" not in found:
        return f"{found['leaf']:x}.{found['subleaf'] or 0}.{found['reg']}.{found['bit']}"
    index = int(found["msr"], 16)
    is_control = index in {0x48B, 0x48D, 0x48E, 0x48F, 0x490}
    return f"msr.{index:x}.{found['bit'] + 32 * is_control}"


# What the older measurement saw wrong: avx10 and avx10-128 need each other, and it took the one's bit for the
# other's too; QEMU's own warning names 7.1.EDX[19] avx10 alone.
MISMEASURED = {"avx10-128": ["24.0.ebx.16"]}


@needs_data
@pytest.mark.parametrize("measured", ["qemu72_flag_bits.json", "qemu1113_flag_bits.json"])
def test_every_measured_qemu_flag_has_its_measured_bits(measured: str) -> None:
    flags = json.loads((Path(DATA) / measured).read_text(encoding="utf-8"))["flags"]
    properties = {row["name"]: row for row in read_rows("qemu")}
    for name, flag in flags.items():
        bits = [measured_bit(found) for found in flag.get("bits", [flag])]
        assert split_bits(properties[name], "bits", "also") == MISMEASURED.get(name, bits), name


@needs_data
def test_every_feature_bit_is_known_to_another_source() -> None:
    known = set()
    with (Path(DATA) / "cpuid_field_positions.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["low_bit"].isdigit() and row["high_bit"].isdigit():
                for bit in range(int(row["low_bit"]), int(row["high_bit"]) + 1):
                    known.add(f"{int(row['leaf'], 16):x}.{row['subleaf']}.{row['reg']}.{bit}")
    for feature in read_rows("features"):
        for address in split_bits(feature, "bits"):
            assert address in known or address.startswith("msr."), feature["name"]
