"""`vcpuid fleet which-hosts`."""

from __future__ import annotations

from pathlib import Path

import click

from vcpuid.answers.compare import Compatibility
from vcpuid.answers.party import Party, party_of_model
from vcpuid.cli import complete
from vcpuid.cli.fleet_store import fleet_options, open_fleet
from vcpuid.cli.output import output_options, write
from vcpuid.cli.party import read_one
from vcpuid.errors import UsageError
from vcpuid.fleet.which_hosts import find_places
from vcpuid.render.fleet.placement import placement_document, render_placement
from vcpuid.rules.libvirt.shipped import shipped_map

_UNDECIDED = 4


@click.command()
@click.argument("guest", metavar="MODEL|FILE", shell_complete=complete.models)
@fleet_options
@output_options
def command(guest: str, folder: str, date: str | None, output_format: str) -> int:
    """Tell which hosts can run a model of libvirt, or the guest of a file: domain XML, or a <cpu>.

    A host that is known by CPUID or KVM's list alone is an upper bound, and `unknown` at best.

    \b
    vcpuid fleet which-hosts Icelake-Server --store fleet
    vcpuid fleet which-hosts web-1.xml --store fleet

    Exit status: 0 some host can run it, 1 none can, 4 none is sure to.
    """
    answer = find_places(open_fleet(folder, date), _read_guest(guest))
    write(output_format, lambda: render_placement(answer), lambda: placement_document(answer))
    if answer.hosts[Compatibility.COMPATIBLE]:
        return 0
    return _UNDECIDED if answer.hosts[Compatibility.UNKNOWN] else 1


def _read_guest(text: str) -> Party:
    if text in shipped_map().models:
        return party_of_model(text)
    if text != "-" and not Path(text).exists():
        raise UsageError(
            "neither a model of libvirt nor a file",
            found=repr(text),
            next_step="`vcpuid map show` lists the models.",
        )
    party = read_one(text)
    if not party.is_guest:
        raise UsageError("this is a host", found=text, expected="domain XML or a guest's <cpu>")
    return party
