"""The token that a server asks for which others than this machine can reach."""

from __future__ import annotations

import base64
import binascii
from hmac import compare_digest

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from vcpuid.errors import UsageError
from vcpuid.web.faults import send_refusal
from vcpuid.web.refusal import Refusal

_UNAUTHORIZED = 401


class TokenGate:
    """ASGI middleware: lets nobody pass without the token.

    A program sends it as `Authorization: Bearer TOKEN`. A browser asks its user for a name and a password: the
    token is the password, the name does not matter.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on that has the token."""
        authorization = Headers(scope=scope).get("authorization", "") if scope["type"] == "http" else ""
        if scope["type"] != "http" or self._has_token(authorization):
            await self._app(scope, receive, send)
            return
        error = UsageError(
            "no page without the token",
            source="Authorization",
            found="another token" if authorization else "none",
            expected="the token, which whoever started the server knows",
            next_step="Give it as the password, the name is of no matter; a program sends `Bearer TOKEN`.",
        )
        headers = {"www-authenticate": 'Basic realm="vcpuid", charset="UTF-8"'}
        await send_refusal(Refusal(_UNAUTHORIZED, error, headers), scope, receive, send)

    def _has_token(self, authorization: str) -> bool:
        scheme, _, credentials = authorization.partition(" ")
        given = credentials.strip().encode("latin-1")
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif scheme.lower() != "bearer":
            return False
        return compare_digest(given, self._token)
