"""`vcpuid map entry`."""

from __future__ import annotations

import click

from vcpuid.answers.look_up import look_up_for_map
from vcpuid.answers.map_entry import doubt_map_entry, map_entry
from vcpuid.cli import complete
from vcpuid.cli.vendor import vendor_option


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete.features)
@vendor_option
def command(names: tuple[str, ...], vendor: str | None) -> None:
    """Write the map entry of features, as libvirt's own x86_features.xml has it.

    A newer libvirt is the mend for a feature that yours does not know. The installed map is not meant to be
    edited: upgrades overwrite it and hosts drift apart. Entries are for developers, and a last resort. Of an entry
    that would be of no use standard error says why.

    \b
    vcpuid map entry sgx sgxlc sgx1

    Exit status: 0 written, 2 no map has an entry for it.
    """
    features = [look_up_for_map(name, vendor) for name in names]
    click.echo("".join([map_entry(feature) for feature in features]), nl=False)
    for feature in features:
        if doubt := doubt_map_entry(feature):
            click.echo(f"vcpuid: {feature.name}: {doubt}", err=True)
