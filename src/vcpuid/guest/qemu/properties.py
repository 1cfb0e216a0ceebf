"""The properties of QEMU's x86 CPUs, and what a text given to one of them means."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from vcpuid.atlas import Atlas
from vcpuid.atlas.dating import known_in
from vcpuid.atlas.tables import load_table
from vcpuid.guest.qemu.options import parse_number
from vcpuid.terms.feature import Dialect, Feature

ON = frozenset(("on", "yes", "true", "y"))
OFF = frozenset(("off", "no", "false", "n"))
_AUTO = frozenset(("on", "off", "auto"))
_BOOL = "bool"


class Property(NamedTuple):
    """One property.

    Attributes:
        name: QEMU's name for it; that of the property itself where an alias was looked up.
        kind: What it takes: `bool`, `string`, `auto`, or an integer's width like `uint32`.
        minimum: The least value, or the least letters of a string; None for the kind's own.
        maximum: The greatest value, or the most letters; None for the kind's own.
        models: The only models that have it; empty for all.
        since: The version in which it was first seen, as in the atlas.
        until: The last version in which it was seen; empty if the newest has it.
        means: What it does, in a clause.
        feature: The feature that it is; None for one that is no feature.
    """

    name: str
    kind: str
    minimum: int | None
    maximum: int | None
    models: frozenset[str]
    since: str
    until: str
    means: str
    feature: Feature | None = None

    @property
    def spellings(self) -> frozenset[str]:
        """Every name that QEMU has for it."""
        if self.feature is not None:
            return self.feature.spellings(Dialect.QEMU)
        return frozenset(name for name, known in load_properties().items() if known.name == self.name)

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off."""
        return self.kind == _BOOL

    def is_of(self, model: str) -> bool:
        """Tell whether a model has it."""
        return not self.models or model in self.models

    def is_known_in(self, version: str) -> bool:
        """Tell whether a version of QEMU has it; of a version that was not looked at, whether it may."""
        is_last = f"{version}.".startswith(f"{self.until}.")  # 10.0.13 is a 10.0
        if self.until and known_in(Dialect.QEMU, self.until, version) and not is_last:
            return False
        return known_in(Dialect.QEMU, self.since, version) is not False

    def read(self, text: str) -> bool | int | str | None:
        """Give the value that a text is to this property, or None where QEMU refuses it."""
        if self.kind == _BOOL:
            return True if text in ON else False if text in OFF else None
        if self.kind == "auto":
            return text if text in _AUTO else None
        if self.kind == "string":
            size = len(text.encode(errors="surrogateescape"))
            return (
                text if (self.minimum or 0) <= size <= (size if self.maximum is None else self.maximum) else None
            )
        is_signed = not self.kind.startswith("u")
        number = parse_number(text, signed=is_signed)
        low, high = self._limits(is_signed=is_signed)
        return number if number is not None and low <= number <= high else None

    def _limits(self, *, is_signed: bool) -> tuple[int, int]:
        width = int(self.kind.lstrip("uint"))
        low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if is_signed else (0, (1 << width) - 1)
        return (low if self.minimum is None else self.minimum, high if self.maximum is None else self.maximum)

    @property
    def takes(self) -> str:
        """What it takes, for people."""
        if self.kind in (_BOOL, "auto"):
            return f"{self.name}=on or {self.name}=off"
        if self.kind == "string":
            return "a text" if self.minimum is None else f"{self.minimum} letters"
        low, high = self._limits(is_signed=not self.kind.startswith("u"))
        return f"a number from {low} to {high}"


@cache
def load_properties() -> Mapping[str, Property]:
    """Give every property that is no feature by its name and its aliases."""
    rows = {row["name"]: row for row in load_table("properties", __file__.rpartition("/")[0])}
    return {name: _make_property(rows[row["alias_of"] or name]) for name, row in rows.items()}


def _make_property(row: Mapping[str, str]) -> Property:
    minimum, maximum = (int(row[limit]) if row[limit] else None for limit in ("minimum", "maximum"))
    models = frozenset(row["models"].split())
    return Property(row["name"], row["type"], minimum, maximum, models, row["since"], row["until"], row["means"])


def find_property(name: str) -> Property | None:
    """Give the property that QEMU's CPUs have under exactly this name, in any version, or None."""
    known = load_properties().get(name)
    if known is not None:
        return known
    feature = Atlas.load().named(Dialect.QEMU, name)
    if feature is None:
        return None
    since = next(own.since for own in feature.names[Dialect.QEMU] if own.text == name)
    own_name = feature.name_in(Dialect.QEMU) or name
    return Property(own_name, _BOOL, None, None, frozenset(), since, "", feature.title or feature.address, feature)
