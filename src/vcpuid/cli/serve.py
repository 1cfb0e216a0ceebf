"""`vcpuid serve`."""

from __future__ import annotations

import gc
from contextlib import suppress

import click

from vcpuid.cli.extra import extra
from vcpuid.cli.fleet_store import open_store

_PACKAGES = ("jinja2", "starlette", "uvicorn")


@click.command()
@click.option(
    "--listen", "host", metavar="ADDR", default="127.0.0.1", show_default=True, help="The address to listen on."
)
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="The port; 0 takes any that is free.",
)
@click.option(
    "--name",
    "names",
    metavar="NAME",
    multiple=True,
    help="A name or address by which browsers ask, such as that of a proxy; may be repeated. It needs a token.",
)
@click.option(
    "--token",
    metavar="TOKEN",
    envvar="VCPUID_TOKEN",
    show_envvar=True,
    help="Answer only those who have it. An address that others reach needs one.",
)
@click.option(
    "--store",
    "folder",
    metavar="DIR",
    envvar="VCPUID_FLEET",
    show_envvar=True,
    help="A fleet store, of which the pages of the fleet are asked.",
)
def command(host: str, port: int, names: tuple[str, ...], token: str | None, folder: str | None) -> None:
    """Serve the explorer to a browser, until Ctrl-C.

    It listens on this machine alone. On another address it asks for the token: a browser as the password, a
    program as `Authorization: Bearer T`. Better set it with VCPUID_TOKEN: others on this machine see what
    stands on a command line.

    Requests that ask it by another name than its own are refused. Where it listens on every address, or a proxy
    stands before it, --name says by which names browsers ask.

    With a fleet store it answers questions of the fleet too. The store may be ingested into meanwhile.

    \b
    vcpuid serve
    vcpuid serve --store fleet
    export VCPUID_TOKEN=$(openssl rand -hex 16); echo "$VCPUID_TOKEN"
    vcpuid serve --listen 192.0.2.7
    vcpuid serve --name cpu.example.org

    Exit status: 0 ended.
    """
    with extra("web", _PACKAGES, "the explorer"):
        from vcpuid.web.server import listen, serve  # noqa: PLC0415 - --help must not need the extra
    gc.enable()  # a server, unlike other commands, lives long enough for its garbage to matter
    store = open_store(folder) if folder is not None else None
    listener = listen(host, port, token, names)
    with listener.socket:
        if not listener.is_loopback:
            click.echo(
                "vcpuid: warning: others can reach this address, and what they send and get, the token too, is not"
                " encrypted: put a proxy with TLS before it",
                err=True,
            )
        click.echo(f"The explorer is at {listener.address} (Ctrl-C ends it)")
        if listener.names:
            click.echo(f"Browsers may ask by the name {' or '.join(listener.names)}")
        with suppress(KeyboardInterrupt):  # how it is meant to end
            serve(listener, token, store)
