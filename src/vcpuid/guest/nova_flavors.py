"""Flavors that ask for SGX, as `openstack flavor list --long -f json` and `flavor show -f json` print them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from vcpuid.errors import InputError

RESOURCE = "resources:CUSTOM_SGX_EPC_MB"
TRAIT = "trait:HW_CPU_X86_SGX"
SIZE_LIMIT_BYTES = 16 << 20
_MOST_DIGITS = 9
# What older clients join properties to.
_PAIR = re.compile(r"([^=,\s][^=,]*)='([^']*)'")
_EXPECTED = "the output of `openstack flavor list --long -f json`, or of `openstack flavor show -f json FLAVOR`"


class Flavor(NamedTuple):
    """A flavor that asks for enclave memory.

    Attributes:
        name: Its name.
        epc_mib: Each guest's enclave memory.
        memory_mib: Its other memory; None where the document does not have it.
        vcpus: Its CPUs; None where the document does not have them.
        asks_for_trait: Whether it asks for a host with SGX by its trait.
    """

    name: str
    epc_mib: int
    memory_mib: int | None
    vcpus: int | None
    asks_for_trait: bool


def parse_flavors(text: str, source: str) -> tuple[Flavor, ...]:
    """Read the flavors that ask for enclave memory; the others are passed over.

    Raises:
        InputError: It is no such document, none of its flavors asks for enclave memory, or one asks for what is no
            number of MiB.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        raise InputError("not JSON", source=source, line=line, expected=_EXPECTED) from None
    flavors = tuple(_flavors(document if isinstance(document, list) else [document], source))
    if not flavors:
        raise InputError(
            "no flavor here asks for enclave memory",
            source=source,
            expected=f"a flavor with the property {RESOURCE}",
            next_step=f"`openstack flavor set FLAVOR --property {RESOURCE}=64`; `flavor list` shows it by --long.",
        )
    return flavors


def _flavors(documents: list[Any], source: str) -> Iterator[Flavor]:
    for number, document in enumerate(documents):
        if not isinstance(document, dict):
            raise InputError("no flavor", source=source, found=type(document).__name__, expected=_EXPECTED)
        # `list` writes Name and RAM, `show` name and ram.
        own = {key.lower(): value for key, value in document.items()}
        name = str(own.get("name") or f"flavor {number + 1}")
        properties = _properties(own.get("properties", own.get("extra_specs")), source, name)
        if RESOURCE in properties:
            yield Flavor(
                name=name,
                epc_mib=_number(properties[RESOURCE], source, f"{RESOURCE} of {name}"),
                memory_mib=_number(own["ram"], source, f"the memory of {name}") if "ram" in own else None,
                vcpus=_number(own["vcpus"], source, f"the CPUs of {name}") if "vcpus" in own else None,
                asks_for_trait=properties.get(TRAIT) == "required",
            )


def _properties(value: object, source: str, name: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return {key.strip(): text for key, text in _PAIR.findall(value)}
    raise InputError(f"the properties of {name} are none", source=source, found=type(value).__name__)


def _number(value: object, source: str, what: str) -> int:
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(rf"[0-9]{{1,{_MOST_DIGITS}}}", text) or not int(text):
        raise InputError(f"{what} is no number", source=source, found=repr(text[:40]), expected="a number above 0")
    return int(text)
