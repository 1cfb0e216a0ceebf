"""What stands before every page: names, methods, lengths, other sites, and headers that forbid."""

from __future__ import annotations

import asyncio
import base64
import re
from hashlib import sha256
from typing import Any

import pytest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from asgi import HOST, Answer, get, post, scope_of
from schemas import check_document
from vcpuid.web.app import make_app
from vcpuid.web.guard import LOOPBACK_HOSTS, MOST_REQUESTS, Guard

PROXIED = "cpu.example"
PROGRAM: dict[str, Any] = {"accept": "*/*"}


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"cache-control": "public"} if scope["path"] == "/static" else None
    await Response(b"a page", headers=headers)(scope, receive, send)


APP = Guard(_answer, LOOPBACK_HOSTS | {PROXIED}, {PROXIED})


def ask(target: str = "/", **options: Any) -> Answer:  # noqa: ANN401 - of `get`
    return get(APP, target, **options)


async def statuses_of(scope: Scope, app: Guard = APP) -> list[int]:
    """Ask, and give the status of the answer; the body may not be read."""
    statuses: list[int] = []

    async def receive() -> Message:
        raise AssertionError("it was read")

    async def send(message: Message) -> None:
        statuses.extend([message["status"]] if message["type"] == "http.response.start" else [])

    await app(scope, receive, send)
    return statuses


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:9", "[::1]:8000", "CPU.example"])
def test_a_name_of_the_server_is_answered(host: str) -> None:
    assert ask(host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "a@localhost",
        "localhost/x",
        "localhost:x",
        "[::1",
        "",
        "localhost.",
    ],
)
def test_another_name_is_refused(host: str) -> None:
    assert ask(host=host).status == 421


@pytest.mark.parametrize("headers", [(), (("host", HOST), ("host", "evil.example"))])
def test_no_name_and_two_names_are_refused(headers: tuple[tuple[str, str], ...]) -> None:
    assert asyncio.run(statuses_of(scope_of("/", *headers))) == [421]


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        (HOST, f"http://{HOST}", 200),
        (HOST, "https://evil.example", 403),
        (HOST, "null", 403),
        (HOST, "http://127.0.0.1:8001", 403),
        (HOST, f"https://{HOST}", 403),
        (HOST, "", 403),
        (PROXIED, f"https://{PROXIED}", 200),
        (PROXIED, f"http://{PROXIED}", 200),
        (PROXIED, f"https://{PROXIED}:444", 403),
        (PROXIED, f"ftp://{PROXIED}", 403),
    ],
)
def test_a_form_comes_from_a_page_of_this_server(host: str, origin: str, status: int) -> None:
    assert ask(method="POST", host=host, body=b"x", origin=origin).status == status


@pytest.mark.parametrize(
    ("method", "site", "mode", "destination", "status"),
    [
        ("GET", "same-origin", "cors", "empty", 200),
        ("POST", "same-origin", "navigate", "document", 200),
        ("GET", "none", "navigate", "document", 200),
        ("GET", "cross-site", "navigate", "document", 200),
        ("GET", "cross-site", "navigate", "iframe", 403),
        ("GET", "cross-site", "no-cors", "image", 403),
        ("GET", "same-site", "cors", "empty", 403),
        ("POST", "cross-site", "navigate", "document", 403),
        ("POST", "same-site", "navigate", "document", 403),
    ],
)
def test_another_site_may_link_here_and_do_no_more(
    method: str, site: str, mode: str, destination: str, status: int
) -> None:
    fetch = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": destination}
    assert ask(method=method, **fetch).status == status


def test_a_long_address_and_long_headers_are_refused() -> None:
    assert ask(f"/search?q={'a' * 8000}").status == 200
    assert ask(f"/search?q={'a' * 8192}").status == 414
    assert ask(f"/{'a' * 8192}").status == 414
    assert ask(cookie="a" * 16000).status == 200
    assert ask(cookie="a" * 16384).status == 431


def test_a_body_of_two_lengths_is_refused() -> None:
    both: dict[str, Any] = {"content-length": "3", "transfer-encoding": "chunked"}
    answer = ask(method="POST", **both)
    assert (answer.status, answer.headers["connection"]) == (400, "close")


REFUSED: list[tuple[int, dict[str, Any]]] = [
    (421, {"host": "evil.example"}),
    (403, {"method": "POST", "origin": "https://evil.example"}),
    (414, {"target": f"/{'a' * 9000}"}),
    (431, {"cookie": "a" * 17000}),
]


