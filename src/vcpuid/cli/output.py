"""The output options that every command has, and what becomes of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from vcpuid.render.page import Page

_Command = TypeVar("_Command", bound=Callable[..., Any])


def output_options(command: _Command) -> _Command:
    """Give a command the option --format."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Text for people, or a JSON document with a `schema`.",
    )(command)


def write(output_format: str, page: Callable[[], Page], document: Callable[[], dict[str, Any]]) -> None:
    """Write an answer to standard output in the chosen format; only the chosen one is made."""
    if output_format == "json":
        import json  # noqa: PLC0415 - text output must not pay for it

        click.echo(json.dumps(document(), indent=2))
        return
    page().write(sys.stdout, colour=wants_colour())
    sys.stdout.flush()  # here, where a full disk is still told


def wants_colour() -> bool:
    """Tell whether standard output is a terminal that may be coloured (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
