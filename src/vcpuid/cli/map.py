"""`vcpuid map`."""

from __future__ import annotations

import click

from vcpuid.answers.map_entry import map_entry
from vcpuid.atlas import Atlas


@click.group()
def command() -> None:
    """The feature map of libvirt."""


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--vendor", metavar="VENDOR", help="Choose between meanings: intel, amd, hygon, centaur, zhaoxin.")
def entry(names: tuple[str, ...], vendor: str | None) -> None:
    """Write the map entry of features, as libvirt's own x86_features.xml has it.

    A newer libvirt is the remedy for a feature that yours does not know. The installed map is not meant to be
    edited: upgrades overwrite it and hosts drift apart. Entries are for developers, and a last resort.

    \b
    vcpuid map entry sgx sgxlc sgx1
    """
    entries = [map_entry(Atlas.load().find(name, vendor).feature) for name in names]
    click.echo("".join(entries), nl=False)
