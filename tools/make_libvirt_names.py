"""Writes atlas/tables/libvirt.csv from the x86 feature maps of several libvirt releases.

    python -m tools.make_libvirt_names 9.0=/usr/share/libvirt/cpu_map 11.3=DIRECTORY ...

Oldest release first. Names, positions, aliases and migratability are taken, as facts; the maps' comments
and text are not.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree
from tools.table_file import TABLES, cpuid_bit, msr_bit, read_known_since, render_table

COLUMNS = ("name", "bits", "earlier", "since", "migratable", "aliases", "order")
CPUID_REGISTERS = ("eax", "ebx", "ecx", "edx")
MSR_HALVES = (("eax", 0), ("edx", 32))


@dataclass(frozen=True, slots=True)
class MapFeature:
    """One feature of a map: its bits as addresses, its aliases as `source:name`."""

    name: str
    bits: tuple[str, ...]
    migratable: bool
    aliases: tuple[str, ...]


def set_bits(mask: int) -> list[int]:
    """The numbers of the bits that are set in a 32-bit mask, lowest first."""
    return [bit for bit in range(32) if mask >> bit & 1]


def hexadecimal(attributes: Mapping[str, str], name: str) -> int:
    """A map attribute's number; libvirt reads a missing one as zero."""
    return int(attributes.get(name, "0"), 16)


def parse_bits(feature: etree._Element) -> tuple[str, ...]:
    """The addresses of a feature's bits."""
    bits: list[str] = []
    for item in feature:
        cells = {str(key): str(value) for key, value in item.attrib.items()}
        if item.tag == "cpuid":
            leaf, subleaf = hexadecimal(cells, "eax_in"), hexadecimal(cells, "ecx_in")
            for register in CPUID_REGISTERS:
                mask = hexadecimal(cells, register)
                bits.extend(cpuid_bit(leaf, subleaf, register, bit) for bit in set_bits(mask))
        elif item.tag == "msr":
            index = hexadecimal(cells, "index")
            for half, base in MSR_HALVES:
                mask = hexadecimal(cells, half)
                bits.extend(msr_bit(index, base + bit) for bit in set_bits(mask))
    return tuple(bits)


def read_map(directory: Path) -> dict[str, MapFeature]:
    """The features of a map directory's x86_features.xml by name.

    Raises:
        ValueError: the file is no feature map.
    """
    path = directory / "x86_features.xml"
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    features = {}
    for feature in etree.parse(path, parser).getroot().findall("feature"):
        name = str(feature.get("name"))
        aliases = sorted(f"{alias.get('source')}:{alias.get('name')}" for alias in feature.findall("alias"))
        migratable = feature.get("migratable") != "no"
        features[name] = MapFeature(name, parse_bits(feature), migratable, tuple(aliases))
    if not features:
        raise ValueError(f"{path}: no <feature> in it; expected libvirt's x86 feature map")
    return features


def merge_maps(maps: Sequence[tuple[str, Mapping[str, MapFeature]]]) -> Iterable[tuple[str, ...]]:
    """The table's rows: each name with the newest map's facts and the first release seen to have it."""
    known = read_known_since("libvirt")
    oldest = last_version = maps[0][0]
    newest: dict[str, MapFeature] = {}
    since: dict[str, str] = {}
    earlier: dict[str, str] = {}
    for version, features in maps:
        for name, feature in features.items():
            before = newest.get(name)
            if before and before.bits != feature.bits:
                earlier[name] = f"{last_version}:{'+'.join(before.bits)}"
            newest[name] = feature
            since.setdefault(name, f"{version}-" if version == oldest else version)
        last_version = version
    order = {name: str(place) for place, name in enumerate(maps[-1][1])}
    for name, feature in sorted(newest.items()):
        yield (
            name,
            "+".join(feature.bits),
            earlier.get(name, ""),
            known.get(name, since[name]),
            "" if feature.migratable else "no",
            ";".join(feature.aliases),
            order.get(name, ""),
        )


def main() -> None:
    """Writes the table."""
    parser = argparse.ArgumentParser(description="Write atlas/tables/libvirt.csv.")
    parser.add_argument("maps", nargs="+", metavar="VERSION=DIRECTORY", help="cpu_map directories, oldest first")
    arguments = parser.parse_args()
    try:
        maps = []
        for given in arguments.maps:
            version, _, directory = given.partition("=")
            maps.append((version, read_map(Path(directory))))
        rows = list(merge_maps(maps))
    except (OSError, ValueError, etree.XMLSyntaxError) as error:
        sys.exit(f"make_libvirt_names: {error}")
    counts = ", ".join(f"{version} ({len(features)})" for version, features in maps)
    notes = (
        f"Every feature name of libvirt's x86 CPU map and its bits: {len(rows)} names.",
        "",
        f"Origin: the feature maps of libvirt {counts}.",
        "Terms: Apache-2.0, as this project; names and positions are facts, no text of the maps is here.",
        "Made by: python -m tools.make_libvirt_names; do not edit by hand, name a newer map instead.",
        "",
        "bits: addresses (leaf.subleaf.register.bit, msr.index.bit) joined by +, as the newest map has them.",
        "earlier: version:bits of the last map looked at that had the name on other bits. The VMX controls",
        "  stood on the MSR's low half (must be 1) until libvirt moved them to the high half (may be 1).",
        "since: the release that brought the name, else the first looked at that has it; a trailing - means",
        "  that release or earlier.",
        "migratable: `no` where libvirt drops the feature from a migratable CPU, else empty.",
        "aliases: other projects' names for it as the map declares them, source:name joined by ;.",
        "order: its place in the newest map, from 0; empty where that no longer has it. Order decides there.",
    )
    (TABLES / "libvirt.csv").write_text(render_table(notes, COLUMNS, rows), encoding="utf-8")


if __name__ == "__main__":
    main()
