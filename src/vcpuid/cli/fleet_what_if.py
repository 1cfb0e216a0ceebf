"""`vcpuid fleet what-if`."""

from __future__ import annotations

import click

from vcpuid.cli import complete
from vcpuid.cli.fleet_store import fleet_options, open_fleet
from vcpuid.cli.output import output_options, write
from vcpuid.errors import UsageError
from vcpuid.fleet.what_if import find_price, find_what_if
from vcpuid.render.fleet.what_if import (
    price_document,
    render_price,
    render_what_if,
    what_if_document,
)

_UNDECIDED = 4


@click.command()
@fleet_options
@click.option("--without", multiple=True, metavar="HOST", help="Give up a host; may be repeated.")
@click.option(
    "--without-feature",
    "features",
    multiple=True,
    metavar="NAME",
    shell_complete=complete.features,
    help="Give up a feature; may be repeated.",
)
@click.option(
    "--want",
    "model",
    metavar="MODEL",
    shell_complete=complete.models,
    help="What is to be given up for this model of libvirt?",
)
@output_options
def command(
    folder: str,
    date: str | None,
    without: tuple[str, ...],
    features: tuple[str, ...],
    model: str | None,
    output_format: str,
) -> int:
    """Tell the baseline without some hosts or features, or what a wanted model costs.

    With --want: the smallest set of hosts without which all others can give the model, and the smallest set of
    features to take from it so that all hosts can.

    \b
    vcpuid fleet what-if --without h03 --without h04 --store fleet
    vcpuid fleet what-if --without-feature avx512f --store fleet
    vcpuid fleet what-if --want Icelake-Server --store fleet

    Exit status: 0 there is a CPU in common, 1 there is none; with --want 0 nothing is to be given up, 1 something
    is, 4 nothing is by an upper bound.
    """
    if (model is None) == (not without and not features):
        raise UsageError(
            "either --want, or what is to be given up", expected="--want MODEL, or --without or --without-feature"
        )
    fleet = open_fleet(folder, date)
    if model is not None:
        price = find_price(fleet, model)
        write(output_format, lambda: render_price(price), lambda: price_document(price))
        return 1 if price.give_up_hosts else _UNDECIDED if price.unknown else 0
    answer = find_what_if(fleet, without, features)
    write(output_format, lambda: render_what_if(answer), lambda: what_if_document(answer))
    return 1 if answer.after.cpu is None else 0
