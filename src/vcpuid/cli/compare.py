"""`vcpuid compare`."""

from __future__ import annotations

import click

from vcpuid.answers.compare import Compatibility, compare
from vcpuid.cli.output import output_options, write
from vcpuid.cli.party import map_for, map_option, read_one
from vcpuid.errors import UsageError
from vcpuid.render.compare import compare_document, render_compare

_STATUS = {Compatibility.COMPATIBLE: 0, Compatibility.INCOMPATIBLE: 1, Compatibility.UNKNOWN: 4}


@click.command()
@click.argument("first", metavar="GUEST-or-HOST")
@click.argument("second", metavar="HOST")
@click.option("--domain", metavar="NAME", help="The guest of this name; the first is its host's snapshot.")
@map_option
@output_options
def command(first: str, second: str, domain: str | None, map_folder: str | None, output_format: str) -> int:
    """Can a guest, or every guest of a host, run on another host, by its CPU?

    A host is a snapshot, a dump of any format, domain capabilities, a host's <cpu>, or `here`; a guest is a domain
    XML or <cpu>. Two hosts are compared there and back: can guests that get all of the one run on the other?

    A dump shows what the CPU has and not what KVM and QEMU give: an answer that rests on one is at best undecided.

    \b
    vcpuid compare h07.json h08.json
    vcpuid compare web-1.xml h08.json
    vcpuid compare h07.json h08.json --domain web-1
    virsh domcapabilities | vcpuid compare guest.xml -

    Exit status: 0 compatible (both ways), 1 incompatible, 4 unknown.
    """
    if first == second == "-":
        raise UsageError("both are standard input", expected="at most one -")
    parties = read_one(first, domain), read_one(second)
    answer = compare(*parties, map_for(map_folder, parties))
    write(output_format, lambda: render_compare(answer), lambda: compare_document(answer))
    return _STATUS[answer.compatibility]
