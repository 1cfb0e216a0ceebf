"""How the atlas's tables are laid out in a file, for the generators beside this module.

A table is `#` lines (what it is, origin, terms, columns), one header row, then rows; UTF-8, lines ended by a
line feed alone, quotes only where CSV needs them.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

TABLES = Path(__file__).resolve().parent.parent / "src" / "vcpuid" / "atlas" / "tables"

TRUE_CONTROL_MSRS = frozenset({0x48B, 0x48D, 0x48E, 0x48F, 0x490})
"""VMX control MSRs whose bit 32+n allows control n to be 1 (Intel SDM vol. 3D, appendix A.3 to A.5)."""


def cpuid_bit(leaf: int, subleaf: int, register: str, bit: int) -> str:
    """The atlas's address of one CPUID bit: `7.0.ebx.2`."""
    return f"{leaf:x}.{subleaf}.{register}.{bit}"


def msr_bit(index: int, bit: int) -> str:
    """The atlas's address of one MSR bit: `msr.10a.0`; the bit is the hardware's, 0 to 63."""
    return f"msr.{index:x}.{bit}"


def render_table(notes: Iterable[str], columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The text of a table file; every note becomes one `#` line."""
    text = io.StringIO()
    for note in notes:
        text.write(f"# {note}".rstrip() + "\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table file, its `#` lines skipped."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def read_known_since(dialect: str) -> dict[str, str]:
    """The release that brought each name of a dialect, of the names that known_since.csv dates."""
    rows = read_rows(Path(__file__).with_name("known_since.csv"))
    return {row["name"]: row["since"] for row in rows if row["dialect"] == dialect}
