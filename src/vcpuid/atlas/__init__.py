"""The atlas: what each bit is, and what each project calls it.

The tables are CSV files that a person edits; `Atlas` reads each once, when it is first needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vcpuid.atlas.dating import describe_since, known_in
    from vcpuid.atlas.fields import Field, FieldValue, Plan, Step, decode_field
    from vcpuid.atlas.index import Atlas, Match
    from vcpuid.atlas.msrs import AnyField, Msr
    from vcpuid.atlas.relations import Tie

__all__ = [
    "AnyField",
    "Atlas",
    "Field",
    "FieldValue",
    "Match",
    "Msr",
    "Plan",
    "Step",
    "Tie",
    "decode_field",
    "describe_since",
    "known_in",
]

_HOMES = {
    "AnyField": "msrs",
    "Atlas": "index",
    "Field": "fields",
    "FieldValue": "fields",
    "Match": "index",
    "Msr": "msrs",
    "Plan": "fields",
    "Step": "fields",
    "Tie": "relations",
    "decode_field": "fields",
    "describe_since": "dating",
    "known_in": "dating",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: who decodes a dump does not look names up."""
    if name not in _HOMES:
        raise AttributeError(f"module 'vcpuid.atlas' has no attribute {name!r}")
    return getattr(import_module(f"vcpuid.atlas.{_HOMES[name]}"), name)