@pytest.mark.parametrize(("status", "options"), REFUSED)
def test_a_refusal_is_a_page_to_a_browser_and_a_document_to_a_program(
    status: int, options: dict[str, Any]
) -> None:
    page = ask(**options)
    assert (page.status, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    answer = ask(**options, **PROGRAM)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    check_document("error", answer.document)
    assert answer.document["next_step"]
    assert f"<h1>{answer.document['message']}</h1>" in page.text
    assert answer.document["next_step"].split(".")[0] in page.text.replace("&#39;", "'")
    api = {"target": "/api/v1/leaves", **options}
    if status != 414:
        assert ask(**api).headers["content-type"] == "application/json"


@pytest.mark.parametrize("options", [options for _, options in REFUSED])
def test_a_refused_page_needs_nothing_else_of_the_server(options: dict[str, Any]) -> None:
    page = ask(**options)
    assert not re.search(r"(?:href|src|action)=|url\(|<script", page.text)
    style = re.findall(r"<style>(.*)</style>", page.text, re.DOTALL)
    assert len(style) == 1
    digest = base64.b64encode(sha256(style[0].encode()).digest()).decode()
    policy = page.headers.getlist("content-security-policy")
    assert len(policy) == 1
    assert f"style-src 'sha256-{digest}';" in policy[0]


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
@pytest.mark.parametrize(
    "options",
    [
        {"host": "<script>alert(1)</script>"},
        {"method": "POST", "origin": "'\"><script>"},
    ],
)
def test_what_was_sent_is_never_markup(accept: str, options: dict[str, Any]) -> None:
    answer = ask(accept=accept, **options)
    assert answer.status > 400
    assert "<script" not in answer.text.lower() or answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_is_repeated_of_a_request_is_short() -> None:
    assert len(ask(host="a" * 15000).body) < 3000


def test_the_names_of_the_server_are_not_told_to_who_does_not_know_them() -> None:
    assert PROXIED not in ask(host="evil.example").text + ask(host="evil.example", **PROGRAM).text


@pytest.mark.parametrize("host", [HOST, "evil.example"])
def test_every_response_forbids_what_no_page_needs(host: str) -> None:
    headers = ask(host=host).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for directive in (
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "require-trusted-types-for",
    ):
        assert directive in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers
    assert "set-cookie" not in headers


def test_the_answer_to_a_form_stays_with_the_browser_that_sent_it() -> None:
    app = make_app(LOOPBACK_HOSTS)
    message = ("text", "unknown CPU feature: sha_ni")
    kept = {"/diagnose": "private, no-cache", "/api/v1/diagnose": "no-store", "/lint": "no-store"}
    found = {target: post(app, target, message if "diagnose" in target else ("text", "")) for target in kept}
    assert {target: answer.headers["cache-control"] for target, answer in found.items()} == kept


def test_what_may_be_kept_says_so_itself() -> None:
    assert ask("/static").headers["cache-control"] == "public"


def test_a_refusal_of_a_head_request_has_no_body() -> None:
    answer = ask(method="HEAD", host="evil.example")
    assert (answer.status, answer.body) == (421, b"")


def test_a_refused_request_is_answered_without_its_body() -> None:
    scope = scope_of("/", ("host", "evil.example"), ("content-length", "9"), method="POST")
    assert asyncio.run(statuses_of(scope)) == [421]


def test_more_requests_than_it_answers_at_once_are_told_to_come_back() -> None:
    async def crowd() -> list[int]:
        go_on = asyncio.Event()

        async def wait(scope: Scope, receive: Receive, send: Send) -> None:
            await go_on.wait()
            await _answer(scope, receive, send)

        guard, scope = Guard(wait, LOOPBACK_HOSTS), scope_of("/", ("host", HOST))
        waiting = [asyncio.create_task(statuses_of(scope, guard)) for _ in range(MOST_REQUESTS)]
        await asyncio.sleep(0)
        refused = await statuses_of(scope, guard)
        go_on.set()
        answered = [status for statuses in await asyncio.gather(*waiting) for status in statuses]
        return [*refused, *answered, *await statuses_of(scope, guard)]

    assert asyncio.run(crowd()) == [503] + [200] * (MOST_REQUESTS + 1)


def test_a_websocket_is_closed_before_the_application_sees_it() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    asyncio.run(APP({"type": "websocket"}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
