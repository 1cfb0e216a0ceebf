"""The server: where it listens, who may ask it, and its end."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import NamedTuple

import uvicorn

from vcpuid.errors import UsageError
from vcpuid.fleet import Store
from vcpuid.web.app import make_app
from vcpuid.web.guard import LOOPBACK_HOSTS

_SHORTEST_TOKEN = 16
_MOST_REQUESTS = 200
_GRACE_SECONDS = 2


class Listener(NamedTuple):
    """A socket that listens.

    Attributes:
        socket: The socket.
        address: Its address for browsers.
        hosts: The names under which the server may be asked.
        is_loopback: Whether only this machine can reach it.
    """

    socket: socket.socket
    address: str
    hosts: frozenset[str]
    is_loopback: bool


def listen(host: str, port: int, token: str | None) -> Listener:
    """Listen on an address of this machine.

    Args:
        host: A name or an address; one that others reach needs a token.
        port: The port; 0 for any that is free.
        token: What every request must have.

    Raises:
        UsageError: It cannot be listened there, or not without a token.
    """
    _check_token(token)
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise UsageError("not an address of this machine", source="--host", found=f"{host}: {error}") from error
    address = ipaddress.ip_address(str(place[0]).partition("%")[0])
    if address.is_unspecified:
        raise UsageError(
            "not an address by which a server can be asked",
            source="--host",
            found=host,
            next_step="Name the one by which browsers reach this machine.",
        )
    if not address.is_loopback and token is None:
        raise UsageError(
            "others can reach this address, and there is no token",
            source="--host",
            found=host,
            next_step=f"Give one with --token or VCPUID_TOKEN: openssl rand -hex {_SHORTEST_TOKEN}",
        )
    try:
        listening = socket.create_server((str(place[0]), port), family=family)
    except OSError as error:
        raise UsageError(
            f"cannot listen: {os.strerror(error.errno or 0)}",
            found=f"{host} port {port}",
            next_step="Choose another port with --port; 0 takes any that is free.",
        ) from error
    name = f"[{host}]" if ":" in host else host
    hosts = frozenset({host.lower(), str(address)}) | (LOOPBACK_HOSTS if address.is_loopback else frozenset())
    return Listener(listening, f"http://{name}:{listening.getsockname()[1]}/", hosts, address.is_loopback)


def serve(listener: Listener, token: str | None, store: Store | None = None) -> None:
    """Serve until an interrupt ends it.

    Args:
        listener: Where.
        token: What every request must have; None for a listener that only this machine reaches.
        store: The fleet store that questions of fleets are asked of; None for none.
    """
    config = uvicorn.Config(
        make_app(listener.hosts, token, store),
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        limit_concurrency=_MOST_REQUESTS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listener.socket])


def _check_token(token: str | None) -> None:
    if token is not None and (len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
        raise UsageError(
            "not a token",
            source="--token",
            expected=f"at least {_SHORTEST_TOKEN} printable characters of ASCII",
            next_step=f"Make one: openssl rand -hex {_SHORTEST_TOKEN}",
        )
