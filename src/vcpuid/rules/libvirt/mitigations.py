"""The features with which a guest's kernel protects itself from speculation's side channels."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import NamedTuple

from vcpuid.atlas.tables import load_table
from vcpuid.rules.libvirt.shipped import TABLES


class Mitigation(NamedTuple):
    """One protection.

    Attributes:
        names: libvirt's names of features that give it; one of them is enough.
        against: What it protects from.
    """

    names: tuple[str, ...]
    against: str


@cache
def mitigations_of(vendor: str | None) -> tuple[Mitigation, ...]:
    """Give the protections that CPUs of a vendor, by libvirt's name for it, have; none for an unknown one."""
    return tuple(
        Mitigation(tuple(row["names"].split("|")), row["against"])
        for row in load_table("mitigations", TABLES)
        if row["vendor"] == vendor
    )


def missing_mitigations(vendor: str | None, has: Collection[str], known: Collection[str]) -> list[str]:
    """Give a feature for each protection that a CPU of a vendor lacks: of those that a map knows the first."""
    return [
        names[0]
        for mitigation in mitigations_of(vendor)
        if not any(name in has for name in mitigation.names)
        and (names := [name for name in mitigation.names if name in known])
    ]
