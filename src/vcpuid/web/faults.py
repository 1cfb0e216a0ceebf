"""What is said where there is no answer: a page to a browser, an error to a program, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from vcpuid.errors import UsageError, VcpuidError
from vcpuid.render.document import error_document
from vcpuid.web.responses import page, twin
from vcpuid.web.view import Refusal


async def refuse(request: Request, exception: Exception) -> Response:
    """Answer a request that has no answer."""
    if isinstance(exception, Refusal):
        return _answer(request, exception.status_code, exception.error)
    status, headers = HTTPStatus.INTERNAL_SERVER_ERROR.value, None
    if isinstance(exception, HTTPException):
        status, headers = exception.status_code, exception.headers
    error = UsageError(HTTPStatus(status).phrase.lower(), found=f"{request.method} {request.url.path}")
    return _answer(request, status, error, headers)


async def confess(request: Request, exception: Exception) -> Response:
    """Answer where we have a bug: the browser learns that much, standard error learns which."""
    print(  # noqa: T201 - whoever runs the server reads it there
        f"vcpuid: this is a bug of vcpuid: {type(exception).__name__}: {exception}\n"
        f"  Please report it with the page: {request.url.path}",
        file=sys.stderr,
    )
    error = VcpuidError("this is a bug of vcpuid", next_step="The server's standard error has more.")
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, error)


def _answer(
    request: Request, status: int, error: VcpuidError, headers: Mapping[str, str] | None = None
) -> Response:
    document = error_document(error)
    if request.url.path.startswith("/api/"):
        return twin(document, status, headers)
    return page("error", document, status, headers)
