"""The options with which commands name a fleet store and a snapshot in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from vcpuid.fleet import Fleet, Store

_Command = TypeVar("_Command", bound=Callable[..., Any])

store_option = click.option(
    "--store", "folder", metavar="DIR", required=True, envvar="VCPUID_FLEET", show_envvar=True, help="The store."
)


def fleet_options(command: _Command) -> _Command:
    """Give a command the options --store and --at."""
    at = click.option("--at", "date", metavar="DATE", help="The snapshot of the fleet; else the newest.")
    return store_option(at(command))


def open_fleet(folder: str, date: str | None) -> Fleet:
    """Open a snapshot of the fleet.

    Raises:
        InputError: There is no store, it cannot be read, or it is of a newer version.
        UsageError: It has no snapshot of this date.
        UndecidedError: The engine is not installed.
    """
    return Store(Path(folder)).fleet(date)


def metrics_format(command: _Command) -> _Command:
    """Give a command the option --format, with metrics among the formats."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(["text", "json", "prometheus"]),
        default="text",
        show_default=True,
        help="Text for people, a JSON document, or metrics for a textfile collector.",
    )(command)
