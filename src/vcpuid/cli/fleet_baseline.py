"""`vcpuid fleet baseline`."""

from __future__ import annotations

import click

from vcpuid.cli.fleet_store import fleet_options, open_fleet
from vcpuid.cli.output import output_options, write
from vcpuid.fleet.baseline import find_baselines
from vcpuid.render.fleet.baseline import baselines_document, render_baselines


@click.command()
@fleet_options
@click.option("--by", metavar="NAME", help="A baseline for each `vendor`, `zone`, `cluster`, or value of a label.")
@output_options
def command(folder: str, date: str | None, by: str | None, output_format: str) -> int:
    """Find the CPU that all hosts of a place can give their guests, as `vcpuid baseline` does.

    \b
    vcpuid fleet baseline --store fleet
    vcpuid fleet baseline --store fleet --by zone
    vcpuid fleet baseline --store fleet --format json | jq -r '.places[].baseline.xml'

    Exit status: 0 every place has one, 1 hosts of a place have none in common.
    """
    fleet = open_fleet(folder, date)
    fleet.check_label(by)
    answers = find_baselines(fleet, by)
    write(
        output_format,
        lambda: render_baselines(fleet.date, by, answers),
        lambda: baselines_document(fleet.date, by, answers),
    )
    return 0 if all(answer.baseline.cpu is not None for answer in answers) else 1
