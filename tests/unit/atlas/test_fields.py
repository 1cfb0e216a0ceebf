"""The field table: what must hold of its rows, and that each decodes as its encoding says."""

from __future__ import annotations

import csv
import os
import re
from collections import defaultdict
from itertools import combinations, groupby
from pathlib import Path

import pytest
from tools.compare_fields import find_missing, parse_kernel_fields, place_of

from vcpuid.atlas import Atlas, Field, decode_field
from vcpuid.atlas.fields import FieldTable, _make_field
from vcpuid.atlas.tables import load_table
from vcpuid.errors import InputError
from vcpuid.terms.address import Register

ROWS = load_table("fields")
LEAVES = {leaf: list(rows) for leaf, rows in groupby(ROWS, lambda row: row["leaf"])}
FEATURES = {row["bits"]: row for row in load_table("features")}
CPU_VENDORS = {"intel", "amd", "hygon", "zhaoxin", "centaur", "transmeta", "cyrix", "nsc"}
HYPERVISORS = {row["name"] for row in load_table("hypervisors")}
# What a value may be counted in, after the encoding; a further unit is added here.
UNITS = {"", "bits", "bytes", "KiB", "Hz", "kHz", "MHz", "ms", "mV", "fs", "%", "°C"}
COUNTED = {"ways", "entries", "pages", "records", "pages of 4 KiB"}
ENCODING = re.compile(r"flag|number|hex|text|values|set|log2|times-[1-9]\d*|minus-[1-9]\d*")
MOST_WORDS = 17
DATA = os.environ.get("VCPUID_DATA", "")

# Fields of leaves and bits that no other source of positions has, with the reason.
OURS_ALONE = {
    "3.eax": "Transmeta's serial number has four words, Intel's two",
    "3.ebx": "Transmeta's serial number has four words, Intel's two",
    "5.ecx": "one source has monitorless MWAIT at bit 5, the manual at bit 3",
    "7.ecx": "X86S was withdrawn",
    "d.ecx": "components that no CPU has yet",
    "1e.eax": "the manual's highest subleaf",
    "21.eax": "the manual's highest subleaf",
    "24.eax": "the manual's highest subleaf",
    "29.eax": "the manual's highest subleaf",
    "20000000.eax": "the first Xeon Phi's range",
    "20000001.edx": "the first Xeon Phi's range",
    "40000003.eax": "privileges that the specification has and the sources skip",
    "40000006.eax": "a bit that the specification has and the sources skip",
    "40000007.eax": "a bit that the specification has and the sources skip",
    "40000010.ecx": "VMware's own bits",
    "40000080.eax": "Hyper-V's virtualization stack",
    "40000080.ebx": "Hyper-V's virtualization stack",
    "40000080.ecx": "Hyper-V's virtualization stack",
    "40000080.edx": "Hyper-V's virtualization stack",
    "40000081.eax": "Hyper-V's virtualization stack",
    "40000082.eax": "Hyper-V's virtualization stack",
    "80000001.ecx": "streaming monitor of family 15H",
    "80000001.edx": "SYSCALL of the K6",
    "80000007.eax": "processor feedback of family 15H",
    "80000007.ebx": "platform first error handling",
    "80000008.ebx": "extensions of branch records",
    "80000027.eax": "workload classes are new",
    "80000027.ebx": "workload classes are new",
    "8fffffff.eax": "no manual has it",
    "8fffffff.ebx": "no manual has it",
    "8fffffff.ecx": "no manual has it",
    "8fffffff.edx": "no manual has it",
    "c0000002.edx": "two sources differ on bits 16 to 19",
}


