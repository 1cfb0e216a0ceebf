"""Writes atlas/tables/qemu.csv from what QEMU's releases were seen to accept.

    python -m tools.make_qemu_names --words 10.2=WORDS.json

The releases are those of which `tools.measure_qemu` has made tables; the WORDS file holds the feature words of one
release's sources, which date names more closely.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.table_file import (
    TABLES,
    TRUE_CONTROL_MSRS,
    cpuid_bit,
    msr_bit,
    read_known_since,
    read_rows,
    render_table,
)

MEASURED = TABLES.parents[1] / "rules" / "qemu" / "tables"
OF_THE_HOST = frozenset({"host-cache-info", "migratable"})
"""Switches that only the models `host` and `max` have."""
COLUMNS = ("name", "bits", "also", "alias_of", "since", "until")


@dataclass(frozen=True, slots=True)
class Property:
    """One boolean property of QEMU's x86 CPUs."""

    name: str
    bits: tuple[str, ...]
    also: tuple[str, ...] = ()
    alias_of: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """The properties that one release was seen to have."""

    version: str
    properties: Mapping[str, Property]
    words_only: bool
    """Whether properties without a bit in a feature word are beyond this source."""


def address(place: Mapping[str, Any]) -> str:
    """The address of one bit of a FLAGS or WORDS file; there, a VMX control's MSR bit is its number n."""
    if "msr" in place:
        index = place["msr"] if isinstance(place["msr"], int) else int(place["msr"], 16)
        return msr_bit(index, place["bit"] + (32 if index in TRUE_CONTROL_MSRS else 0))
    return cpuid_bit(place["leaf"], place["subleaf"] or 0, place["reg"], place["bit"])


def read_tables(folder: Path) -> Release:
    """Reads the tables of one measured release."""
    rows = {row["name"]: row for row in read_rows(folder / "features.csv")}
    properties = {
        row["name"]: Property(row["name"], ())
        for row in read_rows(folder / "properties.csv")
        if row["type"] == "bool" and row["name"] not in OF_THE_HOST
    }
    comes_along: dict[str, tuple[str, ...]] = {}
    for row in read_rows(folder / "xsave.csv"):
        if row["features"] == "xsave":  # other components need it besides
            comes_along["xsave"] = (*comes_along.get("xsave", ()), row["bit"])
    for name, row in rows.items():
        preferred = row["alias_of"] or name
        bits = tuple(rows[preferred]["bits"].split("+"))
        properties[name] = Property(name, bits, comes_along.get(preferred, ()), row["alias_of"])
    return Release(folder.name, properties, words_only=False)


def read_words(version: str, path: Path) -> Release:
    """Reads a WORDS file; a name on several bits has them all."""
    bits: dict[str, tuple[str, ...]] = {}
    for word in json.loads(path.read_text(encoding="utf-8"))["words"]:
        for bit, name in word["bits"].items():
            bits[name] = (*bits.get(name, ()), address({**word, "bit": int(bit)}))
    return Release(version, {name: Property(name, places) for name, places in bits.items()}, words_only=True)


def version_key(version: str) -> tuple[int, ...]:
    """Sorts releases by number: 7.2 before 10.2."""
    return tuple(int(part) for part in version.split("."))


def merge_releases(releases: Sequence[Release]) -> Iterable[tuple[str, ...]]:
    """The table's rows, by name.

    Raises:
        ValueError: two releases put a name on different bits.
    """
    known = read_known_since("qemu")
    names = sorted({name for release in releases for name in release.properties})
    for name in names:
        having = [release for release in releases if name in release.properties]
        measured = [release.properties[name] for release in having if not release.words_only]
        if len(set(measured)) != 1:
            raise ValueError(f"{name}: releases disagree: {[one.bits for one in measured]}")
        one = measured[0]
        first, last = having[0].version, having[-1].version
        since = known.get(name, f"{first}-" if first == releases[0].version else first)
        until = "" if last == releases[-1].version else last
        yield name, "+".join(one.bits), "+".join(one.also), one.alias_of, since, until


def parse_source(given: str) -> tuple[str, Path]:
    """Splits VERSION=FILE."""
    version, _, path = given.partition("=")
    return version, Path(path)


def main() -> None:
    """Writes the table."""
    parser = argparse.ArgumentParser(description="Write atlas/tables/qemu.csv.")
    parser.add_argument("--words", metavar="VERSION=FILE", help="feature words of a release's sources")
    arguments = parser.parse_args()
    try:
        releases = [read_tables(folder) for folder in MEASURED.iterdir() if folder.is_dir()]
        if arguments.words:
            releases.append(read_words(*parse_source(arguments.words)))
        releases.sort(key=lambda release: version_key(release.version))
        rows = list(merge_releases(releases))
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"make_qemu_names: {error}")
    looked_at = [
        f"QEMU {release.version}: {'feature words of its sources' if release.words_only else 'its binary'}, "
        f"{sum(1 for one in release.properties.values() if one.bits)} names with bits."
        for release in releases
    ]
    notes = (
        f"Every boolean property of QEMU's x86 CPUs and the bits that it sets: {len(rows)} names.",
        "",
        *(f"{'Origin:' if number == 0 else '       '} {line}" for number, line in enumerate(looked_at)),
        "Terms: Apache-2.0, as this project; names and positions are facts.",
        "Made by: python -m tools.make_qemu_names; do not edit by hand.",
        "",
        "bits: addresses (leaf.subleaf.register.bit, msr.index.bit) joined by +; an MSR bit is the hardware's:",
        "  for a VMX control's number n the allowed-1 bit 32+n. Empty: the property sets no feature bit.",
        "also: bits that the property sets along with its own.",
        "alias_of: the property that this one is another spelling of.",
        "since: the release that brought the name, else the first looked at that has it; a trailing - means",
        "  that release or earlier. A name without bits is looked for in the binaries alone.",
        "until: the last release looked at that has it, empty if the newest has it.",
    )
    (TABLES / "qemu.csv").write_text(render_table(notes, COLUMNS, rows), encoding="utf-8")


if __name__ == "__main__":
    main()
