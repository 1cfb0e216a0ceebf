"""`vcpuid convert`."""

from __future__ import annotations

from pathlib import Path

import click

from vcpuid.cli.dump import lenient_option, read_source, tell
from vcpuid.cli.files import write_whole
from vcpuid.dumps import FORMATS, find_losses, write_dump

_WRITTEN = [name for name, entry in FORMATS.items() if entry.is_written]


@click.command()
@click.argument("dump", metavar="DUMP|-|here")
@click.option("--to", "target", type=click.Choice(_WRITTEN), required=True, help="The format to write.")
@click.option(
    "--from", "origin", type=click.Choice(list(FORMATS)), help="The format of DUMP; else it is recognised."
)
@click.option("-o", "--output", metavar="FILE", help="Write there instead of to standard output.")
@lenient_option
def command(dump: str, target: str, origin: str | None, output: str | None, *, lenient: bool) -> int:
    """Convert a CPUID dump between formats.

    DUMP is a file, - for standard input, or `here` for this machine. Standard error tells what the target cannot
    hold: CPUs, MSRs, subleaves.

    \b
    vcpuid convert AuthenticAMD0A00F11_K19_Milan_CPUID.txt --to cpuid -o milan.txt
    cpuid -r | vcpuid convert - --to json
    vcpuid convert fingerprint.json --to libvirt
    vcpuid convert here --to aida64

    Exit status: 0 written, 3 a dump that cannot be read.
    """
    read = read_source(dump, origin, lenient=lenient)
    text = write_dump(read, target)
    for loss in find_losses(read, target):
        tell(f"{target} cannot hold {loss.sentence}")
    if output is None or output == "-":
        click.echo(text, nl=False)
    else:
        write_whole(Path(output), text.removesuffix("\n"))
    return 0
