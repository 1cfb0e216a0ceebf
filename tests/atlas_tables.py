"""The atlas's tables as plain CSV, so that a fault of the loader hides nothing from the tests of them."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

TABLES = Path(__file__).resolve().parents[1] / "src" / "vcpuid" / "atlas" / "tables"
TABLE_NAMES = (
    *("features", "fields", "hypervisors", "leaf2_descriptors", "leaves", "libvirt", "linux"),
    *("microarchitectures", "msr_fields", "msrs", "qemu", "traits"),
)
NAME_COLUMNS = {"libvirt": "name", "linux": "name", "qemu": "name", "traits": "trait"}
VENDORS = {"any", "intel", "amd", "hygon", "zhaoxin", "centaur"}
HYPERVISORS = {"kvm"}
CPUID_BIT = re.compile(r"(0|[1-9a-f][0-9a-f]*)\.(0|[1-9]\d*)\.(e[abcd]x)\.([12]?\d|3[01])")
MSR_BIT = re.compile(r"msr\.([1-9a-f][0-9a-f]*)\.([1-5]?\d|6[0-3])")


def read_rows(table: str) -> list[dict[str, str]]:
    """Give the rows of a table."""
    lines = (TABLES / f"{table}.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def split_bits(row: dict[str, str], *columns: str) -> list[str]:
    """Give every address in the columns of a row, whether its bits are joined by + or by |."""
    return [bit for column in columns for bit in re.split(r"[+|]", row.get(column, "")) if bit]


def place(address: str) -> tuple[int, ...]:
    """Give a key to sort by: CPUID bits by leaf, subleaf, register, bit; then MSR bits."""
    if found := MSR_BIT.fullmatch(address):
        return 1, int(found[1], 16), int(found[2])
    found = CPUID_BIT.fullmatch(address)
    assert found, f"{address!r} is no address"
    return 0, int(found[1], 16), int(found[2]), "abcd".index(found[3][1]), int(found[4])


def span(text: str) -> tuple[int, int]:
    """Give the first and the last of a range."""
    low, _, high = text.partition("-")
    return int(low), int(high or low)


def addresses_of_all_tables() -> Iterator[tuple[str, dict[str, str], str]]:
    """Walk every address: its table, row and bit."""
    for table in ("features", *NAME_COLUMNS):
        for row in read_rows(table):
            for bit in split_bits(row, "bits", "any_of", "also", "mirror"):
                yield table, row, bit
            if row.get("earlier"):
                for bit in row["earlier"].partition(":")[2].split("+"):
                    yield table, row, bit


def repeated(names: list[str]) -> list[str]:
    """Give the names that stand more than once."""
    return [name for name, times in Counter(names).items() if times > 1]
