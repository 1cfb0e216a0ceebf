"""Writes atlas/tables/fields.csv from the Linux kernel's CC0 table of CPUID bit fields.

    python -m tools.make_fields tools/arch/x86/kcpuid/cpuid.csv --linux 7.2

Positions and names only: the table's descriptions are left behind, ours are in features.csv.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import NamedTuple

from tools.table_file import TABLES, render_table

REGISTERS = ("eax", "ebx", "ecx", "edx")
COLUMNS = ("leaf", "subleaves", "register", "bits", "name")


class Field(NamedTuple):
    """One bit field; its order is the table's order."""

    leaf: int
    subleaf_low: int
    subleaf_high: int
    register: int
    bit_low: int
    bit_high: int
    name: str


def parse_range(text: str) -> tuple[int, int]:
    """Reads `5` or `high:low` (decimal) as (low, high)."""
    numbers = sorted(int(part) for part in text.split(":"))
    return numbers[0], numbers[-1]


def parse_fields(text: str) -> list[Field]:
    """Reads the kernel's rows `LEAF, SUBLEAVES, reg, bits, short_name, long_description`.

    Raises:
        ValueError: a row has not the form above; the message names the line.
    """
    fields = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split(",", 5)]
        try:
            leaf, subleaves, register, bits, name, _description = cells
            place = (int(leaf, 16), *parse_range(subleaves), REGISTERS.index(register), *parse_range(bits))
            fields.append(Field(*place, name))
        except ValueError as error:
            raise ValueError(f"line {number}: {line.strip()!r}: {error}") from error
    return sorted(fields)


def parse_generator(text: str) -> str:
    """The version line that the kernel's table carries, such as `x86-cpuid-db v3.1`."""
    found = re.search(r"^# Generator: (.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else "of unstated version"


def render_range(low: int, high: int) -> str:
    """Writes a range low to high, or its one member."""
    return str(low) if low == high else f"{low}-{high}"


def render_fields(text: str, linux: str) -> str:
    """The text of fields.csv for the text of the kernel's table."""
    fields = parse_fields(text)
    notes = (
        f"Every CPUID bit field that Linux {linux} names: {len(fields)} fields, positions and names.",
        "",
        f"Origin: Linux {linux}, tools/arch/x86/kcpuid/cpuid.csv ({parse_generator(text)}), names verbatim.",
        "Terms: CC0-1.0, as its origin.",
        "Made by: python -m tools.make_fields; do not edit by hand, a new kernel's table replaces it.",
        "",
        "leaf: hexadecimal. subleaves, bits: decimal, one or low-high.",
    )
    rows = (
        (
            f"{field.leaf:x}",
            render_range(field.subleaf_low, field.subleaf_high),
            REGISTERS[field.register],
            render_range(field.bit_low, field.bit_high),
            field.name,
        )
        for field in fields
    )
    return render_table(notes, COLUMNS, rows)


def main() -> None:
    """Writes the table."""
    parser = argparse.ArgumentParser(description="Write atlas/tables/fields.csv.")
    parser.add_argument("source", type=Path, help="the kernel's cpuid.csv")
    parser.add_argument("--linux", required=True, metavar="VERSION", help="the kernel that it is from")
    arguments = parser.parse_args()
    try:
        table = render_fields(arguments.source.read_text(encoding="utf-8"), arguments.linux)
    except ValueError as error:
        sys.exit(f"{arguments.source}: {error}")
    (TABLES / "fields.csv").write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
