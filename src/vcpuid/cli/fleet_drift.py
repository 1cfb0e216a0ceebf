"""`vcpuid fleet drift`."""

from __future__ import annotations

import click

from vcpuid.cli.fleet_store import open_fleet, store_option
from vcpuid.cli.output import metrics_options, write
from vcpuid.fleet.drift import find_drift
from vcpuid.render.fleet.drift import drift_document, render_drift
from vcpuid.render.fleet.metrics import render_drift_metrics


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@store_option
@metrics_options
def command(before: str, after: str, folder: str, output_format: str) -> int:
    """Tell what changed from snapshot A of the fleet to snapshot B: features, numbers, versions, hosts.

    A and B are dates, as --at of other questions takes.

    \b
    vcpuid fleet drift 2026-01-31 2026-02-01 --store fleet

    Exit status: 0 no host lost a feature, 1 some did.
    """
    answer = find_drift(open_fleet(folder, after), before)
    if output_format == "prometheus":
        click.echo(render_drift_metrics(answer), nl=False)
    else:
        write(output_format, lambda: render_drift(answer), lambda: drift_document(answer))
    return 1 if answer.losing else 0
