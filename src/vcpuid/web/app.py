"""The explorer as an ASGI application."""

from __future__ import annotations

from collections.abc import Collection

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from vcpuid.fleet import Store
from vcpuid.web import static
from vcpuid.web.body import BodyGate
from vcpuid.web.faults import confess, refuse
from vcpuid.web.guard import Guard
from vcpuid.web.openapi import openapi_document
from vcpuid.web.pages import VIEWS
from vcpuid.web.token import TokenGate
from vcpuid.web.view import API

_BODY_BYTES = 8 << 20
"""A snapshot of a host with many guests, or a dump of hundreds of CPUs, has room."""
_BODY_SECONDS = 10.0
_TOGETHER_BYTES = 64 << 20
"""Of all bodies that are held at once."""


def make_app(
    hosts: Collection[str],
    token: str | None = None,
    store: Store | None = None,
    proxied: Collection[str] = (),
) -> ASGIApp:
    """Make the application.

    Args:
        hosts: The names under which it may be asked; see `Guard`.
        token: What every request must have; None for a server that only this machine reaches.
        store: The fleet store that questions of fleets are asked of; None for none.
        proxied: The names that a proxy with TLS may stand for.
    """
    document = openapi_document(VIEWS, has_token=token is not None)

    async def tell_api(_: Request) -> Response:
        return JSONResponse(document)

    routes = [route for view in VIEWS for route in view.routes()]
    explorer = Starlette(
        routes=[*routes, Route(f"{API}/openapi.json", tell_api), static.ROUTE],
        exception_handlers={HTTPException: refuse, Exception: confess},
    )
    explorer.state.store = store
    explorer.router.redirect_slashes = False  # it would name a scheme, which behind a proxy is another
    app: ASGIApp = BodyGate(
        explorer, most_bytes=_BODY_BYTES, seconds=_BODY_SECONDS, together_bytes=_TOGETHER_BYTES
    )
    if token is not None:  # before the body: nobody else has a byte of theirs kept
        app = TokenGate(app, token)
    return Guard(app, hosts, proxied)
