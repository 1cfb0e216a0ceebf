"""What must hold of the atlas's tables, read here as plain CSV so that a fault of the loader hides nothing."""

import csv
import io
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from vcpuid import probe
from vcpuid.atlas import Atlas
from vcpuid.gather.msr import BY_VENDOR
from vcpuid.terms.msr_names import MSR_INDEXES

TABLES = Path(__file__).resolve().parents[3] / "src" / "vcpuid" / "atlas" / "tables"
TABLE_NAMES = (
    *("features", "fields", "hypervisors", "leaf2_descriptors", "leaves", "libvirt", "linux"),
    *("microarchitectures", "msr_fields", "msrs", "qemu", "traits"),
)
NAME_COLUMNS = {"libvirt": "name", "linux": "name", "qemu": "name", "traits": "trait"}
VENDORS = {"any", "intel", "amd", "hygon", "zhaoxin", "centaur"}
HYPERVISORS = {"kvm"}
CPUID_BIT = re.compile(r"(0|[1-9a-f][0-9a-f]*)\.(0|[1-9]\d*)\.(e[abcd]x)\.([12]?\d|3[01])")
MSR_BIT = re.compile(r"msr\.([1-9a-f][0-9a-f]*)\.([1-5]?\d|6[0-3])")

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


def read_rows(table: str) -> list[dict[str, str]]:
    lines = (TABLES / f"{table}.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def split_bits(row: dict[str, str], *columns: str) -> list[str]:
    """Every address in the columns of a row, whether its bits are joined by + or by |."""
    return [bit for column in columns for bit in re.split(r"[+|]", row.get(column, "")) if bit]


def place(address: str) -> tuple[int, ...]:
    """A sort key: CPUID bits by leaf, subleaf, register, bit; then MSR bits."""
    if found := MSR_BIT.fullmatch(address):
        return 1, int(found[1], 16), int(found[2])
    found = CPUID_BIT.fullmatch(address)
    assert found, f"{address!r} is no address"
    return 0, int(found[1], 16), int(found[2]), "abcd".index(found[3][1]), int(found[4])


def span(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return int(low), int(high or low)


def field_place(row: dict[str, str]) -> tuple[object, ...]:
    return int(row["leaf"], 16), *span(row["subleaves"]), row["register"], *span(row["bits"]), row["vendors"]


def addresses_of_all_tables() -> Iterator[tuple[str, dict[str, str], str]]:
    for table in ("features", *NAME_COLUMNS):
        for row in read_rows(table):
            for bit in split_bits(row, "bits", "any_of", "also", "mirror"):
                yield table, row, bit
            if row.get("earlier"):
                for bit in row["earlier"].partition(":")[2].split("+"):
                    yield table, row, bit


def repeated(names: list[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


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


# MSRs ------------------------------------------------------------------------------------------------

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


# Hypervisors, descriptors, micro-architectures -------------------------------------------------------


def test_signatures_are_at_most_twelve_letters_and_stand_once() -> None:
    signatures = [row["signature"] for row in read_rows("hypervisors")]
    assert signatures == sorted(set(signatures))
    for row in read_rows("hypervisors"):
        assert 0 < len(row["signature"]) <= 12, row
        assert row["signature"].isascii(), row
        assert re.fullmatch(r"[a-z0-9]+", row["name"]), row
        assert row["title"], row
        assert row["source"], row


def test_a_descriptor_is_a_cache_a_tlb_or_a_note() -> None:
    for row in read_rows("leaf2_descriptors"):
        assert re.fullmatch(r"[0-9a-f]{2}", row["byte"]), row
        assert set(row["vendors"].split()) <= {"intel", "zhaoxin", "cyrix", "nsc"}, row
        assert row["description"], row
        assert row["source"], row
        is_cache = row["kind"] in {"data", "instruction", "unified"}
        is_tlb = row["kind"] in {"data tlb", "instruction tlb", "unified tlb"}
        assert is_cache or is_tlb or row["kind"] in {"trace", "prefetch", "note"}, row
        assert bool(row["size_kib"]) == is_cache, row
        assert bool(row["pages"]) == is_tlb, row
        assert bool(row["level"]) == (row["kind"] not in {"prefetch", "note"}), row
        if is_cache:
            lines = int(row["size_kib"]) * 1024 // int(row["line_bytes"])
            assert lines % int(row["ways"]) == 0, row
        if is_tlb:
            assert row["ways"] in {"", "full"} or int(row["entries"]) % int(row["ways"]) == 0, row


def test_a_descriptors_words_say_what_its_numbers_say() -> None:
    for row in read_rows("leaf2_descriptors"):
        numbers = [row["entries"], row["line_bytes"]] if row["kind"] != "trace" else []
        for number in filter(None, (*numbers, row["ways"].removeprefix("full"))):
            assert number in row["description"].replace(",", "").split() or row["kind"] == "trace", row


def test_sectors_of_an_l1_are_told_by_intels_older_document_alone() -> None:
    for row in read_rows("leaf2_descriptors"):
        if row["lines"] not in {"", "1"} and row["level"] == "1":
            assert row["source"].startswith("Intel AP-485"), row


def test_descriptors_are_in_order_and_told_apart() -> None:
    keys = [
        (int(row["byte"], 16), row["vendors"], row["signature"], row["pages"])
        for row in read_rows("leaf2_descriptors")
    ]
    assert keys == sorted(set(keys))


def hexadecimal_span(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return int(low, 16), int(high or low, 16)


CORES = ("", "performance", "efficiency", "low-power efficiency")


def test_a_core_has_one_microarchitecture() -> None:
    rows = read_rows("microarchitectures")
    ranges: dict[tuple[str, str], list[tuple[tuple[int, int], tuple[int, int], int]]] = defaultdict(list)
    for row in rows:
        assert row["name"], row
        assert row["source"], row
        ranges[row["vendor"], row["family"]].append(
            (hexadecimal_span(row["models"]), span(row["steppings"] or "0-15"), CORES.index(row["core"]))
        )
    for found in ranges.values():
        assert found == sorted(found)
        for (models, steppings, core), (other_models, other_steppings, other_core) in combinations(found, 2):
            apart = models[1] < other_models[0] or other_models[1] < models[0]
            apart = apart or steppings[1] < other_steppings[0] or other_steppings[1] < steppings[0]
            assert apart or (models == other_models and 0 < core < other_core), (models, core)


def test_hybrid_models_have_performance_and_efficiency_cores() -> None:
    cores: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for row in read_rows("microarchitectures"):
        cores[row["vendor"], row["family"], row["models"]].append(row["core"])
    for model, found in cores.items():
        assert found == [""] * len(found) or found[:2] == ["performance", "efficiency"], model


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
