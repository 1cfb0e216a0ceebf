"""What is said where there is no answer: a page to a browser, an error to a program, never a traceback."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from vcpuid.errors import UsageError, VcpuidError
from vcpuid.render.document import error_document
from vcpuid.render.html import FOLDER
from vcpuid.render.page import printable
from vcpuid.web.policy import content_policy
from vcpuid.web.refusal import Refusal
from vcpuid.web.responses import page, twin

_LONGEST_FOUND = 200
_STYLE: Final = (FOLDER / "refusal.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = {"content-security-policy": content_policy(style=f"'sha256-{_STYLE_HASH}'")}
_NEXT_STEPS: Final = {
    HTTPStatus.NOT_FOUND: "The start page leads to every other, and /api/v1/openapi.json tells of the documents.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Pages are read with GET; a form is sent with POST to its own address.",
}


async def refuse(request: Request, exception: Exception) -> Response:
    """Answer a request that has no answer."""
    if isinstance(exception, Refusal):
        return _answer(request.scope, exception.status_code, exception.error, exception.headers)
    status, headers = HTTPStatus.INTERNAL_SERVER_ERROR, None
    if isinstance(exception, HTTPException):
        status, headers = HTTPStatus(exception.status_code), exception.headers
    expected = None
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        methods = _methods_of(request)
        headers, expected = {"allow": ", ".join(methods)}, " or ".join(methods)
    asked = f"{shown(request.method)} {shown(request.scope['path'])}"
    error = UsageError(status.phrase.lower(), found=asked, expected=expected, next_step=_NEXT_STEPS.get(status))
    return _answer(request.scope, status, error, headers)


def _methods_of(request: Request) -> list[str]:
    """Give the methods of all routes of a path; Starlette tells those of the first alone."""
    path = request.scope["path"]
    routes = [route for route in request.app.routes if route.path_regex.match(path)]
    return sorted({method for route in routes for method in route.methods or ()})


async def confess(request: Request, exception: Exception) -> Response:
    """Answer where we have a bug: the browser learns that much, standard error learns which."""
    bug = printable(f"{type(exception).__name__}: {exception}")
    print(  # noqa: T201 - whoever runs the server reads it there
        f"vcpuid: this is a bug of vcpuid: {bug}\n"
        f"  Please report it with the page: {printable(request.scope['path'])}",
        file=sys.stderr,
    )
    error = VcpuidError("this is a bug of vcpuid", next_step="The server's standard error has more.")
    return _answer(request.scope, HTTPStatus.INTERNAL_SERVER_ERROR, error)


async def send_refusal(
    refusal: Refusal, scope: Scope, receive: Receive, send: Send, *, is_let_in: bool = False
) -> None:
    """Answer before a page was reached; what is left of the body is not looked at.

    Who is not let in gets a page that needs nothing else of the server, not even its style.
    """
    document = error_document(refusal.error)
    if is_let_in:
        response = _answer(scope, refusal.status_code, refusal.error, refusal.headers)
    elif _wants_page(scope):
        headers = {**(refusal.headers or {}), **_POLICY}
        response = page("refusal", {**document, "style": _STYLE}, refusal.status_code, headers)
    else:
        response = twin(document, refusal.status_code, refusal.headers)
    if scope["method"] == "HEAD":
        response.body = b""
    await response(scope, receive, send)


def shown(text: str) -> str:
    """Cut what somebody sent to what an answer repeats of it."""
    return text if len(text) <= _LONGEST_FOUND else f"{text[:_LONGEST_FOUND]}..."


def _answer(scope: Scope, status: int, error: VcpuidError, headers: Mapping[str, str] | None = None) -> Response:
    document = error_document(error)
    return page("error", document, status, headers) if _wants_page(scope) else twin(document, status, headers)


def _wants_page(scope: Scope) -> bool:
    """Tell a browser, which names HTML among what it takes, from a program."""
    return not scope["path"].startswith("/api/") and "text/html" in Headers(scope=scope).get("accept", "").lower()
