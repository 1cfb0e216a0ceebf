"""Answers as bytes; what is no character, as a lone surrogate of somebody's JSON, becomes a question mark."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import HTMLResponse, Response

from vcpuid.render.document import Document
from vcpuid.render.html import render_page
from vcpuid.web.static import ADDRESSES


def page(
    template: str, document: Document, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Give a page, for a browser."""
    text = render_page(template, document, addresses=ADDRESSES)
    return HTMLResponse(text.encode(errors="replace"), status, headers)


def twin(document: Document, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Give the document behind a page, for a program."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode(errors="replace"), status, headers, "application/json")
