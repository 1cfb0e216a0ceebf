"""`vcpuid map show`."""

from __future__ import annotations

import click

from vcpuid.answers.map_show import show_in_map
from vcpuid.cli import complete
from vcpuid.cli.map_files import map_of_options, one_of
from vcpuid.cli.output import output_options, write
from vcpuid.render.map import render_shown, shown_document
from vcpuid.rules.libvirt.models import Models


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete.libvirt_names)
@click.option("--map", "folder", metavar="DIR", help="libvirt's cpu_map folder.")
@click.option("--host", metavar="FILE", help="A snapshot of a host whose map is taken, or `here`.")
@click.option("--shipped", is_flag=True, help="The map that ships with vcpuid, even if one is installed.")
@output_options
def command(
    names: tuple[str, ...], folder: str | None, host: str | None, output_format: str, *, shipped: bool
) -> int:
    """Show features and models of a map: what is written, what it amounts to, and who has it.

    The map is that of --map or --host, else the installed one, else the one that ships with vcpuid; the last line
    says which. A feature may be named by any project's name, or by its address.

    \b
    vcpuid map show sgx Skylake-Client-IBRS
    vcpuid map show spec-ctrl --map cpu_map/

    Exit status: 0 shown, 2 the map has no such name, 4 the snapshot has no map.
    """
    one_of({"--map": folder, "--host": host, "--shipped": shipped})
    cpu_map = map_of_options(folder, host, shipped=shipped)
    models = Models(cpu_map)
    answers = [show_in_map(name, models) for name in names]
    write(output_format, lambda: render_shown(answers, cpu_map), lambda: shown_document(answers, cpu_map))
    return 0
