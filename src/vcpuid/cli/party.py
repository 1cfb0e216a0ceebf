"""Where commands get hosts and guests from: files of any kind, standard input, or this machine."""

from __future__ import annotations

from collections.abc import Iterable

import click

from vcpuid.answers.offer import common_map
from vcpuid.answers.party import Party, party_of_domain, party_of_snapshot, read_parties, the_one
from vcpuid.cli.dump import HERE
from vcpuid.dumps import read_bytes
from vcpuid.rules.libvirt.choice import choose_map
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.shipped import shipped_map

map_option = click.option("--map", "map_folder", metavar="DIR", help="libvirt's cpu_map folder to compare by.")


def read_all(path: str) -> tuple[Party, ...]:
    """Read whoever a file speaks for; `here` is this machine, `-` standard input.

    Raises:
        InputError: The file cannot be read, is of no known kind, or damaged.
    """
    if path == HERE:
        from vcpuid.cli.host import snapshot_here  # noqa: PLC0415 - only this looks at the machine
        from vcpuid.gather.options import Options  # noqa: PLC0415

        return (party_of_snapshot(snapshot_here(Options())),)
    return read_parties(*read_bytes(path))


def read_one(path: str, domain: str | None = None) -> Party:
    """Read the one party of a file, or a domain of the host that it is a snapshot of.

    Raises:
        InputError: There are several, or the host has no such domain.
        UsageError: The file is no snapshot, and a domain was named.
    """
    party = the_one(read_all(path), path)
    return party if domain is None else party_of_domain(party, domain)


def map_for(folder: str | None, parties: Iterable[Party]) -> CpuMap:
    """Give the map that --map names, else the one that all parties' libvirt know, else the shipped one.

    This machine's map has no say: the parties may have a newer libvirt, whose names it would lose.

    Raises:
        InputError: It is no map.
    """
    return choose_map(folder, common_map(parties) or shipped_map())
