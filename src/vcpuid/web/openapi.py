"""The OpenAPI document, made from the views and the published schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vcpuid import __version__, render
from vcpuid.render.document import Document
from vcpuid.web.fleet_view import FleetView
from vcpuid.web.form_view import FormView
from vcpuid.web.view import API, Parameter, View

_SCHEMAS = Path(render.__file__).parent / "schemas"
_URN = re.compile(r"urn:vcpuid:schema:([\w-]+):1(?:#(.*))?")


def openapi_document(views: Iterable[View | FormView | FleetView], *, has_token: bool = False) -> Document:
    """Give the document of all views that have an answer for programs.

    Args:
        views: The views.
        has_token: Whether every request must have the token.
    """
    told = [view for view in views if view.api is not None]
    schemas: dict[str, Any] = {}
    for name in ("error", *(view.schema for view in told)):
        _add_schema(name, schemas)
    paths = {f"{API}{view.api}": _path(view) for view in told}
    components: Document = {"schemas": schemas}
    if has_token:
        components |= {"securitySchemes": {_TOKEN: {"type": "http", "scheme": "bearer"}}}
        for path in paths.values():
            for operation in path.values():
                operation["security"] = [{_TOKEN: []}]
                operation["responses"]["401"] = _response("The token is missing or wrong.", "error")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "vcpuid",
            "version": __version__,
            "description": "The documents behind the explorer's pages.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": components,
    }


_TOKEN = "token"  # noqa: S105 - the name of a scheme
_REFUSALS = {
    "400": "The request cannot be read.",
    "403": "A page of another site sent it.",
    "408": "It arrived too slowly.",
    "413": "Its body is too large.",
    "414": "Its address is too long.",
    "421": "It asks for another server's name.",
    "431": "Its headers are too long.",
    "503": "Too much at once: ask again.",
}
"""What any request may be refused for."""


def _path(view: View | FormView | FleetView) -> Document:
    if isinstance(view, View):
        return {"get": _operation(view)}
    if isinstance(view, FleetView) and not view.is_posted:
        return {"get": _fleet_operation(view)}
    return {"post": _form_operation(view)}


def _fleet_operation(view: FleetView) -> Document:
    return {
        "summary": view.summary,
        "parameters": [
            {
                "name": field.name,
                "in": "query",
                "required": field.name in view.needs,
                "schema": field.schema | (_SOMETHING if field.name in view.needs else {}),
                **({"example": field.example} if field.example else {}),
            }
            for field in view.fields
        ],
        "responses": _responses(view.schema, _FLEET_REFUSALS),
    }


_SOMETHING = {"pattern": r"\S"}
_FLEET_REFUSALS = {
    "400": "The question cannot be read.",
    "404": "The fleet has no snapshot, host or feature of this name.",
    "503": "There is no store, it cannot be read, or there is too much at once.",
}


def _form_operation(view: FormView | FleetView) -> Document:
    fields = {"type": "object", "properties": {field.name: field.schema for field in view.fields}}
    example = {field.name: field.example for field in view.fields if field.example}
    refusals = {
        "400": "The form cannot be read, or there is no answer to it.",
        "503": "This machine cannot be asked, or there is too much at once.",
    }
    if isinstance(view, FleetView):
        refusals |= _FLEET_REFUSALS
    return {
        "summary": view.summary,
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {**fields, "additionalProperties": False},
                    "example": example,
                }
            },
        },
        "responses": _responses(view.schema, refusals),
    }


def _operation(view: View) -> Document:
    refusals = {"404": "There is nothing of this name or address."}
    if any(parameter.where == "query" for parameter in view.parameters):
        refusals["400"] = "The question cannot be read."
    return {
        "summary": view.summary,
        "parameters": [_parameter(parameter) for parameter in view.parameters],
        "responses": _responses(view.schema, refusals),
    }


def _parameter(parameter: Parameter) -> Document:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": True,
        "description": parameter.description,
        "schema": parameter.schema,
        "example": parameter.example,
    }


def _responses(schema: str, refusals: dict[str, str]) -> Document:
    told = sorted((_REFUSALS | refusals).items())
    return {"200": _response("The answer.", schema)} | {status: _response(text, "error") for status, text in told}


def _response(description: str, schema: str) -> Document:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _add_schema(name: str, schemas: dict[str, Any]) -> None:
    """Add a published schema and those that it refers to."""
    if name in schemas:
        return
    schema = json.loads((_SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    schemas[name] = {}  # it is being added: schemas may refer to each other
    schemas[name] = _within(schema, name, schemas)


def _within(part: Any, name: str, schemas: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON goes in and comes out
    """Rewrite references so that they lead within the document."""
    if isinstance(part, list):
        return [_within(one, name, schemas) for one in part]
    if not isinstance(part, dict):
        return part
    result = {}
    for key, value in part.items():
        if key == "$ref":
            other = _URN.fullmatch(value)
            target, pointer = (other[1], other[2] or "") if other else (name, value.removeprefix("#"))
            _add_schema(target, schemas)
            result[key] = f"#/components/schemas/{target}{pointer}"
        elif key not in ("$schema", "$id"):
            result[key] = _within(value, name, schemas)
    return result
