"""What a shell offers for a word: names of features, models, vendors and formats.

The tables are read when a shell asks, and then only.
"""

from __future__ import annotations

from collections.abc import Iterable

import click


def features(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer names of one word in every dialect; before the first letter only features that have a description."""
    from vcpuid.atlas import Atlas  # noqa: PLC0415 - only a shell asks

    atlas = Atlas.load()
    if not begun:
        return sorted(feature.name for feature in atlas.features() if feature.description)
    return _beginning(begun, (name for name in atlas.names() if " " not in name))


def models(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer libvirt's CPU models, of the map that ships with us."""
    from vcpuid.rules.libvirt.shipped import shipped_map  # noqa: PLC0415 - only a shell asks

    return _beginning(begun, shipped_map().models)


def libvirt_names(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer what libvirt's map has names for: features and models."""
    from vcpuid.rules.libvirt.shipped import shipped_map  # noqa: PLC0415 - only a shell asks

    shipped = shipped_map()
    return _beginning(begun, {*shipped.features, *shipped.models})


def vendors(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer the vendors whose bits differ in meaning."""
    from vcpuid.atlas.index import VENDORS  # noqa: PLC0415 - only a shell asks

    return _beginning(begun, VENDORS)


def dump_formats(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer the formats of dumps that are read."""
    from vcpuid.dumps import FORMATS  # noqa: PLC0415 - only a shell asks

    return _beginning(begun, FORMATS)


def _beginning(begun: str, names: Iterable[str]) -> list[str]:
    """Give the names that begin so; where none does, those that do but for upper and lower case."""
    listed = sorted(names)
    exact = [name for name in listed if name.startswith(begun)]
    return exact or [name for name in listed if name.lower().startswith(begun.lower())]
