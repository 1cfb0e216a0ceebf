"""`vcpuid compare`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from vcpuid.answers.compare import Compatibility, compare
from vcpuid.answers.side_by_side import compare_side_by_side
from vcpuid.cli.output import output_options, write
from vcpuid.cli.party import map_for, map_option, read_one
from vcpuid.errors import UsageError
from vcpuid.render.compare import compare_document, render_compare
from vcpuid.render.side_by_side import render_side_by_side, side_by_side_document

_STATUS = {Compatibility.COMPATIBLE: 0, Compatibility.INCOMPATIBLE: 1, Compatibility.UNKNOWN: 4}


@click.command()
@click.argument("first", metavar="GUEST-or-HOST")
@click.argument("hosts", nargs=-1, required=True, metavar="HOST...")
@click.option(
    "--domain",
    metavar="NAME",
    help="The guest: a libvirt domain, by name or UUID; the first is its host's snapshot.",
)
@map_option
@output_options
def command(
    first: str, hosts: tuple[str, ...], domain: str | None, map_folder: str | None, output_format: str
) -> int:
    """Can a guest, or every guest of a host, run on another host, by its CPU?

    A host is a snapshot, a dump of any format, domain capabilities, a host's <cpu>, or `here`; a guest is a domain
    XML or <cpu>. Two hosts are compared there and back: can guests that get all of the one run on the other?

    Three to eight hosts stand side by side: who can receive whose guests, what all can give, and what differs, by
    meaning. Of what is missing between two, and what to do, the two tell more.

    A dump shows what the CPU has and not what KVM and QEMU give: an answer that rests on one is at best unknown.

    \b
    vcpuid compare h07.json h08.json
    vcpuid compare web-1.xml h08.json
    vcpuid compare h07.json h08.json --domain web-1
    vcpuid compare h07.json h08.json h09.json
    virsh domcapabilities | vcpuid compare guest.xml -

    Exit status: 0 compatible (both ways, of several hosts each with each), 1 incompatible, 4 unknown.
    """
    if (first, *hosts).count("-") > 1:
        raise UsageError("standard input is named twice", expected="at most one -")
    if len(hosts) > 1:
        return _compare_side_by_side((first, *hosts), domain, map_folder, output_format)
    parties = read_one(first, domain), read_one(hosts[0])
    answer = compare(*parties, map_for(map_folder, parties))
    write(output_format, lambda: render_compare(answer), lambda: compare_document(answer))
    return _STATUS[answer.compatibility]


def _compare_side_by_side(
    paths: Sequence[str], domain: str | None, map_folder: str | None, output_format: str
) -> int:
    if domain is not None:
        raise UsageError("a guest is compared with one host", found=f"{len(paths) - 1} hosts", expected="one host")
    parties = [read_one(path) for path in paths]
    answer = compare_side_by_side(parties, map_for(map_folder, parties))
    write(output_format, lambda: render_side_by_side(answer), lambda: side_by_side_document(answer))
    return _STATUS[answer.compatibility]
