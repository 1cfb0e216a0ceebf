"""`vcpuid map entry`."""

from __future__ import annotations

import click

from vcpuid.answers.look_up import look_up_for_map
from vcpuid.answers.map_entry import doubt_map_entry, map_entry
from vcpuid.cli import complete


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete.features)
@click.option(
    "--vendor",
    metavar="VENDOR",
    shell_complete=complete.vendors,
    help="Choose between meanings: intel, amd, hygon, centaur, zhaoxin.",
)
def command(names: tuple[str, ...], vendor: str | None) -> None:
    """Write the map entry of features, as libvirt's own x86_features.xml has it.

    A newer libvirt is the remedy for a feature that yours does not know. The installed map is not meant to be
    edited: upgrades overwrite it and hosts drift apart. Entries are for developers, and a last resort. Of an entry
    that would be of no use standard error says why.

    \b
    vcpuid map entry sgx sgxlc sgx1
    """
    features = [look_up_for_map(name, vendor) for name in names]
    click.echo("".join([map_entry(feature) for feature in features]), nl=False)
    for feature in features:
        if doubt := doubt_map_entry(feature):
            click.echo(f"vcpuid: {feature.name}: {doubt}", err=True)
