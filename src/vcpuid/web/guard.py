"""What every request passes before a page sees it, and what every response carries."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vcpuid.errors import UsageError, VcpuidError
from vcpuid.render.document import error_document

LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_METHODS = ("GET", "HEAD", "POST")
_POLICY = (
    b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # with less, a browser does not say where its form comes from
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class _Refusal(Exception):  # noqa: N818 - it is an answer to the client, no fault of ours
    def __init__(self, status: int, error: VcpuidError) -> None:
        super().__init__(status, error)
        self.status = status
        self.error = error


class Guard:
    """ASGI middleware: refuses what no page should see, and forbids the browser what no page needs.

    A page on another site that has its name point to this address (DNS rebinding) is known by its Host header, a
    form on one by its Origin. A body is read whole before the application starts, so that neither its size nor its
    slowness reaches a page.

    Args:
        app: The application behind it.
        hosts: The names under which the server may be asked, without port, in lower case.
        body_bytes: The largest body.
        body_seconds: The longest that a body may take to arrive.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], *, body_bytes: int, body_seconds: float) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._body_bytes = body_bytes
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no page has a websocket
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
            await send(message)

        try:
            self._check(scope)
            body = await self._body(receive)
        except _Refusal as refusal:
            await _refuse(refusal, send_guarded, has_body=scope["method"] != "HEAD")
            return
        if body is None:  # the client has gone
            return
        await self._app(scope, _replay(body, receive), send_guarded)

    def _check(self, scope: Scope) -> None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
        if len(hosts) != 1 or _name(hosts[0]) not in self._hosts:
            raise _Refusal(
                421,
                UsageError(
                    "not asked by a name of this server",
                    source="Host",
                    found=", ".join(hosts) or "nothing",
                    expected=" or ".join(sorted(self._hosts)),
                ),
            )
        if scope["method"] not in _METHODS:
            raise _Refusal(
                405, UsageError("no such method", found=scope["method"], expected=" or ".join(_METHODS))
            )
        for name, value in headers:
            if name == b"origin" and value.decode("latin-1") != f"{scope['scheme']}://{hosts[0]}":
                raise _Refusal(
                    403,
                    UsageError("sent by a page of another site", source="Origin", found=value.decode("latin-1")),
                )

    async def _body(self, receive: Receive) -> bytes | None:
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    if len(body) > self._body_bytes:
                        raise _Refusal(
                            413,
                            UsageError("too large", source="body", expected=f"at most {self._body_bytes} bytes"),
                        )
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            expected = f"all of it in {self._body_seconds:g} seconds"
            raise _Refusal(408, UsageError("too slow", source="body", expected=expected)) from None


def _name(host: str) -> str | None:
    """Give the name in a Host header, in lower case; None if it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # a port that is no number raises
    except ValueError:
        return None
    return parts.hostname if parts.netloc == host and parts.username is None else None


def _replay(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


async def _refuse(refusal: _Refusal, send: Send, *, has_body: bool) -> None:
    text = json.dumps(error_document(refusal.error)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
    headers += [(b"connection", b"close")]  # what is left of the body is not read
    if refusal.status == 405:  # noqa: PLR2004 - HTTP's number
        headers.append((b"allow", ", ".join(_METHODS).encode()))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": text if has_body else b""})
