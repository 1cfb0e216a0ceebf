"""What every request passes before a page sees it, and what every response carries."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vcpuid.errors import UsageError
from vcpuid.web.faults import send_refusal, shown
from vcpuid.web.policy import FORM_ANSWER, HEADERS
from vcpuid.web.refusal import Refusal, busy

LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
MOST_REQUESTS: Final = 200
"""How many requests are answered at once."""
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_LONGEST_TARGET = 8 << 10
_LONGEST_HEADERS = 16 << 10
_OK = 200
_OTHER_SITES = frozenset({"same-site", "cross-site"})


class Guard:
    """ASGI middleware: refuses what no page should see, and forbids the browser what no page needs.

    A page on another site that has its name point to this address (DNS rebinding) is known by its Host header, a
    form on one by its Origin. Nothing is read of a body before all of this is well.

    Args:
        app: The application behind it.
        hosts: The names under which the server may be asked, without port, in lower case.
        proxied: Those of them that a proxy with TLS may stand for: browsers say https to it.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], proxied: Collection[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._proxied = frozenset(proxied)
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no page has a websocket
            await send({"type": "websocket.close", "code": 1008})
            return
        self._requests += 1
        try:
            await self._pass(scope, receive, _guarded(send, scope["method"]))
        finally:
            self._requests -= 1

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope)
        except Refusal as refusal:
            await send_refusal(refusal, scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = self._check_host(headers)
        if self._requests > MOST_REQUESTS:
            raise busy("too many requests at once", f"at most {MOST_REQUESTS}")
        _check_lengths(scope, headers)
        _check_site(scope["method"], headers)
        schemes = {scope["scheme"]} | ({"https"} if _name(host) in self._proxied else set())
        for origin in headers.getlist("origin"):
            if origin not in {f"{scheme}://{host}" for scheme in schemes}:
                raise _of_another_site("Origin", origin)

    def _check_host(self, headers: Headers) -> str:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _name(hosts[0]) not in self._hosts:
            raise Refusal(
                421,
                UsageError(
                    "not asked by a name of this server",
                    source="Host",
                    found=shown(", ".join(hosts)) or "nothing",
                    expected="the address that `vcpuid serve` printed when it started",
                    next_step="Use that address; whoever runs the server gives it another name with --name.",
                ),
            )
        return hosts[0]


def _check_lengths(scope: Scope, headers: Headers) -> None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _LONGEST_TARGET:
        expected = f"at most {_LONGEST_TARGET} bytes"
        raise Refusal(
            414, UsageError("the address is too long", expected=expected, next_step="Send a form instead.")
        )
    if sum(len(name) + len(value) for name, value in headers.raw) > _LONGEST_HEADERS:
        expected = f"at most {_LONGEST_HEADERS} bytes"
        raise Refusal(431, UsageError("the headers are too long", expected=expected, next_step="Send fewer."))
    if "transfer-encoding" in headers and "content-length" in headers:
        raise Refusal(
            400,
            UsageError(  # a proxy that counts otherwise than we do takes the rest for another request
                "the body has two lengths",
                source="Content-Length and Transfer-Encoding",
                expected="one of them",
                next_step="If a proxy stands before this server, mend its configuration.",
            ),
            {"connection": "close"},
        )


def _check_site(method: str, headers: Headers) -> None:
    """Refuse what a page of another site asks for by itself; whoever follows a link from there is welcome."""
    site = headers.get("sec-fetch-site", "")
    is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    if site in _OTHER_SITES and not (method in _SAFE_METHODS and is_link):
        raise _of_another_site("Sec-Fetch-Site", site)


def _of_another_site(header: str, found: str) -> Refusal:
    return Refusal(
        403,
        UsageError(
            "sent by a page of another site",
            source=header,
            found=shown(found),
            expected="a form of this server's own pages, or a program",
            next_step="Open the page here, and send its form."
            " Behind a proxy with TLS, the Host header must be the name that browsers use, and that --name gives.",
        ),
    )


def _guarded(send: Send, method: str) -> Send:
    async def send_guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            is_page = message["status"] == _OK and headers.get("content-type", "").startswith("text/html")
            for name, value in (FORM_ANSWER if is_page and method == "POST" else HEADERS).items():
                headers.setdefault(name, value)
            message = {**message, "headers": headers.raw}
        await send(message)

    return send_guarded


def _name(host: str) -> str | None:
    """Give the name in a Host header, in lower case; None if it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # a port that is no number raises
    except ValueError:
        return None
    return parts.hostname if parts.netloc == host and parts.username is None else None
