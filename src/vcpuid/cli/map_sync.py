"""`vcpuid map sync`."""

from __future__ import annotations

import click

from vcpuid.answers.map_edit import add_to_map
from vcpuid.answers.map_sync import compare_with_host, compare_with_version
from vcpuid.cli.findings import findings_status
from vcpuid.cli.host import read_snapshot
from vcpuid.cli.map_files import check_target, map_of_options, one_of, write_edit, writing_options
from vcpuid.cli.output import output_options, write
from vcpuid.errors import UsageError
from vcpuid.evidence import Evidence
from vcpuid.render.map import render_edit, render_entries, render_sync, sync_document
from vcpuid.render.page import Page
from vcpuid.rules.libvirt.map_reader import read_files


@click.command()
@click.option(
    "--qemu-version", "version", metavar="VERSION", help="The QEMU: a release, by vcpuid's table of names."
)
@click.option(
    "--host",
    metavar="FILE",
    help="The QEMU: that of a snapshot of a host that was collected with --active, or `here`.",
)
@click.option(
    "--map", "folder", metavar="DIR", help="libvirt's cpu_map folder to compare; else --to's, or the host's."
)
@click.option("--shipped", is_flag=True, help="Compare the map that ships with vcpuid.")
@writing_options
@output_options
def command(
    version: str | None,
    host: str | None,
    folder: str | None,
    target: str | None,
    output: str | None,
    output_format: str,
    *,
    edit_system: bool,
    shipped: bool,
) -> int:
    """List the features that a QEMU knows and a map does not, and write their entries.

    The entries go into a copy of a map with --to, else to standard output, and the list to standard error. What no
    map has (leaves of hypervisors, names of several bits) is listed with the reason.

    \b
    vcpuid map sync --qemu-version 10.2 > missing.xml
    vcpuid map sync --host h07.json --to map

    Exit status: 0 done, 1 not written: the new map would have an error, 4 the snapshot does not tell its QEMU.
    """
    if (version is None) == (host is None):
        raise UsageError("which QEMU?", expected="one of --qemu-version VERSION and --host FILE")
    one_of({"--map": folder, "--to": target, "--shipped": shipped})
    if target is None and output is not None:
        raise UsageError("--output without a map to change", expected="--to DIR beside it")
    cpu_map = map_of_options(target or folder, host, shipped=shipped)
    if version is not None:
        answer = compare_with_version(version, cpu_map)
    else:
        answer = compare_with_host(Evidence(read_snapshot(str(host))), cpu_map)
    edit = written = None
    if target is not None and answer.missing:
        check_target(target, output, edit_system=edit_system)
        files = read_files(target)
        edit = add_to_map(files, target, [found.feature for found in answer.missing])
        written = write_edit(edit, files, target, output)
    if output_format == "json":
        write(output_format, Page, lambda: sync_document(answer, edit, written))
    else:
        click.echo(render_sync(answer).plain(), err=True, nl=False)
        if edit and written:
            write(output_format, lambda: render_edit(edit, written), dict)
        elif target is None:
            click.echo(render_entries(answer), nl=False)
    return findings_status(edit.findings) if edit else 0
