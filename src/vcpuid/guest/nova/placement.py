"""What `openstack ... -f json` prints of aggregates, traits, inventories and flavors, told apart by content.

Shapes seen by running the formatters of python-openstackclient 10.5 and osc-placement 4.9 (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from vcpuid.errors import InputError
from vcpuid.guest.nova.flavor import Flavor, load_json, parse_flavors, read_pairs
from vcpuid.snapshot.node import describe

_HINT = (
    "the JSON of `openstack aggregate list --long`, `flavor list --long`, `flavor show`, `trait list`, "
    "`resource provider trait list` or `resource provider inventory list`"
)
_MOST_NUMBER = 1 << 53  # what every reader of JSON takes


class Aggregate(NamedTuple):
    """A host aggregate: its name, its hosts, and its properties without the availability zone."""

    name: str
    hosts: tuple[str, ...]
    properties: Mapping[str, str]


class Traits(NamedTuple):
    """Names of traits: those of one provider, or all that the cloud knows; the document does not say which."""

    names: frozenset[str]


class Inventory(NamedTuple):
    """How much a guest may have at most of each resource class of a provider."""

    most: Mapping[str, int]


Content: TypeAlias = tuple[Aggregate, ...] | Traits | Inventory | tuple[Flavor, ...]


def parse_placement(text: str, source: str) -> Content:
    """Read a document of whichever kind it is. An empty list is one of traits.

    Raises:
        InputError: It is not JSON, of no known kind, or lacks what only `--long` shows.
    """
    document = load_json(text, source, _HINT)
    if isinstance(document, dict) and isinstance(document.get("traits"), list):  # the API's own answer
        document = [{"name": name} for name in document["traits"]]
    members = document if isinstance(document, list) else [document]
    rows = [_row(member, source) for member in members]
    keys = frozenset[str]().union(*rows)
    if keys & {"vcpus", "flavor"}:
        return _flavors(rows, text, source)
    if "resource_class" in keys:
        return Inventory(dict(_inventory(row, source) for row in rows))
    if keys & {"hosts", "availability zone", "availability_zone"}:
        return tuple(_aggregate(row, source) for row in rows)
    if keys == {"name"} or not rows:
        return Traits(frozenset(_text(row.get("name"), "a trait's name", source) for row in rows))
    raise InputError(
        "of no known kind",
        source=source,
        found=f"members {', '.join(sorted(keys)) or 'none'}"[:80],
        expected=_HINT,
    )


def _row(member: object, source: str) -> dict[str, Any]:
    if not isinstance(member, dict):
        raise InputError("of no known kind", source=source, found=describe(member), expected=_HINT)
    return {key.lower(): value for key, value in member.items()}


def _flavors(rows: Sequence[Mapping[str, Any]], text: str, source: str) -> tuple[Flavor, ...]:
    for row in rows:
        if not row.keys() & {"properties", "extra_specs", "flavor"}:
            raise InputError(
                "flavors without their extra specs",
                source=source,
                expected="a member Properties",
                next_step="`openstack flavor list --long -f json` shows them.",
            )
    return parse_flavors(text, source)


def _aggregate(row: Mapping[str, Any], source: str) -> Aggregate:
    hosts = row.get("hosts")
    if isinstance(hosts, str):  # clients before 5.0 joined them
        hosts = [name.strip(" '") for name in hosts.removeprefix("[").removesuffix("]").split(",") if name.strip()]
    if not isinstance(hosts, list):
        raise InputError(
            "aggregates without their hosts",
            source=source,
            expected="a member Hosts",
            next_step="`openstack aggregate list --long -f json` shows them.",
        )
    return Aggregate(
        _text(row.get("name"), "an aggregate's name", source),
        tuple(_text(host, "a host's name", source) for host in hosts),
        read_pairs(row.get("properties", row.get("metadata")), source, _HINT),
    )


def _inventory(row: Mapping[str, Any], source: str) -> tuple[str, int]:
    """Give a class and what one guest may have of it at most, whatever others have already."""
    numbers = {key: _number(row, key, source) for key in ("total", "reserved", "max_unit") if key in row}
    if "total" not in numbers:
        raise InputError("an inventory without a total", source=source, expected=_HINT)
    whole = int((numbers["total"] - numbers.get("reserved", 0)) * _number(row, "allocation_ratio", source, 1))
    most = min(whole, int(numbers.get("max_unit", whole)))
    return _text(row.get("resource_class"), "a resource class", source), max(most, 0)


def _number(row: Mapping[str, Any], key: str, source: str, default: float | None = None) -> float:
    value = row.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MOST_NUMBER:
        raise InputError(f"{key} is no number", source=source, found=describe(value), expected=_HINT)
    return value


def _text(value: object, what: str, source: str) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise InputError(f"{what} is no text", source=source, found=describe(value), expected=_HINT)
    return value
