"""Asking an ASGI application without a server."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message

HOST = "127.0.0.1:8000"


class Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.body)


def get(
    app: ASGIApp,
    target: str,
    *,
    method: str = "GET",
    host: str = HOST,
    bug: type[Exception] | None = None,
    **headers: str,
) -> Answer:
    """Ask for a path with its query; a server is told of a bug after it was answered."""
    path, _, query = target.partition("?")
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    fields = {"host": host, **headers}
    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
    }

    async def ask() -> None:
        with suppress(*[bug] if bug else []):
            await app(scope, receive, send)

    asyncio.run(ask())
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], Headers(raw=sent[0]["headers"]), body)
