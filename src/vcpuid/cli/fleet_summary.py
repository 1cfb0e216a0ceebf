"""`vcpuid fleet summary`."""

from __future__ import annotations

from pathlib import Path

import click

from vcpuid.cli.files import write_whole
from vcpuid.cli.fleet_store import fleet_options, open_fleet
from vcpuid.cli.output import metrics_options, write
from vcpuid.errors import UsageError
from vcpuid.fleet.summary import summarise
from vcpuid.render.fleet.metrics import render_summary_metrics
from vcpuid.render.fleet.summary import render_summary, summary_document


@click.command()
@fleet_options
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(dir_okay=False), help="Write a picture (FILE.svg) besides."
)
@metrics_options
def command(folder: str, date: str | None, output: str | None, output_format: str) -> None:
    """Count a fleet: models, generations, microcode, versions, distinct configurations.

    \b
    vcpuid fleet summary --store fleet
    vcpuid fleet summary --store fleet --output fleet.svg
    vcpuid fleet summary --store fleet --format prometheus > /var/lib/node_exporter/fleet.prom

    Exit status: 0 counted.
    """
    if output and not output.endswith(".svg"):
        raise UsageError("no kind of file that is written", found=output, expected="FILE.svg")
    answer = summarise(open_fleet(folder, date))
    if output:
        from vcpuid.render.fleet.pictures import draw_summary  # noqa: PLC0415 - text must not pay for numpy

        write_whole(Path(output), draw_summary(answer))
    if output_format == "prometheus":
        click.echo(render_summary_metrics(answer), nl=False)
    else:
        write(output_format, lambda: render_summary(answer), lambda: summary_document(answer))
