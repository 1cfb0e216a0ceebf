from __future__ import annotations

import asyncio
import json
from typing import NamedTuple

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from vcpuid.web.guard import LOOPBACK_HOSTS, Guard

HOST = "127.0.0.1:8000"


class Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(await Request(scope, receive).body())(scope, receive, send)


def _ask(
    method: str = "GET",
    headers: tuple[tuple[str, str], ...] = (("host", HOST),),
    chunks: tuple[bytes, ...] = (b"",),
    *,
    ends: bool = True,
) -> Answer:
    """Ask the guard as a server would; a body that does not end keeps it waiting."""
    sent: list[Message] = []
    pending = [
        {"type": "http.request", "body": chunk, "more_body": not ends or number < len(chunks)}
        for number, chunk in enumerate(chunks, 1)
    ]

    async def receive() -> Message:
        if not pending:
            await asyncio.Event().wait()
        return pending.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": method, "scheme": "http", "path": "/", "query_string": b"", "headers": raw}
    asyncio.run(Guard(_echo, LOOPBACK_HOSTS, body_bytes=10, body_seconds=0.05)(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], Headers(raw=sent[0]["headers"]), body)


def test_a_body_within_the_limit_reaches_the_application_whole() -> None:
    answer = _ask("POST", (("host", HOST), ("origin", f"http://{HOST}")), (b"01234", b"56789"))
    assert (answer.status, answer.body) == (200, b"0123456789")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:9", "[::1]:8000"])
def test_a_name_of_loopback_is_answered(host: str) -> None:
    assert _ask(headers=(("host", host),)).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "a@localhost", "localhost/x", "localhost:x", "[::1", ""]
)
def test_another_name_is_refused(host: str) -> None:
    assert _ask(headers=(("host", host),)).status == 421


@pytest.mark.parametrize("headers", [(), (("host", HOST), ("host", "evil.example"))])
def test_no_name_and_two_names_are_refused(headers: tuple[tuple[str, str], ...]) -> None:
    assert _ask(headers=headers).status == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:8001"])
def test_a_form_of_another_site_is_refused(origin: str) -> None:
    assert _ask("POST", (("host", HOST), ("origin", origin)), (b"x",)).status == 403


def test_a_body_above_the_limit_is_refused_before_it_ends() -> None:
    assert _ask("POST", chunks=(b"012345", b"67890"), ends=False).status == 413


def test_a_body_that_does_not_end_is_refused() -> None:
    assert _ask("POST", chunks=(b"0",), ends=False).status == 408


def test_another_method_is_refused() -> None:
    answer = _ask("DELETE")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize("host", [HOST, "evil.example"])
def test_every_response_forbids_what_no_page_needs(host: str) -> None:
    headers = _ask(headers=(("host", host),)).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_a_refusal_is_the_error_document() -> None:
    document = json.loads(_ask(headers=(("host", "evil.example"),)).body)
    assert (document["schema"], document["found"]) == ("vcpuid-error/1", "evil.example")


def test_a_refusal_of_a_head_request_has_no_body() -> None:
    answer = _ask("HEAD", (("host", "evil.example"),))
    assert (answer.status, answer.body) == (421, b"")


def test_a_websocket_is_closed_before_the_application_sees_it() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    asyncio.run(Guard(_echo, LOOPBACK_HOSTS, body_bytes=10, body_seconds=1)({"type": "websocket"}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
