"""Documents as pages for a browser: each template takes the JSON document that its twin gives to programs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from vcpuid import __version__
from vcpuid.atlas.relations import Kind
from vcpuid.errors import install_command
from vcpuid.render.cpus import cpu_numbers
from vcpuid.render.document import Document
from vcpuid.render.html.anchors import by_word, feature_anchor
from vcpuid.render.html.excerpt import excerpt
from vcpuid.render.html.grid import are_mixed, byte_rows
from vcpuid.render.html.links import (
    FLEET_QUESTIONS,
    SECTIONS,
    address_link,
    bit_link,
    fleet_link,
    leaf_link,
    leaf_name,
    msr_link,
    msr_name,
    place_link,
    register_link,
    search_link,
    twin_link,
    word_link,
)
from vcpuid.render.html.vendors import is_hypervisor, whose
from vcpuid.render.svg.picture import STYLE
from vcpuid.terms.feature import Dialect

FOLDER: Final = Path(__file__).parent


class StaticFile(NamedTuple):
    """A file that pages refer to."""

    path: Path
    media_type: str


STATIC: Final = {
    "style.css": StaticFile(FOLDER / "style.css", "text/css; charset=utf-8"),
    "picture.css": StaticFile(STYLE, "text/css; charset=utf-8"),
    "suggest.js": StaticFile(FOLDER / "suggest.js", "text/javascript; charset=utf-8"),
    "grid.js": StaticFile(FOLDER / "grid.js", "text/javascript; charset=utf-8"),
    "icon.svg": StaticFile(FOLDER / "icon.svg", "image/svg+xml"),
}
"""The files that pages refer to, by name."""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def render_page(
    template: str,
    document: Document,
    *,
    addresses: Mapping[str, str] = _NOTHING,
    links: Mapping[str, Callable[..., str]] = _NOTHING,
) -> str:
    """Render a document with a template.

    Args:
        template: The template's name, without its ending.
        document: What the page shows.
        addresses: Static file to the address under which it is served.
        links: What stands in for the explorer's links, by their names, where the page is none of its.
    """
    return _environment().get_template(f"{template}.html").render(answer=document, static=addresses, **links)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    environment.filters["cpu_numbers"] = cpu_numbers
    environment.filters["picture"] = Markup  # of an SVG that `render.svg` has made, which escapes what it is told
    environment.filters["prose"] = _prose
    environment.filters["reading"] = _reading
    environment.filters["whose"] = whose
    environment.tests["hypervisor"] = is_hypervisor
    environment.globals |= {
        "version": __version__,
        "dialects": {dialect.value: dialect.label for dialect in Dialect},
        "address_link": address_link,
        "are_mixed": are_mixed,
        "bit_link": bit_link,
        "by_word": by_word,
        "byte_rows": byte_rows,
        "excerpt": excerpt,
        "feature_anchor": feature_anchor,
        "fleet_link": fleet_link,
        "fleet_questions": FLEET_QUESTIONS,
        "install_command": install_command,
        "leaf_link": leaf_link,
        "leaf_name": leaf_name,
        "msr_link": msr_link,
        "msr_name": msr_name,
        "place_link": place_link,
        "register_link": register_link,
        "relations": {kind.value: kind.label for kind in Kind},
        "search_link": search_link,
        "sections": SECTIONS,
        "twin_link": twin_link,
        "word_link": word_link,
    }
    return environment


def _breakable(name: str) -> Markup:
    """Let a name be broken into lines behind its dashes and underscores, rather than anywhere."""
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[_-])", name))


def _prose(text: str) -> Markup:
    """Show what stands between backticks as code."""
    pieces = (escape(piece) for piece in text.split("`"))
    coded = (
        Markup("<code>{}</code>").format(piece) if number % 2 else piece for number, piece in enumerate(pieces)
    )
    return Markup("").join(coded if text.count("`") % 2 == 0 else (escape(text),))


def _reading(encoding: str) -> str:
    """Say how raw bits become a value."""
    kind, _, amount = encoding.partition("-")
    return {"times": f"the number times {amount}", "minus": f"the number plus {amount}"}.get(kind) or _READINGS[
        kind
    ]


_READINGS = {
    "flag": "yes or no",
    "number": "a number",
    "values": "one of the values",
    "hex": "a hexadecimal number",
    "text": "letters",
    "set": "a set, a bit a member",
    "log2": "two to the power of the number",
}
