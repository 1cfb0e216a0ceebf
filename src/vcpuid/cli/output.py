"""The output options that every command has, and what becomes of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from vcpuid.render.page import WIDTH, Page

_NARROWEST = 60

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


def metrics_options(command: _Command) -> _Command:
    """Give a command the option --format, with metrics among the formats."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(["text", "json", "prometheus"]),
        default="text",
        show_default=True,
        help="Text for people, a JSON document, or metrics for a textfile collector.",
    )(command)


def write(output_format: str, page: Callable[[], Page], document: Callable[[], dict[str, Any]]) -> None:
    """Write an answer to standard output in the chosen format; only the chosen one is made."""
    if output_format == "json":
        import json  # noqa: PLC0415 - text output must not pay for it

        click.echo(json.dumps(document(), indent=2))
        return
    write_page(page())


def write_page(page: Page) -> None:
    """Write a page to standard output, as wide as it is."""
    page.write(sys.stdout, colour=wants_colour(), width=text_width())
    sys.stdout.flush()  # here, where a full disk is still told


def wants_colour() -> bool:
    """Tell whether standard output is a terminal that may be coloured (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def text_width() -> int:
    """Give the columns of text: the terminal's, 60 to 110; 110 off a terminal."""
    if not sys.stdout.isatty():
        return WIDTH
    columns = os.get_terminal_size(sys.stdout.fileno()).columns or WIDTH  # 0: a terminal that does not know
    return min(max(columns, _NARROWEST), WIDTH)
