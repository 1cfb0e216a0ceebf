"""Tells which bit fields of the Linux kernel's CC0 table atlas/tables/fields.csv does not have.

    python -m tools.compare_fields tools/arch/x86/kcpuid/cpuid.csv

For every new kernel: a field that is missing is printed, and a person adds its row, with vendors, encoding and a
description in our own words. The exit status is 1 if there are any.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from tools.table_file import TABLES, read_rows


class Place(NamedTuple):
    """Where a field lies in any subleaf of its leaf, and its name."""

    leaf: int
    register: str
    bits: tuple[int, int]
    name: str


class KernelField(NamedTuple):
    """One row of the kernel's table."""

    place: Place
    subleaves: range
    text: str


def parse_range(text: str) -> tuple[int, int]:
    """Reads `5`, `high:low` or `low-high` (decimal) as (low, high)."""
    numbers = sorted(int(part) for part in text.replace(":", "-").split("-"))
    return numbers[0], numbers[-1]


def parse_subleaves(text: str) -> range:
    """Reads one subleaf or a range of them."""
    low, high = parse_range(text)
    return range(low, high + 1)


def parse_kernel_fields(text: str) -> list[KernelField]:
    """Reads the kernel's rows `LEAF, SUBLEAVES, reg, bits, short_name, long_description`.

    Raises:
        ValueError: A row does not have the form above; the message names the line.
    """
    fields = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            leaf, subleaves, register, bits, name, _description = (cell.strip() for cell in line.split(",", 5))
            place = Place(int(leaf, 16), register, parse_range(bits), name)
            fields.append(KernelField(place, parse_subleaves(subleaves), " ".join(line.split())))
        except ValueError as error:
            raise ValueError(f"line {number}: {line.strip()!r}: {error}") from error
    return fields


def place_of(row: dict[str, str]) -> Place:
    """The place of a row of our table."""
    return Place(int(row["leaf"], 16), row["register"], parse_range(row["bits"]), row["name"])


def find_missing(fields: list[KernelField], table: list[dict[str, str]]) -> list[KernelField]:
    """The fields that no rows of our table hold, in every subleaf and by the kernel's name."""
    held: dict[Place, set[int]] = defaultdict(set)
    for row in table:
        held[place_of(row)].update(parse_subleaves(row["subleaves"]))
    return [field for field in fields if not held[field.place].issuperset(field.subleaves)]


def main() -> None:
    """Prints the fields that are missing."""
    parser = argparse.ArgumentParser(description="Compare the kernel's table of CPUID fields with ours.")
    parser.add_argument("source", type=Path, help="the kernel's cpuid.csv")
    source = parser.parse_args().source
    try:
        fields = parse_kernel_fields(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        sys.exit(f"{source}: {error}")
    missing = find_missing(fields, read_rows(TABLES / "fields.csv"))
    for field in missing:
        print(field.text)
    print(f"{len(missing)} of {len(fields)} fields are missing", file=sys.stderr)
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()
