"""The published schemas of JSON documents."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import vcpuid

_FOLDER = Path(vcpuid.__file__).parent / "render" / "schemas"


@cache
def _registry() -> Registry[Any]:
    schemas = [json.loads(path.read_text(encoding="utf-8")) for path in _FOLDER.glob("*.schema.json")]
    return Registry().with_resources((schema["$id"], Resource.from_contents(schema)) for schema in schemas)


def check_document(name: str, document: object) -> None:
    """Fail unless a document is what the schema of a name says."""
    schema = _registry().contents(f"urn:vcpuid:schema:{name}:1")
    Draft202012Validator(schema, registry=_registry()).validate(document)
