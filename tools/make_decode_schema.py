"""Writes the schema of `vcpuid decode --format json`: the facts' part is made from their types and docstrings.

python -m tools.make_decode_schema          write it
python -m tools.make_decode_schema --check  write nothing; status 1 where it is stale
"""

import inspect
import json
import re
import sys
import types
import typing
from pathlib import Path
from typing import Any

from vcpuid.decode.facts import Facts
from vcpuid.decode.machine import CacheTotal

PATH = Path(__file__).resolve().parent.parent / "src/vcpuid/render/schemas/decode.schema.json"
_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}
_REGISTERS = {"type": "string", "pattern": "^[0-9a-f]{8}( [0-9a-f]{8}){3}$"}
_KEY = "^[0-9a-f]{8}\\.[0-9]+$"
_ROW = {
    "type": "object",
    "properties": {
        "registers": {"description": "eax ebx ecx edx.", **_REGISTERS},
        "fields": {
            "description": "Every field that the atlas has for the row, by name, with its decoded value.",
            "type": "object",
            "additionalProperties": {
                "type": ["boolean", "integer", "string", "array"],
                "items": {"type": "integer"},
            },
        },
        "texts": {
            "description": "For fields whose number has a unit or a name: the value in words.",
            "type": "object",
            "additionalProperties": {"type": "string"},
        },
        "unnamed": {"description": "The set bits that no field has; left out where there are none.", **_REGISTERS},
    },
    "required": ["registers", "fields", "texts"],
    "additionalProperties": False,
}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _described(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, **schema}


def make_schema() -> dict[str, Any]:
    """Give the whole schema."""
    definitions: dict[str, Any] = {}
    number = {"type": "integer", "minimum": 0}
    rows = {"type": "object", "propertyNames": {"pattern": _KEY}}
    kind = _object(
        {
            "cpus": _described("The numbers of the CPUs.", {"type": "array", "items": number}),
            "facts": _schema_of(Facts, definitions),
            "rows": _described(
                "The rows of the first of them, by leaf (hexadecimal) and subleaf (decimal).",
                {**rows, "additionalProperties": _ROW},
            ),
            "beyond_maximum": _described(
                "Rows above the maximum of their range: junk, whatever it looks like.",
                {**rows, "additionalProperties": _REGISTERS},
            ),
            "msrs": _described(
                "MSRs that the dump has, by index.",
                {"type": "object", "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]{16}$"}},
            ),
        }
    )
    cpu = _object(
        {
            "cpu": _described("Its number.", number),
            "kind": _described("The place of its kind in `kinds`.", number),
            "apic_id": _described(
                "Its APIC id; null where the dump does not tell.", {"type": ["integer", "null"]}
            ),
            "ids": _described(
                "The machine-wide id of each part that holds it.",
                {"type": "object", "additionalProperties": number},
            ),
            "rows": _described(
                "The rows in which it differs from the first CPU of its kind.",
                {**rows, "additionalProperties": _REGISTERS},
            ),
        }
    )
    dump = _object(
        {
            "origin": _described("The file, or `this machine`.", {"type": "string"}),
            "counts": _described(
                "How many of each part the CPUs make up; empty where APIC ids do not tell them apart.",
                {"type": "object", "additionalProperties": number},
            ),
            "cache_totals": _described(
                "How many caches there are.", {"type": "array", "items": _schema_of(CacheTotal, definitions)}
            ),
            "kinds": _described(
                "The CPUs that are equal but for dynamic fields.", {"type": "array", "items": kind}
            ),
            "cpus": _described("Every CPU.", {"type": "array", "items": cpu}),
        }
    )
    body = _object(
        {
            "schema": {"const": "vcpuid-decode/1"},
            "dumps": {"type": "array", "items": dump},
        }
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:vcpuid:schema:decode:1",
        "title": "CPUID dumps, decoded: the answer of `vcpuid decode`",
        **body,
        "$defs": definitions,
    }


def _schema_of(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - a type, of any form
    if kind in _SIMPLE:
        return {"type": _SIMPLE[kind]}
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        if Ellipsis in arguments:
            return {"type": "array", "items": _schema_of(arguments[0], definitions)}
        items = [_schema_of(argument, definitions) for argument in arguments]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if typing.get_origin(kind) is types.UnionType:
        return {"anyOf": [_schema_of(argument, definitions) for argument in arguments]}
    name = kind.__name__
    if name not in definitions:
        definitions[name] = {}  # holds the place, so that definitions stand in the order of their first use
        words = _attributes(kind.__doc__)
        members = {
            member: {
                **({"description": words[member]} if member in words else {}),
                **_schema_of(type_, definitions),
            }
            for member, type_ in typing.get_type_hints(kind).items()
        }
        definitions[name] = {"description": _as_json_says(kind.__doc__.splitlines()[0]), **_object(members)}
    return {"$ref": f"#/$defs/{name}"}


def _attributes(docstring: str) -> dict[str, str]:
    """Give the description of each attribute that a docstring has."""
    section = inspect.cleandoc(docstring).partition("Attributes:\n")[2]  # Python 3.13 has taken the indent away
    found = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", section, re.MULTILINE)
    return {name: _as_json_says(re.sub(r"\s+", " ", text)) for name, text in found}


def _as_json_says(text: str) -> str:
    return re.sub(r"\bNone\b", "null", text)


def render() -> str:
    """Give the file's text."""
    return json.dumps(make_schema(), indent=2) + "\n"


def main(arguments: list[str]) -> int:
    """Write the schema, or with --check see whether it is fresh."""
    text = render()
    if "--check" in arguments:
        is_fresh = PATH.exists() and PATH.read_text(encoding="utf-8") == text
        print("fresh" if is_fresh else f"stale: {PATH}: run `python -m tools.make_decode_schema`")
        return int(not is_fresh)
    PATH.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
