"""Bodies of requests: read whole before a page sees them, with limits of size, time and memory."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vcpuid.errors import UsageError
from vcpuid.web.faults import send_refusal
from vcpuid.web.refusal import Refusal, busy

_MOST_DIGITS = 20


class BodyGate:
    """ASGI middleware: reads the body of a request, so that neither its size nor its slowness reaches a page.

    Args:
        app: The application behind it.
        most_bytes: The largest body.
        seconds: The longest that a body may take to arrive.
        together_bytes: The most that is held at once, of all requests that are being answered.
    """

    def __init__(self, app: ASGIApp, *, most_bytes: int, seconds: float, together_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._together_bytes = together_bytes
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = bytearray()
        try:
            try:
                self._check_announced(Headers(scope=scope).get("content-length", ""))
                is_whole = await self._read(body, receive)
            except Refusal as refusal:
                await send_refusal(refusal, scope, receive, send, is_let_in=True)
                return
            if is_whole:  # else the client has gone
                await self._app(scope, _replay(body, receive), send)
        finally:
            self._held_bytes -= len(body)

    def _check_announced(self, length: str) -> None:
        # The server's parser has seen that it is a number; a body without one is counted as it arrives.
        if length.isdecimal() and int(length[:_MOST_DIGITS]) > self._most_bytes:
            raise self._too_large(f"{length[:_MOST_DIGITS]} bytes")

    async def _read(self, body: bytearray, receive: Receive) -> bool:
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return False
                    self._hold(body, message.get("body", b""))
                    if not message.get("more_body", False):
                        return True
        except TimeoutError:
            raise Refusal(
                408,
                UsageError(
                    "the form arrived too slowly",
                    source="body",
                    found=f"{len(body)} bytes",
                    expected=f"all of it in {self._seconds:g} seconds",
                    next_step="Send it again, or ask `vcpuid` where the file is.",
                ),
                {"connection": "close"},
            ) from None

    def _hold(self, body: bytearray, more: bytes) -> None:
        if len(body) + len(more) > self._most_bytes:
            raise self._too_large("more")
        if self._held_bytes + len(more) > self._together_bytes:
            raise busy("too many forms at once", f"at most {self._together_bytes} bytes together")
        body += more
        self._held_bytes += len(more)

    def _too_large(self, found: str) -> Refusal:
        return Refusal(
            413,
            UsageError(
                "the form is too large",
                source="body",
                found=found,
                expected=f"at most {self._most_bytes} bytes",
                next_step="Send fewer or smaller files, compressed ones too; `vcpuid` itself takes larger ones.",
            ),
        )


def _replay(body: bytearray, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
