"""What a flavor asks of SGX: EPC memory by a resource class, optional CPU features by an extra spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

RESOURCE_CLASS = "CUSTOM_SGX_EPC_MB"
STEP_MIB = 2
"""libvirt rounds the size of each memory device up to this; what a flavor asks for is what its guest gets."""

FEATURES_KEY = "sgx:features"

FEATURES = {
    "aex-notify": "sgx-aex-notify",
    "debug": "sgx-debug",
    "edeccssa": "sgx-edeccssa",
    "exinfo": "sgx-exinfo",
    "kss": "sgx-kss",
    "provisionkey": "sgx-provisionkey",
    "sgx2": "sgx2",
    "tokenkey": "sgx-tokenkey",
}
"""The features that a flavor may ask for besides, and what libvirt calls them (src/cpu_map/x86_features.xml)."""

FEATURES_PATTERN = "(?:{name})(?:,(?:{name}))*".format(name="|".join(FEATURES))

_RESOURCE_KEY = re.compile(rf"resources[a-zA-Z0-9_-]{{0,64}}:{RESOURCE_CLASS}")
"""A request group's name may follow `resources`: Nova's documentation of extra specs, `resources`."""


class RequestError(ValueError):
    """A flavor's request that cannot be meant; the text says what it has to be."""


class EpcRequest(NamedTuple):
    """What a flavor asks for.

    Attributes:
        size_mib: The EPC memory.
        features: The optional features, by libvirt's names.
    """

    size_mib: int
    features: tuple[str, ...] = ()


def read_request(extra_specs: Mapping[str, str]) -> EpcRequest | None:
    """Read the request of a flavor's extra specs; None where it asks for no EPC.

    Images cannot ask: EPC is a scarce resource of the host, which the cloud's operator gives out by flavors.

    Raises:
        RequestError: The amount is no whole number of libvirt's steps or below zero, EPC is asked for more than
            once, or the features are unknown or without EPC.
    """
    sizes = {key: _size(key, value) for key, value in extra_specs.items() if _RESOURCE_KEY.fullmatch(key)}
    asked = sorted(key for key, size in sizes.items() if size)  # zero is Nova's way to ask for none
    if len(asked) > 1:
        raise RequestError(f"{' and '.join(asked)}: EPC is asked for more than once; a guest gets one amount")
    features = _features(extra_specs)
    if asked:
        return EpcRequest(sizes[asked[0]], features)
    if features:
        raise RequestError(f"{FEATURES_KEY} without EPC memory; ask for it by resources:{RESOURCE_CLASS}")
    return None


def _size(key: str, value: str) -> int:
    try:
        size = int(value)
    except ValueError:
        raise RequestError(f"{key}={value!r}: expected a whole number of MiB") from None
    if size < 0:
        raise RequestError(f"{key}={value!r}: expected a number of MiB above zero, or 0 for none")
    if size % STEP_MIB:
        raise RequestError(f"{key}={value!r}: expected a multiple of {STEP_MIB} MiB, the steps of libvirt")
    return size


def _features(extra_specs: Mapping[str, str]) -> tuple[str, ...]:
    for key in extra_specs:
        if key.startswith("sgx:") and key != FEATURES_KEY:
            raise RequestError(f"{key} is unknown; expected {FEATURES_KEY}")
    value = extra_specs.get(FEATURES_KEY)
    if value is None:
        return ()
    if not re.fullmatch(FEATURES_PATTERN, value):
        raise RequestError(
            f"{FEATURES_KEY}={value!r}: expected names with commas between, of {', '.join(FEATURES)}"
        )
    return tuple(FEATURES[name] for name in dict.fromkeys(value.split(",")))
