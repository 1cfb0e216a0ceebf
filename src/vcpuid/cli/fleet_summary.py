"""`vcpuid fleet summary`."""

from __future__ import annotations

import click

from vcpuid.cli.fleet_store import fleet_options, metrics_format, open_fleet
from vcpuid.cli.output import write
from vcpuid.fleet.summary import summarise
from vcpuid.render.fleet.metrics import render_summary_metrics
from vcpuid.render.fleet.summary import render_summary, summary_document


@click.command()
@fleet_options
@metrics_format
def command(folder: str, date: str | None, output_format: str) -> None:
    """Count a fleet: models, generations, microcode, versions, distinct configurations.

    \b
    vcpuid fleet summary --store fleet
    vcpuid fleet summary --store fleet --format prometheus > /var/lib/node_exporter/fleet.prom
    """
    answer = summarise(open_fleet(folder, date))
    if output_format == "prometheus":
        click.echo(render_summary_metrics(answer), nl=False)
    else:
        write(output_format, lambda: render_summary(answer), lambda: summary_document(answer))
