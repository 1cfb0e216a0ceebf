"""What is known of a QEMU by its version: measured on its binary by `python -m tools.measure_qemu`.

A table's version is a release without the number of its bug-fixes: 7.2 stands for 7.2.22.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from vcpuid.atlas.tables import load_table
from vcpuid.errors import InputError
from vcpuid.terms.address import Bits, parse_bit
from vcpuid.terms.guest import Accelerator

TABLES = f"{__file__.rpartition('/')[0]}/tables"

_VERSION = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){0,2}")
_EVERY_MODEL = "*"
_FUNC7 = "7."


class QemuFeature(NamedTuple):
    """One feature.

    Attributes:
        name: QEMU's preferred spelling.
        bits: What it sets.
        needs: What must be on too, or QEMU drops it; a switch such as `pmu` may be among them.
        conflicts: What it is dropped beside.
        raises: The maximum leaves that it raises, unless one is given.
        raises_anyway: Those of them that it raises even with `full-cpuid-auto-level` off.
        raises_func7: The highest subleaf of leaf 7 that it brings.
        in_tcg: Whether TCG gives it.
        kvm_only: Whether it exists under KVM alone.
        in_max: Whether the models `max` and `host` have it where the accelerator gives it.
    """

    name: str
    bits: tuple[Bits, ...]
    needs: tuple[str, ...]
    conflicts: tuple[str, ...]
    raises: tuple[int, ...]
    raises_anyway: tuple[int, ...]
    raises_func7: int
    in_tcg: bool
    kvm_only: bool
    in_max: bool


class QemuModel(NamedTuple):
    """One CPU model, as it is before an accelerator or a machine type changes it.

    Attributes:
        name: Its name.
        is_static: Whether nothing changes it.
        is_host: Whether it is what the accelerator gives (`host`, `max`); its features are then TCG's.
        settings: Properties that are no features, by name; the maxima are decimal.
        features: What it has.
    """

    name: str
    is_static: bool
    is_host: bool
    settings: Mapping[str, str]
    features: frozenset[str]


class Machine(NamedTuple):
    """One machine type, as far as it concerns the CPU.

    Attributes:
        name: Its name.
        newer: The machine type of which it has all changes, its own besides; empty for none.
        cpu: Its default model.
        versions: What a model's name without a version means: `v1`, `latest`; empty where it is a model itself.
    """

    name: str
    newer: str
    cpu: str
    versions: str


class Change(NamedTuple):
    """A property that an accelerator or a machine type sets on models."""

    name: str
    value: str
    models: frozenset[str]

    def concerns(self, model: QemuModel, name: str, *, is_feature: bool) -> bool:
        """Tell whether it is for this model, which the guest asks for by this name."""
        if name in self.models:
            return True
        return _EVERY_MODEL in self.models and not (is_feature and (model.is_static or model.is_host))


@dataclass(frozen=True, slots=True)
class Qemu:
    """A QEMU's knowledge.

    Attributes:
        version: The version whose tables these are.
        asked: The version for which they were asked.
        features: Every feature by its preferred name.
        aliases: Other spellings to the preferred one.
        components: XSAVE component bits and the features of which any brings it.
        tcg_components: Those that TCG gives.
        mirrors: Vendor to bit to the bit that it repeats.
        properties: What -cpu takes besides features: name to `(type, default)`.
    """

    version: str
    asked: str
    features: Mapping[str, QemuFeature]
    aliases: Mapping[str, str]
    components: Mapping[Bits, tuple[str, ...]]
    tcg_components: frozenset[Bits]
    mirrors: Mapping[str, Mapping[Bits, Bits]]
    properties: Mapping[str, tuple[str, str]]
    _models: Mapping[str, Mapping[str, str]]
    _machines: Mapping[str, Machine]
    _changes: Mapping[tuple[str, str], tuple[Change, ...]]

    @property
    def is_exact(self) -> bool:
        """Whether the tables are those of the version that was asked for."""
        return version_of(self.asked)[:2] == version_of(self.version)

    @property
    def label(self) -> str:
        """Whose rules these are, in words."""
        nearest = "" if self.is_exact else f", the nearest to {self.asked} that was measured"
        return f"QEMU {self.version}{nearest}"

    def feature(self, name: str) -> QemuFeature | None:
        """Give a feature by any of its spellings, or None."""
        return self.features.get(self.aliases.get(name, name))

    @property
    def models(self) -> tuple[str, ...]:
        """The names of all models."""
        return tuple(self._models)

    @property
    def machines(self) -> tuple[str, ...]:
        """The names of all machine types, aliases among them."""
        return tuple(self._machines)

    def model(self, name: str) -> QemuModel:
        """Give a model.

        Raises:
            InputError: There is none of this name.
        """
        row = self._models.get(name)
        if row is None:
            raise InputError(f"{self.label} has no CPU model of this name", found=repr(name))
        features = frozenset(row["added"].split())
        if row["ancestor"]:
            features |= self.model(row["ancestor"]).features.difference(row["removed"].split())
        return QemuModel(
            name,
            row["kind"] == "static",
            row["kind"] == "host",
            dict(_settings(row)),
            features,
        )

    def version_meant(self, name: str, machine: Machine) -> str:
        """Give the model that a name means on a machine type."""
        if machine.versions != "latest":
            return name
        versions = (f"{name}-v{number}" for number in range(1, 100))
        return max((version for version in versions if version in self._models), key=_number_of, default=name)

    def machine(self, name: str | None) -> Machine:
        """Give a machine type; None is the one that QEMU takes by itself.

        Raises:
            InputError: There is none of this name, or it is one that was not measured.
        """
        machine = self._machines.get(name or "pc")
        if machine is None:
            raise InputError(
                f"{self.label} has no machine type of this name that was measured",
                found=repr(name),
                next_step="See `qemu-system-x86_64 -machine help`.",
            )
        return machine

    def changes(self, machine: Machine, accelerator: Accelerator) -> Iterator[Change]:
        """Walk what is set on models, in order: of two changes of one property the later counts."""
        chain = [machine]
        while chain[-1].newer:
            chain.append(self._machines[chain[-1].newer])
        for name in ("", *(one.name for one in reversed(chain))):
            yield from self._changes.get((name, accelerator.value), ())


def version_of(text: str) -> tuple[int, ...]:
    """Read the numbers that a version begins with; empty where there are none."""
    match = _VERSION.match(text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _number_of(version: str) -> int:
    return int(version.rpartition("-v")[2])


@cache
def known_versions() -> tuple[str, ...]:
    """Give the versions that were measured, oldest first."""
    return tuple(sorted(filter(version_of, os.listdir(TABLES)), key=version_of))  # noqa: PTH208 - as in atlas.tables


def load_qemu(version: str) -> Qemu:
    """Load the tables for a version: its own, else those of the newest before it, else the oldest.

    Raises:
        InputError: The text is no version.
    """
    asked = version_of(version)
    if not asked:
        expected = f"a release, as in {known_versions()[-1]}"
        raise InputError("no version of QEMU", found=repr(version), expected=expected)
    earlier = [known for known in known_versions() if version_of(known) <= asked]
    return _load((earlier or known_versions())[-1 if earlier else 0], version)


def model_since(name: str) -> str:
    """Give the oldest measured version that has a model, in the form of the atlas (`vcpuid.atlas.describe_since`).

    The version with a minus behind it where even the oldest has it; empty where none has.
    """
    having = [version for version in known_versions() if name in load_qemu(version).models]
    if not having:
        return ""
    return f"{having[0]}-" if having[0] == known_versions()[0] else having[0]


@cache
def _load(version: str, asked: str) -> Qemu:
    folder = f"{TABLES}/{version}"
    features = load_table("features", folder)
    components = load_table("xsave", folder)
    mirrors: dict[str, dict[Bits, Bits]] = {}
    for row in load_table("mirrors", folder):
        mirrors.setdefault(row["vendor"], {})[parse_bit(row["bit"])] = parse_bit(row["repeats"])
    return Qemu(
        version=version,
        asked=asked,
        features={row["name"]: _make_feature(row) for row in features if not row["alias_of"]},
        aliases={row["name"]: row["alias_of"] for row in features if row["alias_of"]},
        components={parse_bit(row["bit"]): tuple(row["features"].split()) for row in components},
        tcg_components=frozenset(parse_bit(row["bit"]) for row in components if row["accelerator"] == "tcg"),
        mirrors=mirrors,
        properties={row["name"]: (row["type"], row["default"]) for row in load_table("properties", folder)},
        _models={row["name"]: row for row in load_table("models", folder)},
        _machines=_load_machines(folder),
        _changes=_load_changes(folder),
    )


def _make_feature(row: Mapping[str, str]) -> QemuFeature:
    raised = row["raises"].split()
    return QemuFeature(
        name=row["name"],
        bits=tuple(map(parse_bit, row["bits"].split("+"))),
        needs=tuple(row["needs"].split()),
        conflicts=tuple(row["conflicts"].split()),
        raises=tuple(int(leaf, 16) for leaf in raised if not leaf.startswith(_FUNC7)),
        raises_anyway=tuple(int(leaf, 16) for leaf in row["raises_anyway"].split()),
        raises_func7=max(
            (int(leaf.removeprefix(_FUNC7)) for leaf in raised if leaf.startswith(_FUNC7)), default=0
        ),
        in_tcg=row["accelerator"] == "tcg",
        kvm_only=row["accelerator"] == "kvm",
        in_max=row["max"] != "no",
    )


_PLAIN_SETTINGS = {
    "vendor": "vendor",
    "family": "family",
    "model": "model",
    "stepping": "stepping",
    "func7": "level-func7",
    "model_id": "model-id",
}
_MAXIMA = ("level", "xlevel", "xlevel2")


def _settings(row: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from ((name, row[column]) for column, name in _PLAIN_SETTINGS.items() if row[column])
    yield from ((name, str(int(row[name], 16))) for name in _MAXIMA if row[name])
    for setting in row["other"].split():
        name, _, value = setting.partition("=")
        yield name, value


def _load_machines(folder: str) -> dict[str, Machine]:
    machines = {}
    for row in load_table("machines", folder):
        machine = Machine(row["name"], row["newer"], row["cpu"], row["versions"])
        machines.update(dict.fromkeys(filter(None, (row["name"], row["also"])), machine))
    return machines


def _load_changes(folder: str) -> dict[tuple[str, str], tuple[Change, ...]]:
    changes: dict[tuple[str, str], list[Change]] = {}
    for row in load_table("changes", folder):
        change = Change(row["property"], row["value"], frozenset(row["models"].split()))
        for accelerator in Accelerator:
            if row["accelerator"] in ("", accelerator.value):
                changes.setdefault((row["machine"], accelerator.value), []).append(change)
    return {key: tuple(some) for key, some in changes.items()}
