"""`vcpuid fleet missing`."""

from __future__ import annotations

import click

from vcpuid.cli import complete
from vcpuid.cli.fleet_store import fleet_options, open_fleet
from vcpuid.cli.output import output_options, write
from vcpuid.cli.vendor import vendor_option
from vcpuid.fleet.configuration import EvidenceLayer
from vcpuid.fleet.missing import find_lacking
from vcpuid.render.fleet.lacking import lacking_document, render_lacking

_UNDECIDED = 4


@click.command()
@click.argument("feature", shell_complete=complete.features)
@fleet_options
@click.option(
    "--layer",
    type=click.Choice([layer.value for layer in EvidenceLayer]),
    help="Go by this evidence alone; else by the best that each host has.",
)
@vendor_option
@output_options
def command(
    feature: str, folder: str, date: str | None, layer: str | None, vendor: str | None, output_format: str
) -> int:
    """Tell which hosts lack a feature, which is named in any dialect or by its address.

    Asked is libvirt's host-model, then KVM's list, then CPUID: the first that knows the feature decides.

    \b
    vcpuid fleet missing avx512f --store fleet
    vcpuid fleet missing 7.0.ebx.2 --store fleet --layer cpuid

    Exit status: 0 all have it, 1 some lack it, 4 of some nothing is known.
    """
    answer = find_lacking(open_fleet(folder, date), feature, EvidenceLayer(layer) if layer else None, vendor)
    write(output_format, lambda: render_lacking(answer), lambda: lacking_document(answer))
    return 1 if answer.lacks else _UNDECIDED if answer.untold else 0
