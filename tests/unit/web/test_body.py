"""Limits of bodies: size, time, and memory of all together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from asgi import Answer
from schemas import check_document
from vcpuid.web.body import BodyGate

MOST = 10


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(await Request(scope, receive).body())(scope, receive, send)


def gate(together_bytes: int = 1000) -> BodyGate:
    return BodyGate(_echo, most_bytes=MOST, seconds=0.05, together_bytes=together_bytes)


async def post(
    app: BodyGate, chunks: Iterable[bytes], *, ends: bool = True, length: str = "", goes: bool = False
) -> Answer:
    """Send a body in pieces; one that does not end keeps the gate waiting, or the client goes."""
    sent: list[Message] = []
    pending: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if ends:
        pending[-1]["more_body"] = False
    if goes:
        pending.append({"type": "http.disconnect"})

    async def receive() -> Message:
        if not pending:
            await asyncio.Event().wait()
        return pending.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-length", length.encode())] if length else []
    await app({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive, send)
    if not sent:
        return Answer(0, Headers(), b"")
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], Headers(raw=sent[0]["headers"]), body)


def test_a_body_within_the_limit_reaches_the_application_whole() -> None:
    answer = asyncio.run(post(gate(), [b"01234", b"56789"]))
    assert (answer.status, answer.body) == (200, b"0123456789")


@pytest.mark.parametrize("length", ["", "11", "9" * 4000])
def test_a_body_above_the_limit_is_refused_before_it_ends(length: str) -> None:
    answer = asyncio.run(post(gate(), [b"012345", b"67890"], ends=False, length=length))
    assert answer.status == 413
    check_document("error", answer.document)
    assert answer.document["expected"] == "at most 10 bytes"


def test_a_body_that_is_announced_as_too_large_is_not_read() -> None:
    assert asyncio.run(post(gate(), [], ends=False, length="11")).status == 413


def test_a_body_that_does_not_end_is_refused_and_its_connection_closed() -> None:
    answer = asyncio.run(post(gate(), [b"0"], ends=False))
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert answer.document["found"] == "1 bytes"


def test_a_client_that_has_gone_gets_no_answer() -> None:
    assert asyncio.run(post(gate(), [b"0"], ends=False, goes=True)).status == 0


def test_all_bodies_together_have_a_limit_which_is_free_again_afterwards() -> None:
    async def crowd() -> list[int]:
        app = gate(together_bytes=2 * MOST)
        slow = [asyncio.create_task(post(app, [b"0123456789"], ends=False)) for _ in range(2)]
        await asyncio.sleep(0)
        refused = await post(app, [b"0"])
        assert refused.headers["retry-after"] == "5"
        answers = [refused, *await asyncio.gather(*slow), *[await post(app, [b"0123456789"]) for _ in range(5)]]
        return [answer.status for answer in answers]

    assert asyncio.run(crowd()) == [503, 408, 408, 200, 200, 200, 200, 200]
