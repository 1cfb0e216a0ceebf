"""The page of the JSON documents, made of their schemas: a table of members for each."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("src/vcpuid/render/schemas", "src/vcpuid/snapshot", "src/vcpuid/dumps")
_HEAD = """\
<!-- Made by: python -m tools.make_docs, from the JSON schemas in src/vcpuid. Do not edit this page by hand. -->

# The JSON documents

Every command with `--format json` prints one document. Its member `schema` names its form and version. A version
may gain members, so a reader ignores those that it does not know; a change of meaning is a new version. The files
below are JSON Schema, draft 2020-12. This page has their members in short.

`list of` is an array. A member that may be missing is marked *optional*. In a path `[]` stands for each item of a
list, and `{}` for each member of an object whose names are data.
"""
_PARTS_HEAD = """\
## Parts

These stand inside of the documents above.
"""

Schema = dict[str, Any]
Row = tuple[str, str, str]


def render_schemas() -> str:
    """Gives the page: documents by name, the snapshot and the dump among them, then the parts that they share."""
    found = {path: json.loads(path.read_text(encoding="utf-8")) for path in _paths()}
    names = {schema["$id"]: _name(schema) for schema in found.values()}
    documents: list[str] = []
    parts: list[str] = []
    for path, schema in sorted(found.items(), key=lambda item: _name(item[1])):
        (documents if "/" in _name(schema) else parts).append(_section(path, schema, names))
    return "\n".join([_HEAD, *documents, _PARTS_HEAD, *parts])


def _paths() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).glob("*schema.json"))


def _name(schema: Schema) -> str:
    """`vcpuid-why/1` of a document, `feature` of a part."""
    document = schema.get("properties", {}).get("schema", {}).get("const")
    return str(document or schema["$id"].split(":")[-2])


def _section(path: Path, schema: Schema, names: dict[str, str]) -> str:
    relative = path.relative_to(ROOT)
    level = "##" if "/" in _name(schema) else "###"
    told = f"{schema['title']}. {schema.get('description', '')}".strip()
    rows = dict.fromkeys(_Members(names).of(schema))
    for name, definition in schema.get("$defs", {}).items():
        own = (name, _Members(names).type_of(definition), definition.get("description", ""))
        rows |= dict.fromkeys([own, *_Members(names).of(definition, name)])
    lines = [f"| {' | '.join((f'`{member}`', kind, _cell(meaning)))} |" for member, kind, meaning in rows]
    table = "\n".join(["| member | type | meaning |", "|---|---|---|", *lines])
    return f"{level} {_name(schema)}\n\n{_cell(told)} [{relative.name}](../../{relative})\n\n{table}\n"


class _Members:
    """Walks the members of a schema."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def of(self, schema: Schema, prefix: str = "") -> Iterator[Row]:
        """Gives each member, outer ones first: its path, its type and what it means."""
        required = schema.get("required", ())
        for name, member in schema.get("properties", {}).items():
            path = f"{prefix}.{name}" if prefix else name
            optional = "" if name in required else ", *optional*"
            yield path, self.type_of(member) + optional, member.get("description", "")
            yield from self.of(member, path)
        others = schema.get("additionalProperties")
        if isinstance(others, dict):
            path = f"{prefix}{{}}"
            yield path, self.type_of(others), others.get("description", "")
            yield from self.of(others, path)
        for items in (schema.get("items"), *schema.get("prefixItems", ())):
            if isinstance(items, dict):
                yield from self.of(items, f"{prefix}[]")
        for choice in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
            yield from self.of(choice, prefix)

    def type_of(self, schema: Schema) -> str:
        """Says in a few words what may stand there."""
        if "$ref" in schema:
            return self._reference(schema["$ref"])
        if "const" in schema:
            return f"`{json.dumps(schema['const'])}`"
        if "enum" in schema:
            return ", ".join(f"`{json.dumps(one)}`" for one in schema["enum"])
        choices = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
        if choices:
            return " or ".join(dict.fromkeys(map(self.type_of, choices)))
        kinds = schema.get("type", "anything")
        return " or ".join(self._kind(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds))

    def _kind(self, kind: str, schema: Schema) -> str:
        items = schema.get("items")
        return f"list of {self.type_of(items)}" if kind == "array" and isinstance(items, dict) else kind

    def _reference(self, target: str) -> str:
        if target.startswith("#"):
            return f"`{target.rpartition('/')[2]}`"
        schema, _, part = target.partition("#")
        name = self._names[schema]
        link = f"[{name}](#{name.replace('/', '')})"
        return f"`{part.rpartition('/')[2]}` of {link}" if part else link


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
