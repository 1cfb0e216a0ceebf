"""The server: where it listens, who may ask it, and its end."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
from collections.abc import Iterable
from typing import Final, NamedTuple

import uvicorn

from vcpuid.errors import UsageError
from vcpuid.fleet import Store
from vcpuid.web.app import make_app
from vcpuid.web.connection import LONGEST_HEAD, Connection
from vcpuid.web.guard import LOOPBACK_HOSTS

_SHORTEST_TOKEN = 16
_GRACE_SECONDS = 2
_WAYS: Final = {
    errno.EADDRINUSE: "Choose another port with --port; 0 takes any that is free.",
    errno.EADDRNOTAVAIL: "--listen takes an address of this machine: `ip address` shows them.",
    errno.EACCES: "Ports below 1024 are for root: choose a higher one with --port, and put a proxy before it.",
}
_ADDRESS_ALONE = "--listen takes a name or an address alone; --port gives the port."
_LONGEST_NAME = 253  # RFC 1035, 2.3.4
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")


class Listener(NamedTuple):
    """A socket that listens.

    Attributes:
        socket: The socket.
        address: Its address for browsers.
        hosts: The names under which the server may be asked.
        is_loopback: Whether only this machine can reach it.
        names: Those of them that were given: a proxy may stand there.
    """

    socket: socket.socket
    address: str
    hosts: frozenset[str]
    is_loopback: bool
    names: tuple[str, ...] = ()


def listen(host: str, port: int, token: str | None, names: Iterable[str] = ()) -> Listener:
    """Listen on an address of this machine.

    Args:
        host: A name or an address; one that others reach needs a token.
        port: The port; 0 for any that is free.
        token: What every request must have.
        names: Further names by which browsers ask, as that of a proxy; they need a token, too.

    Raises:
        UsageError: It cannot be listened there, or not without a token.
    """
    _check_token(token)
    names = tuple(dict.fromkeys(_read_name(name) for name in names))
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        why = str(error.strerror) if isinstance(error, OSError) else "no name of a host"
        raise UsageError(
            f"not an address of this machine: {why}", source="--listen", found=host, next_step=_ADDRESS_ALONE
        ) from error
    address = ipaddress.ip_address(str(place[0]).partition("%")[0])
    if not address.is_loopback:
        _require_token(token, "others can reach this address", "--listen", host)
    if others := sorted(set(names) - LOOPBACK_HOSTS):
        _require_token(token, "others can ask by this name", "--name", others[0])
    if address.is_unspecified and not names:
        raise UsageError(
            "every address of this machine, and no name by which browsers reach it",
            source="--listen",
            found=host,
            next_step="Give each with --name: the name or the address that stands in the browser's address bar.",
        )
    is_dual = address.is_unspecified and family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    try:
        listening = socket.create_server((str(place[0]), port), family=family, dualstack_ipv6=is_dual)
    except OSError as error:
        raise UsageError(
            f"cannot listen: {os.strerror(error.errno or 0)}",
            found=f"{host} port {port}",
            next_step=_WAYS.get(error.errno or 0, "Choose another address with --listen, or a port with --port."),
        ) from error
    # Connections inherit it. asyncio sees no TCP in a socket made like this one, and would let the kernel hold an
    # answer's body back until its head is acknowledged, which takes clients 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    name = names[0] if address.is_unspecified else host
    name = f"[{name}]" if ":" in name else name
    own = frozenset() if address.is_unspecified else frozenset({host.lower(), str(address)})
    is_asked_here = address.is_loopback or address.is_unspecified
    hosts = own | frozenset(names) | (LOOPBACK_HOSTS if is_asked_here else frozenset())
    place_in_url = f"http://{name}:{listening.getsockname()[1]}/"
    return Listener(listening, place_in_url, hosts, address.is_loopback, names)


def serve(listener: Listener, token: str | None, store: Store | None = None) -> None:
    """Serve until an interrupt ends it.

    Args:
        listener: Where.
        token: What every request must have; None for a listener that only this machine reaches.
        store: The fleet store that questions of fleets are asked of; None for none.
    """
    make_server(listener, token, store).run(sockets=[listener.socket])


def make_server(listener: Listener, token: str | None, store: Store | None = None) -> uvicorn.Server:
    """Make the server that `serve` runs."""
    config = uvicorn.Config(
        make_app(listener.hosts, token, store, listener.names),
        http=Connection,
        h11_max_incomplete_event_size=LONGEST_HEAD,
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing that a proxy says is believed
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def _read_name(text: str) -> str:
    """Read a name by which browsers ask, as it stands in a Host header without its port."""
    name = text.lower()
    try:
        return str(ipaddress.ip_address(name.removeprefix("[").removesuffix("]")))
    except ValueError:
        if len(name) <= _LONGEST_NAME and _NAME.fullmatch(name):
            return name
    raise UsageError(
        "not a name of a host",
        source="--name",
        found=text,
        expected="a name or an address, without https:// before it and a port behind it",
        next_step="A name in other letters has a form that begins with xn--, which browsers send.",
    )


def _require_token(token: str | None, why: str, source: str, found: str) -> None:
    if token is None:
        raise UsageError(
            f"{why}, and there is no token",
            source=source,
            found=found,
            next_step=f"Give one with --token or VCPUID_TOKEN: openssl rand -hex {_SHORTEST_TOKEN}",
        )


def _check_token(token: str | None) -> None:
    if token is not None and (len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
        raise UsageError(
            "not a token",
            source="--token",
            expected=f"at least {_SHORTEST_TOKEN} printable characters of ASCII",
            next_step=f"Make one: openssl rand -hex {_SHORTEST_TOKEN}",
        )
