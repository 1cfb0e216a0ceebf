"""Flavors and images as `openstack ... show -f json` and the APIs print them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vcpuid.errors import InputError, not_json
from vcpuid.snapshot.node import describe

_MOST_DIGITS = 9
SIZE_LIMIT_BYTES = 4 * 1024 * 1024
# What python-openstackclient joins properties to where it does not print them as an object.
_PAIR = re.compile(r"\s*([^=,\s][^=]*?)='((?:[^'\\]|\\.)*)'\s*(?:,|$)")
_FLAVOR_HINT = "the output of `openstack flavor show -f json FLAVOR`"
_FLAVORS_HINT = f"{_FLAVOR_HINT}, or of `openstack flavor list --long -f json`"
_IMAGE_HINT = "the output of `openstack image show -f json IMAGE`"


@dataclass(frozen=True, slots=True)
class Flavor:
    """A flavor.

    Attributes:
        name: Its name.
        vcpus: The virtual CPUs of its guests.
        memory_mib: Their memory.
        specs: Its extra specs.
        source: The document that it is from.
    """

    name: str
    vcpus: int
    memory_mib: int
    specs: Mapping[str, str]
    source: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """An image.

    Attributes:
        name: Its name.
        properties: Its properties.
        source: The document that it is from.
    """

    name: str
    properties: Mapping[str, str]
    source: str = ""


def parse_flavor(text: str, source: str) -> Flavor:
    """Read a flavor.

    Raises:
        InputError: It is not JSON, or no flavor.
    """
    return _make_flavor(_object(load_json(text, source, _FLAVOR_HINT), source, "flavor", _FLAVOR_HINT), source)


def parse_flavors(text: str, source: str) -> tuple[Flavor, ...]:
    """Read one flavor, or a list of them.

    Raises:
        InputError: It is not JSON, or has something that is no flavor.
    """
    document = load_json(text, source, _FLAVORS_HINT)
    members = document if isinstance(document, list) else [document]
    return tuple(_make_flavor(_object(member, source, "flavor", _FLAVORS_HINT), source) for member in members)


def _make_flavor(document: Mapping[str, Any], source: str) -> Flavor:
    own = {
        key.lower(): value for key, value in document.items()
    }  # `list` writes Name and RAM, `show` name and ram
    specs = read_pairs(own.get("extra_specs", own.get("properties")), source, _FLAVOR_HINT)
    name = str(own.get("name") or source)
    return Flavor(name, _number(own, "vcpus", 1, source), _number(own, "ram", 0, source), specs, source)


def _number(document: Mapping[str, Any], key: str, least: int, source: str) -> int:
    value = document.get(key)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < _MOST_DIGITS:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and least <= value < 10**_MOST_DIGITS:
        return value
    raise InputError(
        f"no flavor: {key} is no number of at least {least}",
        source=source,
        found=describe(value),
        expected=_FLAVOR_HINT,
    )


def parse_image(text: str, source: str) -> Image:
    """Read an image; its properties stand by themselves, or among its other members as in the API.

    Raises:
        InputError: It is not JSON, or no image.
    """
    document = _object(load_json(text, source, _IMAGE_HINT), source, "image", _IMAGE_HINT)
    if "vcpus" in document:
        raise InputError("a flavor, and no image", source=source, expected=_IMAGE_HINT)
    own = document.get("properties")
    beside = {key: value for key, value in document.items() if isinstance(value, (str, int))}
    properties = beside | read_pairs(own, source, _IMAGE_HINT)
    return Image(
        str(document.get("name") or source), {key: str(value) for key, value in properties.items()}, source
    )


def load_json(text: str, source: str, expected: str) -> object:
    """Read JSON; `expected` says what should stand there.

    Raises:
        InputError: It is none.
    """
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise not_json(error, source, expected=expected) from None
    return document


def _object(document: object, source: str, name: str, expected: str) -> Mapping[str, Any]:
    if isinstance(document, dict) and isinstance(document.get(name), dict):
        document = document[name]
    if not isinstance(document, dict):
        raise InputError(f"no {name}", source=source, found=describe(document), expected=expected)
    return document


def read_pairs(value: object, source: str, expected: str) -> dict[str, str]:
    """Read properties: an object, or what python-openstackclient joins them to.

    Raises:
        InputError: They are neither.
    """
    if value is None or value == "":
        return {}
    if isinstance(value, dict) and all(isinstance(item, (str, int, float)) for item in value.values()):
        return {str(key): str(item) for key, item in value.items()}
    if isinstance(value, str):
        pairs = [match.groups() for match in _PAIR.finditer(value)]
        if pairs and not _PAIR.sub("", value).strip():
            return dict(pairs)  # type: ignore[arg-type] # two groups
    raise InputError("its properties are no pairs", source=source, found=describe(value), expected=expected)
