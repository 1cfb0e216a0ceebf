"""The facts of a recent map that ship with us, for machines without a libvirt."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from vcpuid.atlas.tables import load_table
from vcpuid.rules.libvirt.map import CpuMap, MapFeature, MapModel, Mask, Signature
from vcpuid.terms.address import parse_bit
from vcpuid.terms.place import Place

TABLES = f"{__file__.rpartition('/')[0]}/tables"
COLUMNS = (
    "name",
    "ancestor",
    "group",
    "marks",
    "vendor",
    "signatures",
    "features",
    "removed",
    "added",
)


@cache
def shipped_map() -> CpuMap:
    """Give the shipped map: libvirt's features from the atlas, its models from our table."""
    features = sorted((row for row in load_table("libvirt") if row["order"]), key=lambda row: int(row["order"]))
    return CpuMap(
        {row["name"]: _make_feature(row) for row in features},
        {row["name"]: _make_model(row) for row in load_table("models", TABLES)},
        {row["name"]: row["letters"] for row in load_table("vendors", TABLES)},
        "shipped with vcpuid",
        _version(),
    )


def _version() -> str:
    with Path(TABLES, "models.csv").open(encoding="utf-8") as file:
        return next(line.split()[2] for line in file if line.startswith("# version: "))


def _make_feature(row: Mapping[str, str]) -> MapFeature:
    bits = (parse_bit(address) for address in row["bits"].split("+"))
    masks = tuple(Mask(bit.word, bit.mask) for bit in bits)
    aliases = tuple(filter(None, row["aliases"].split(";")))
    return MapFeature(row["name"], masks, row["migratable"] != "no", Place("shipped with vcpuid"), aliases)


def _make_model(row: Mapping[str, str]) -> MapModel:
    marks = row["marks"].split()
    return MapModel(
        name=row["name"],
        ancestor=row["ancestor"] or None,
        vendor=row["vendor"] or None,
        signatures=tuple(_parse_signature(text) for text in row["signatures"].split()),
        features=tuple(row["features"].split()),
        removed=tuple(row["removed"].split()),
        added=tuple(row["added"].split()),
        on_host="host" in marks,
        on_guest="guest" in marks,
        is_compat="compat" in marks,
        group=row["group"] or None,
        place=Place("shipped with vcpuid"),
    )


def _parse_signature(text: str) -> Signature:
    family, model, *steppings = text.split("/")
    return Signature(int(family), int(model), int(steppings[0], 16) if steppings else 0)
