"""The elements of the domain XML that turn on what libvirt does not take as a <feature>."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from vcpuid.atlas.tables import load_table
from vcpuid.terms.feature import Dialect, Feature


class Switch(NamedTuple):
    """A property of QEMU's -cpu and the element that turns it on.

    Attributes:
        name: QEMU's name.
        element: The element, with its parents below `<domain>`.
        since: The release of libvirt that brought it; empty where no source dates it.
    """

    name: str
    element: str
    since: str

    @property
    def path(self) -> str | None:
        """The path below the domain, a timer's with its name; None outside <features> and <clock>."""
        tags = re.findall(r"<([a-z][\w-]*)", self.element)
        if tags[0] not in ("features", "clock"):
            return None
        named = re.search(r"<timer name='(\w+)'", self.element)
        return "/".join([*tags, named[1]] if named else tags)

    @property
    def tag(self) -> str:
        """The innermost element's tag, with a timer's name."""
        steps = (self.path or self.element).split("/")
        return " ".join(steps[-2:] if steps[:2] == ["clock", "timer"] else steps[-1:])

    @property
    def wanted(self) -> Mapping[str, str]:
        """The attributes with which the innermost element turns the property on."""
        innermost = re.findall(r"<[a-z][^<>]*/>", self.element)[-1]
        return dict(re.findall(r"([\w-]+)='([^']*)'", innermost))

    def is_on(self, attributes: Mapping[str, str]) -> bool:
        """Tell whether the innermost element, which has these attributes, turns the property on."""
        # An element without the attribute has its default: on, present.
        return all(attributes.get(name, value) == value for name, value in self.wanted.items())


@cache
def load_switches() -> Mapping[str, Switch]:
    """Give every switch by QEMU's name."""
    rows = load_table("switches", f"{__file__.rpartition('/')[0]}/tables")
    return {row["name"]: Switch(row["name"], row["element"], row["since"]) for row in rows}


def switch_of(feature: Feature) -> Switch | None:
    """Give the element that turns a feature on, or None where there is no such element."""
    switches = load_switches()
    return next((switches[name] for name in feature.spellings(Dialect.QEMU) if name in switches), None)
