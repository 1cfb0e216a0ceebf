"""Vendors and hypervisors by the names that people give them."""

from __future__ import annotations

from collections.abc import Collection

from vcpuid.atlas import Atlas

_VENDORS = {
    "intel": "Intel",
    "amd": "AMD",
    "hygon": "Hygon",
    "zhaoxin": "Zhaoxin",
    "centaur": "Centaur",
    "transmeta": "Transmeta",
    "cyrix": "Cyrix",
    "nsc": "National Semiconductor",
}


def whose(scopes: Collection[str]) -> str:
    """Name vendors and hypervisors as people do; `any` stands for all that are not named."""
    names = [_VENDORS.get(scope) or Atlas.load().hypervisor_title(scope) for scope in scopes if scope != "any"]
    return ", ".join([*names, "all others"] if "any" in scopes else names)


def is_hypervisor(scope: str) -> bool:
    """Tell whether a scope is a hypervisor's."""
    return scope != "any" and scope not in _VENDORS
