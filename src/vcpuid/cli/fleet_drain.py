"""`vcpuid fleet drain`."""

from __future__ import annotations

import click

from vcpuid.answers.compare import Compatibility
from vcpuid.cli.fleet_store import fleet_options, open_fleet
from vcpuid.cli.output import output_options, write
from vcpuid.fleet.drain import find_exits
from vcpuid.render.fleet.drain import drain_document, render_drain

_STATUS = {Compatibility.COMPATIBLE: 0, Compatibility.INCOMPATIBLE: 1, Compatibility.UNKNOWN: 4}


@click.command()
@click.argument("host")
@fleet_options
@click.option("--within", metavar="NAME", help="Targets have the host's own `zone`, `cluster` or label NAME.")
@output_options
def command(host: str, folder: str, date: str | None, within: str | None, output_format: str) -> int:
    """Tell which guests of a host can go where, and what keeps the others: before it is evacuated.

    A running guest is to migrate with the CPU that it has; another is to be started elsewhere as it is defined.
    A target that is known by CPUID or KVM's list alone is an upper bound, and `unknown` at best.

    \b
    vcpuid fleet drain h07 --store fleet
    vcpuid fleet drain h07 --within zone --store fleet

    Exit status: 0 all can leave, 1 some cannot, 4 of some it is not known.
    """
    fleet = open_fleet(folder, date)
    fleet.check_label(within)
    answer = find_exits(fleet, host, within)
    write(output_format, lambda: render_drain(answer), lambda: drain_document(answer))
    return _STATUS[answer.compatibility]
