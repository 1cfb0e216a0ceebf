"""What their writers most likely meant by names of features that a map of libvirt has not."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from vcpuid.atlas import Atlas
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.libvirt.switches import load_switches
from vcpuid.rules.lint import nearest
from vcpuid.terms.feature import Dialect, Feature

_OTHERS = (Dialect.QEMU, Dialect.LINUX, Dialect.TRAIT, Dialect.MANUAL)
_WHOSE = {Dialect.QEMU: "QEMU's", Dialect.LINUX: "/proc/cpuinfo's", Dialect.TRAIT: "OpenStack's"}


class Kind(Enum):
    """What a name is."""

    NEWER = "newer"  # a later libvirt has it
    SPELLING = "spelling"  # libvirt's, but for capital letters or blanks
    ELEMENT = "element"  # what libvirt turns on by an element of its own
    DIALECT = "dialect"  # another project's name of what libvirt has
    NAMELESS = "nameless"  # another project's name of what libvirt has no name for
    UNKNOWN = "unknown"  # nobody's


class UnknownName(NamedTuple):
    """What is known of a name.

    Attributes:
        kind: What it is.
        right: The name that the map has instead; for nobody's name the nearest, or empty.
        whose: The project that calls the feature so.
        since: The libvirt that brought it.
        element: The element that turns it on.
    """

    kind: Kind
    right: str = ""
    whose: str = ""
    since: str = ""
    element: str = ""


@lru_cache(maxsize=8)
def _folded(cpu_map: CpuMap) -> Mapping[str, str]:
    return {name.lower(): name for name in cpu_map.features}


def explain_unknown(name: str, cpu_map: CpuMap, *, is_suggesting: bool = True) -> UnknownName:
    """Say what a name is that the map has not; finding a near one costs the most and can be left out."""
    if name in shipped_map().features:
        return UnknownName(Kind.NEWER, since=_since(name))
    if (right := _folded(cpu_map).get("".join(name.split()).lower())) is not None:
        return UnknownName(Kind.SPELLING, right)
    if (switch := load_switches().get(name) or load_switches().get(name.replace("_", "-"))) is not None:
        return UnknownName(Kind.ELEMENT, element=switch.element)
    feature, dialect = _elsewhere(name)
    if feature is None or dialect is None:
        close = nearest(name.lower(), cpu_map.features) if is_suggesting else None
        return UnknownName(Kind.UNKNOWN, close or "")
    whose = _WHOSE.get(dialect, "the manuals'")
    libvirt = name_in_map(feature, cpu_map)
    return UnknownName(Kind.DIALECT if libvirt else Kind.NAMELESS, libvirt or "", whose)


def right_name(name: str, cpu_map: CpuMap) -> str | None:
    """Give the map's name for what anybody calls so, or None."""
    if name in cpu_map.features:
        return name
    feature, _ = _elsewhere(name)
    return name_in_map(feature, cpu_map) if feature else None


def name_in_map(feature: Feature, cpu_map: CpuMap) -> str | None:
    """Give the map's name for a feature, or None."""
    names = feature.names.get(Dialect.LIBVIRT, ())
    return next((name.text for name in names if name.text in cpu_map.features), None)


def _since(name: str) -> str:
    feature = Atlas.load().named(Dialect.LIBVIRT, name)
    names = feature.names.get(Dialect.LIBVIRT, ()) if feature else ()
    since = next((own.since for own in names if own.text == name and own.since), shipped_map().version)
    return since.removesuffix("-")


def _elsewhere(name: str) -> tuple[Feature | None, Dialect | None]:
    """Give what another dialect calls so, and that dialect; QEMU takes an underscore for a dash."""
    atlas = Atlas.load()
    for spelling in dict.fromkeys((name, name.replace("_", "-"))):
        for dialect in _OTHERS:
            if (feature := atlas.named(dialect, spelling)) is not None:
                return feature, dialect
    return None, None