def span(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return int(low), int(high or low)


def width(row: dict[str, str]) -> int:
    low, high = span(row["bits"])
    return high - low + 1


def overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def table(tmp_path: Path, *rows: str) -> FieldTable:
    header = "leaf,subleaves,register,bits,name,vendors,encoding,unit,values,description,source"
    (tmp_path / "fields.csv").write_text("\n".join(["# test", header, *rows, ""]), encoding="utf-8")
    return FieldTable(str(tmp_path))


def field(encoding: str, bits: str = "0-7", unit: str = "", values: str = "") -> Field:
    row = dict.fromkeys(ROWS[0], "") | {"leaf": "1", "subleaves": "0", "register": "eax", "vendors": "any"}
    return _make_field(row | {"bits": bits, "encoding": encoding, "unit": unit, "values": values})


# The rows --------------------------------------------------------------------------------------------


def test_the_table_is_as_wide_as_it_is_meant_to_be() -> None:
    assert len(ROWS) >= 1500
    assert len({row["leaf"] for row in ROWS}) >= 80


@pytest.mark.parametrize("leaf", LEAVES)
def test_the_rows_of_a_leaf_are_complete(leaf: str) -> None:
    for row in LEAVES[leaf]:
        check_row(row)


def check_row(row: dict[str, str]) -> None:
    assert re.fullmatch(r"[a-z0-9_]+", row["name"])
    assert row["source"]
    assert ENCODING.fullmatch(row["encoding"])
    assert row["unit"] in UNITS | COUNTED, f"{row['unit']}: a unit that this test has no line for"
    assert (row["encoding"] == "flag") <= (width(row) == 1)
    assert (row["encoding"] == "values") <= bool(row["values"])
    assert not (row["unit"] and row["encoding"] in {"flag", "hex", "text", "set"})
    assert width(row) == 32 or row["encoding"] != "text"
    pairs = [pair.partition("=") for pair in filter(None, row["values"].split(";"))]
    numbers = [int(number) for number, _, _ in pairs]
    assert numbers == sorted(set(numbers))
    assert all(name for _, _, name in pairs)
    most = width(row) if row["encoding"] == "set" else 1 << width(row)
    assert all(number < most for number in numbers)


def test_vendors_are_those_of_cpus_or_of_hypervisors() -> None:
    for row in ROWS:
        vendors = row["vendors"].split()
        known = HYPERVISORS if row["leaf"].startswith("4000") else CPU_VENDORS
        assert vendors == ["any"] or (vendors and set(vendors) <= known), row


def test_every_field_is_described_by_itself_or_by_its_feature() -> None:
    for row in ROWS:
        if row["description"]:
            assert len(row["description"].split()) <= MOST_WORDS, row
            assert row["description"][0].isupper() or not row["description"][0].isalpha(), row
            assert not row["description"].endswith("."), row
            continue
        feature = FEATURES[f"{row['leaf']}.{row['subleaves']}.{row['register']}.{row['bits']}"]
        assert row["encoding"] == "flag", row
        if not row["leaf"].startswith("4000"):
            assert row["vendors"] == feature["vendors"], row


def test_every_feature_of_one_cpuid_bit_is_a_field() -> None:
    bits = {f"{row['leaf']}.{row['subleaves']}.{row['register']}.{row['bits']}" for row in ROWS}
    assert {bit for bit in FEATURES if "+" not in bit and not bit.startswith("msr.")} <= bits


def test_descriptions_tell_the_fields_of_a_leaf_apart() -> None:
    named: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for row in ROWS:
        if row["description"] and row["leaf"] != "2":
            named[row["leaf"], row["subleaves"], row["vendors"], row["description"]].append(row["name"])
    assert not {key: names for key, names in named.items() if len(names) > 1}


def test_fields_that_overlap_are_of_different_vendors() -> None:
    words: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in ROWS:
        words[row["leaf"], row["register"]].append(row)
    for rows in words.values():
        for one, other in combinations(rows, 2):
            if overlap(span(one["subleaves"]), span(other["subleaves"])) and overlap(
                span(one["bits"]), span(other["bits"])
            ):
                vendors = set(one["vendors"].split()), set(other["vendors"].split())
                assert not vendors[0] & vendors[1], (one, other)
                assert "any" not in vendors[0] | vendors[1], (one, other)


# Every row, decoded ----------------------------------------------------------------------------------


def expected_text(row: dict[str, str], raw: int) -> str:
    """Work out the text by the words of the table's header, apart from the code under test."""
    encoding = row["encoding"]
    names = dict(pair.split("=", 1) for pair in row["values"].split(";") if pair)
    if encoding == "flag":
        return ("no", "yes")[raw]
    if encoding == "hex":
        return "0x" + format(raw, "x").rjust(-(-width(row) // 4), "0")
    if encoding == "text":
        letters = [raw // 256**place % 256 for place in range(4)]
        return '"' + "".join(chr(byte) if 31 < byte < 127 else f"\\x{byte:02x}" for byte in letters) + '"'
    if encoding == "set":
        members = [place for place, bit in enumerate(reversed(f"{raw:b}")) if bit == "1"]
        runs = groupby(members, lambda member: names.get(str(member)) or member - sum(n < member for n in members))
        texts = []
        for key, run in runs:
            first, *rest = run
            texts.append(str(key) if isinstance(key, str) else f"{first}-{rest[-1]}" if rest else str(first))
        return ", ".join(texts) or "none"
    if str(raw) in names:
        return names[str(raw)]
    kind, _, amount = encoding.partition("-")
    number = raw
    if kind == "log2":
        number = 2 ** (raw % 256)
    elif kind == "times":
        number = raw * int(amount)
    elif kind == "minus":
        number = raw + int(amount)
    return f"{number} {row['unit']}".strip()


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_row_of_a_leaf_decodes(leaf: str) -> None:
    for row in LEAVES[leaf]:
        low, _ = span(row["bits"])
        ones = (1 << width(row)) - 1
        for raw in {0, 1, ones, 0x41424344 & ones, 0x49656E69 & ones}:
            assert decoded_texts(row, 0xFFFFFFFF ^ ones << low | raw << low) == [expected_text(row, raw)], row


def decoded_texts(row: dict[str, str], word: int) -> list[str]:
    """Decode a register in which a row's field lies, for a CPU that has it, and take what that field says."""
    vendor = row["vendors"].split()[0]
    plan = Atlas.load().field_table.plan(
        int(row["leaf"], 16), span(row["subleaves"])[1], None if vendor == "any" else vendor
    )
    key = row["name"], Register(row["register"]), *span(row["bits"])
    return [
        decode_field(field, word >> shift & mask).text
        for _, shift, mask, field in plan
        if (field.name, field.register, field.low, field.high) == key
    ]


def test_all_zeros_and_all_ones_decode_in_every_leaf_of_every_vendor() -> None:
    fields = Atlas.load().field_table
    for leaf in fields.leaves:
        for vendor in {None, *CPU_VENDORS, *HYPERVISORS}:
            for subleaf in (0, 1, 2, 31, 63, 0xFFFFFFFF):
                for word in (0, 0xFFFFFFFF):
                    for _, shift, mask, field in fields.plan(leaf, subleaf, vendor):
                        decode_field(field, word >> shift & mask)


# Encodings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "raw", "value", "text"),
    [
        (field("flag", "3"), 1, True, "yes"),
        (field("flag", "3"), 0, False, "no"),
        (field("number", unit="MHz"), 24, 24, "24 MHz"),
        (field("times-8", unit="bytes"), 8, 64, "64 bytes"),
        (field("minus-1", unit="ways"), 7, 8, "8 ways"),
        (field("minus-24", unit="bits"), 20, 44, "44 bits"),
        (field("log2", unit="bytes"), 36, 1 << 36, "68719476736 bytes"),
        (field("hex", "0-11"), 0x9F, 0x9F, "0x09f"),
        (field("text", "0-31"), 0x756E6547, "Genu", '"Genu"'),
        (field("text", "0-31"), 0xFF004142, "BA\\x00\\xff", '"BA\\x00\\xff"'),
        (field("values", values="0=none;1=data"), 1, 1, "data"),
        (field("values", unit="ways", values="255=fully associative"), 8, 8, "8 ways"),
        (field("set", values="0=8;1=16"), 0b111, (0, 1, 2), "8, 16, 2"),
        (field("set"), 0, (), "none"),
        (field("set", values="4=four"), 0b1011_1111, (0, 1, 2, 3, 4, 5, 7), "0-3, four, 5, 7"),
    ],
)
def test_an_encoding_gives_a_value_and_its_text(made: Field, raw: int, value: object, text: str) -> None:
    assert decode_field(made, raw) == (value, text)


@pytest.mark.parametrize("encoding", ["bcd", "times-", "minus-x", "plus-1", ""])
def test_an_encoding_that_is_not_known_is_an_error_of_the_table(encoding: str) -> None:
    with pytest.raises(InputError, match="encoding"):
        decode_field(field(encoding), 1)


# Plans -----------------------------------------------------------------------------------------------

LOW, HIGH, OTHER = (
    "7,0,ebx,0-7,low,any,number,,,Low,s",
    "7,1-3,ebx,8,high,intel,flag,,,High,s",
    "7,1-3,ebx,8-15,other,amd hygon,number,,,Other,s",
)


def names(fields: FieldTable, leaf: int, subleaf: int, vendor: str | None) -> list[str]:
    return [step.field.name for step in fields.plan(leaf, subleaf, vendor)]


def test_a_plan_has_the_fields_of_subleaf_and_vendor(tmp_path: Path) -> None:
    fields = table(tmp_path, LOW, HIGH, OTHER)
    assert fields.leaves == (7,)
    assert names(fields, 7, 0, "intel") == ["low"]
    assert names(fields, 7, 3, "intel") == ["high"]
    assert names(fields, 7, 2, "hygon") == ["other"]
    assert names(fields, 7, 2, "zhaoxin") == []
    assert names(fields, 7, 4, "intel") == []
    assert names(fields, 8, 0, "intel") == []


def test_without_a_vendor_bits_get_the_first_of_their_meanings(tmp_path: Path) -> None:
    assert names(table(tmp_path, LOW, HIGH, OTHER), 7, 1, None) == ["high"]


def test_a_step_takes_the_field_out_of_a_row(tmp_path: Path) -> None:
    (step,) = table(tmp_path, OTHER).plan(7, 1, "amd")
    assert (step.position, step.shift, step.mask) == (1, 8, 0xFF)
    assert (0, 0xABCD, 0, 0)[step.position] >> step.shift & step.mask == 0xAB
    assert step.field.bits().plain == "7.1.ebx.8-15"
    assert step.field.bits(3).plain == "7.3.ebx.8-15"


def test_a_plan_is_made_once(tmp_path: Path) -> None:
    fields = table(tmp_path, LOW)
    assert fields.plan(7, 0, "amd") is fields.plan(7, 0, "amd")
    assert fields.plan(7, 9, "amd") == ()
    assert len(fields._plans) == 1


def test_a_hypervisors_second_interface_has_the_same_fields() -> None:
    fields = Atlas.load().field_table
    assert fields.plan(0x40000101, 0, "kvm") == fields.plan(0x40000001, 0, "kvm")
    assert names(fields, 0x40000001, 0, "kvm")[0] == "kvm_clocksource"
    assert names(fields, 0x40000001, 0, "hyperv") == ["hv_interface"]
    assert names(fields, 0x40000001, 0, None) == []
    assert names(fields, 0x40000200, 0, "xen")[0] == "max_hyp_leaf"


def test_a_field_is_described_by_itself_or_by_the_feature_that_it_is() -> None:
    atlas = Atlas.load()
    fields = {step.field.name: step.field for step in atlas.field_table.plan(7, 0, "intel")}
    feature = atlas.field_feature(fields["sgx_lc"])
    assert feature is not None
    assert feature.name == "sgxlc"
    assert atlas.describe_field(fields["sgx_lc"]) == feature.title
    assert atlas.describe_field(fields["leaf7_n_subleaves"]) == "Highest subleaf of leaf 7"
    assert atlas.field_feature(fields["leaf7_n_subleaves"]) is None


def test_every_field_has_a_description_by_the_lookup() -> None:
    atlas = Atlas.load()
    for leaf in atlas.field_table.leaves:
        assert all(atlas.describe_field(field) for field in atlas.field_table.of_leaf(leaf))


def test_a_row_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="field table") as caught:
        table(tmp_path, "7,0,ebx,x,low,any,number,,,Low,s").of_leaf(7)
    assert "7.0.ebx.x" in str(caught.value.found)


# The kernel's table ----------------------------------------------------------------------------------

KERNEL = """\
# LEAF, SUBLEAVES, reg, bits, short_name, long_description

 0x7,  0, ebx,   2, sgx    , Some words, and more
 0x7,  0, ebx,   2, ours   , Another name
 0xd, 63:2, eax, 31:0, xsave_sz, In rows of ours by subleaf
"""


def test_a_newer_kernels_table_is_compared_by_place_and_name() -> None:
    fields = parse_kernel_fields(KERNEL)
    assert [field.place.name for field in fields] == ["sgx", "ours", "xsave_sz"]
    assert [field.place.name for field in find_missing(fields, ROWS)] == ["ours"]


def test_a_line_of_the_kernels_table_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ValueError, match="line 2"):
        parse_kernel_fields("# head\n0x7, 0, ebx\n")


# Against what was measured ---------------------------------------------------------------------------


@pytest.mark.shared_data
def test_all_fields_of_the_kernels_table_are_there_in_other_words() -> None:
    text = (Path(DATA) / "linux-7.2-cpuid.csv").read_text(encoding="utf-8")
    kernel = parse_kernel_fields(text)
    assert len(kernel) == 937
    assert find_missing(kernel, ROWS) == []
    theirs = {(field.place, field.text.split(",", 5)[5].strip().lower()) for field in kernel}
    ours = {(place_of(row), row["description"].lower()) for row in ROWS}
    assert not theirs & ours


def other_sources() -> list[dict[str, str]]:
    with (Path(DATA) / "cpuid_field_positions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if row["low_bit"].isdigit() and row["high_bit"].isdigit()]


@pytest.mark.shared_data
def test_no_description_is_another_programs_label() -> None:
    labels = {row["short_name"].strip().lower() for row in other_sources()}
    same = {row["description"] for row in ROWS if row["description"].lower() in labels - {""}}
    assert not same


@pytest.mark.shared_data
def test_positions_are_those_of_other_sources() -> None:
    known: dict[str, int] = defaultdict(int)
    for row in other_sources():
        leaf, bits = int(row["leaf"], 16), range(int(row["low_bit"]), int(row["high_bit"]) + 1)
        known[f"{leaf:x}.{row['reg']}"] |= sum(1 << bit for bit in bits)
    alone = set()
    for row in ROWS:
        low, _ = span(row["bits"])
        mask = (1 << width(row)) - 1 << low
        word = f"{row['leaf']}.{row['register']}"
        if mask & ~known[word]:
            alone.add(word)
    assert alone <= set(OURS_ALONE)
