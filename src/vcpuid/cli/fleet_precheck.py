"""`vcpuid fleet precheck`."""

from __future__ import annotations

import click

from vcpuid.answers.compare import Compatibility
from vcpuid.cli.fleet_store import fleet_options, open_fleet
from vcpuid.cli.output import output_options, write
from vcpuid.cli.party import read_one
from vcpuid.fleet.precheck import precheck
from vcpuid.render.fleet.precheck import precheck_document, render_precheck

_STATUS = {Compatibility.COMPATIBLE: 0, Compatibility.INCOMPATIBLE: 1, Compatibility.UNKNOWN: 4}


@click.command()
@click.option("--target", metavar="FILE", required=True, help="A snapshot of the upgraded host, or `here`.")
@fleet_options
@output_options
def command(target: str, folder: str, date: str | None, output_format: str) -> int:
    """Try an upgrade on one host, then ask whether the fleet's guests get on with it.

    Told is which guests will not start there, which running ones cannot migrate there, and which that were
    started there cannot come back, and for which feature. Equal guests of equal hosts are judged once.

    \b
    vcpuid collect -o canary.json ssh://h07
    vcpuid fleet precheck --target canary.json --store fleet

    Exit status: 0 no trouble, 1 some guest will have it, 4 some may.
    """
    answer = precheck(open_fleet(folder, date), read_one(target))
    write(output_format, lambda: render_precheck(answer), lambda: precheck_document(answer))
    return _STATUS[answer.compatibility]
