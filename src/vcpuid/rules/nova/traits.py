"""Traits of CPUs: which flag Nova sets each for, and which of them a flavor requires.

Source: Nova 34.0.0, nova/virt/libvirt/utils.py, CPU_TRAITS_MAPPING (Apache-2.0); the atlas's traits.csv holds it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache

from vcpuid.atlas.tables import load_table
from vcpuid.guest.nova.flavor import Flavor

_REQUEST = re.compile(r"trait(?:[a-zA-Z0-9_-]{1,64})?:(.*)")


@cache
def flags_by_trait() -> Mapping[str, str]:
    """Give the flag that sets each trait; a trait that Nova never sets is not in it."""
    return {row["trait"]: row["nova_flag"] for row in load_table("traits") if row["nova_flag"]}


@cache
def known_traits() -> frozenset[str]:
    """Give every trait of x86 CPUs that there is."""
    return frozenset(row["trait"] for row in load_table("traits"))


def traits_of(features: Collection[str]) -> tuple[str, ...]:
    """Give the traits that Nova sets for features by libvirt's names."""
    return tuple(sorted(trait for trait, flag in flags_by_trait().items() if flag in features))


def required_traits(flavor: Flavor) -> tuple[str, ...]:
    """Give the traits that a flavor requires, in any of its groups; what it forbids chooses no model."""
    return _wished(flavor, "required")


def forbidden_traits(flavor: Flavor) -> tuple[str, ...]:
    """Give the traits that a flavor forbids."""
    return _wished(flavor, "forbidden")


def _wished(flavor: Flavor, wish: str) -> tuple[str, ...]:
    found = (
        match.group(1)
        for key, value in flavor.specs.items()
        if value == wish and (match := _REQUEST.fullmatch(key)) is not None
    )
    return tuple(sorted(set(found)))


def required_flags(flavor: Flavor) -> frozenset[str]:
    """Give the flags that a model must have for a flavor's traits; traits without a flag ask for nothing."""
    return frozenset(flags_by_trait()[trait] for trait in required_traits(flavor) if trait in flags_by_trait())
