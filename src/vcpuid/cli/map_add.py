"""`vcpuid map add`."""

from __future__ import annotations

import click

from vcpuid.answers.look_up import look_up_for_map
from vcpuid.answers.map_edit import add_to_map
from vcpuid.cli import complete
from vcpuid.cli.findings import findings_status
from vcpuid.cli.map_files import check_target, write_edit, writing_options
from vcpuid.cli.output import output_options, write
from vcpuid.cli.vendor import vendor_option
from vcpuid.errors import UsageError
from vcpuid.render.map import edit_document, render_edit
from vcpuid.rules.libvirt.map_reader import read_files


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete.features)
@vendor_option
@writing_options
@output_options
def command(
    names: tuple[str, ...],
    vendor: str | None,
    target: str | None,
    output: str | None,
    output_format: str,
    *,
    edit_system: bool,
) -> int:
    """Put the entries of features into a copy of a map, where libvirt would have them.

    Every other byte of the map stays as it was. The new map is linted first; one that libvirt would refuse is not
    written. The file as it was is kept beside it, as x86_features.xml.bak. Names and bits that the map has already
    are refused.

    An installed map is not meant to be edited: upgrades overwrite it, and hosts drift apart. The mend is a newer
    libvirt. A map of your own is for development, and a last resort.

    \b
    cp -r /usr/share/libvirt/cpu_map map
    vcpuid map add sgx-edeccssa --to map
    vcpuid map add lam fred --to map --output new-map

    Exit status: 0 written, 1 not written: the new map would have an error, 2 the map has the name already.
    """
    if target is None:
        raise UsageError("no map to add to", expected="--to DIR, a copy of a map")
    check_target(target, output, edit_system=edit_system)
    files = read_files(target)
    edit = add_to_map(files, target, [look_up_for_map(name, vendor) for name in names])
    written = write_edit(edit, files, target, output)
    write(output_format, lambda: render_edit(edit, written), lambda: edit_document(edit, written))
    return findings_status(edit.findings)
