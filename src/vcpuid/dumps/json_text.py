"""JSON from strangers, into a node that says where it is when something is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from vcpuid.errors import InputError, not_json
from vcpuid.snapshot.node import Node, describe

_LIMIT_CHARACTERS = 16 * 1024 * 1024


def parse_object(text: str, source: str) -> Node:
    """Read a JSON object.

    Raises:
        InputError: It is damaged, nested too deeply, or something else than an object.
    """
    if len(text) > _LIMIT_CHARACTERS:
        raise InputError("too large for JSON", source=source, expected=f"at most {_LIMIT_CHARACTERS} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise not_json(error, source, expected="a JSON object") from None
    if not isinstance(document, dict):
        raise InputError("not a JSON object", source=source, found=describe(document), expected="a JSON object")
    return Node(document, "", source)


@contextmanager
def own_advice(next_step: str) -> Iterator[None]:
    """Give a node's faults a next step that fits this format: a node itself advises as for a snapshot."""
    try:
        yield
    except InputError as error:
        raise error.advising(next_step) from None
