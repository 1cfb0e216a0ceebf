"""Asking an ASGI application without a server."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Scope

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


BOUNDARY = "the boundary"
MULTIPART = f'multipart/form-data; boundary="{BOUNDARY}"'
File = tuple[str, bytes]
Sent = tuple[str, str | File]


def multipart(*parts: Sent) -> bytes:
    """Give a form as browsers send it: fields with a text, or a file's name and content."""
    body = b""
    for field, value in parts:
        name, content = ("", value.encode()) if isinstance(value, str) else (f'; filename="{value[0]}"', value[1])
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"{name}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def post(app: ASGIApp, target: str, *parts: Sent, bug: type[Exception] | None = None) -> Answer:
    """Send a form."""
    return get(app, target, method="POST", body=multipart(*parts), bug=bug, **{"content-type": MULTIPART})


def scope_of(target: str, *headers: tuple[str, str], method: str = "GET") -> Scope:
    """Give a request as a server tells it."""
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }


def get(
    app: ASGIApp,
    target: str,
    *,
    method: str = "GET",
    host: str = HOST,
    body: bytes = b"",
    bug: type[Exception] | None = None,
    **headers: str,
) -> Answer:
    """Ask as a browser does for a path with its query; a server is told of a bug after it was answered."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    fields = {"host": host, "accept": "text/html,*/*;q=0.8", **headers}
    scope = scope_of(target, *fields.items(), method=method)

    async def ask() -> None:
        with suppress(*[bug] if bug else []):
            await app(scope, receive, send)

    asyncio.run(ask())
    answer = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], Headers(raw=sent[0]["headers"]), answer)
