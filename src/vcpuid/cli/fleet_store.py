"""The options with which commands name a fleet store and a snapshot in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from vcpuid import fleet
from vcpuid.fleet.engine import ENGINES
from vcpuid.fleet.engine.duckdb import DuckDb

_Command = TypeVar("_Command", bound=Callable[..., Any])

_ENGINE = "vcpuid.engine"


def store_option(command: _Command) -> _Command:
    """Give a command the options --store and --engine."""
    store = click.option(
        "--store",
        "folder",
        metavar="DIR",
        required=True,
        envvar="VCPUID_FLEET",
        show_envvar=True,
        help="The store.",
    )
    return store(engine_option(command))


def engine_option(command: _Command) -> _Command:
    """Give a command the option --engine, which `open_fleet` heeds."""
    engine = click.option(
        "--engine",
        type=click.Choice(list(ENGINES)),
        default=next(iter(ENGINES)),
        show_default=True,
        expose_value=False,
        callback=_remember_engine,
        help="What counts: DuckDB here, or Spark, where its own configuration says.",
    )
    return engine(command)


def _remember_engine(context: click.Context, _: click.Parameter, name: str) -> None:
    context.meta[_ENGINE] = name


def chosen_engine() -> str:
    """Give the name of the engine that the running command was told to use."""
    name: str = click.get_current_context().meta[_ENGINE]
    return name


def fleet_options(command: _Command) -> _Command:
    """Give a command the options --store, --engine and --at."""
    at = click.option("--at", "date", metavar="DATE", help="The snapshot of the fleet; else the newest.")
    return store_option(at(command))


def open_store(folder: str) -> fleet.Store:
    """Give the store of a folder that will be asked for long.

    Raises:
        InputError: There is none, or one of a newer version.
        UndecidedError: DuckDB is not installed.
    """
    DuckDb().close()
    store = fleet.Store(Path(folder))
    _ = store.dates  # a folder without a store is told before the first question
    return store


def open_fleet(folder: str, date: str | None) -> fleet.Fleet:
    """Open a snapshot of the fleet.

    Raises:
        InputError: There is no store, it cannot be read, or it is of a newer version.
        UsageError: It has no snapshot of this date.
        UndecidedError: The engine is not installed, or cannot be reached.
    """
    return fleet.open_fleet(folder, date, chosen_engine())
