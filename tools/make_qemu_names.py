"""Writes atlas/tables/qemu.csv from what three QEMU releases were seen to accept.

    python -m tools.make_qemu_names 7.2=FLAGS.json 11.1=FLAGS.json --words 10.2=WORDS.json

A FLAGS file holds one binary's boolean CPU properties and the bits that each sets, measured by starting
it; the WORDS file holds the feature words of one release's sources. Oldest release first.
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
    render_table,
)

COLUMNS = ("name", "bits", "also", "alias_of", "since", "until")
SIDE_EFFECTS = frozenset({"avx10-128", "xsave"})
"""Properties whose first bit is their meaning; the others they set come along with it."""


@dataclass(frozen=True, slots=True)
class Property:
    """One boolean property of QEMU's x86 CPUs."""

    name: str
    bits: tuple[str, ...]
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


def read_flags(version: str, path: Path) -> Release:
    """Reads a FLAGS file."""
    document = json.loads(path.read_text(encoding="utf-8"))
    properties = {name: Property(name, ()) for name in document["no_word"]}
    for name, flag in document["flags"].items():
        bits = tuple(address(place) for place in flag.get("bits", [flag]))
        properties[name] = Property(name, bits, flag.get("alias_of", ""))
    return Release(version, properties, words_only=False)


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
        places = measured[0].bits
        own_bits = 1 if name in SIDE_EFFECTS else len(places)
        first, last = having[0].version, having[-1].version
        since = known.get(name, f"{first}-" if first == releases[0].version else first)
        until = "" if last == releases[-1].version else last
        yield name, "+".join(places[:own_bits]), "+".join(places[own_bits:]), measured[0].alias_of, since, until


def parse_source(given: str) -> tuple[str, Path]:
    """Splits VERSION=FILE."""
    version, _, path = given.partition("=")
    return version, Path(path)


def main() -> None:
    """Writes the table."""
    parser = argparse.ArgumentParser(description="Write atlas/tables/qemu.csv.")
    parser.add_argument("flags", nargs="+", metavar="VERSION=FILE", help="properties measured from a binary")
    parser.add_argument("--words", metavar="VERSION=FILE", help="feature words of a release's sources")
    arguments = parser.parse_args()
    try:
        releases = [read_flags(*parse_source(given)) for given in arguments.flags]
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
