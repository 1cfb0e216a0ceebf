"""`vcpuid convert`."""

from __future__ import annotations

from pathlib import Path

import click

from vcpuid.cli.files import write_whole
from vcpuid.dumps import FORMATS, find_losses, parse_dump, read_bytes, write_dump

_WRITTEN = [name for name, entry in FORMATS.items() if entry.is_written]
_TOLD_FAULTS = 10


@click.command()
@click.argument("dump", metavar="DUMP|-")
@click.option("--to", "target", type=click.Choice(_WRITTEN), required=True, help="The format to write.")
@click.option(
    "--from", "origin", type=click.Choice(list(FORMATS)), help="The format of DUMP; else it is recognised."
)
@click.option("-o", "--output", metavar="FILE", help="Write there instead of to standard output.")
@click.option("--lenient", is_flag=True, help="Leave out damaged lines, and say which.")
def command(dump: str, target: str, origin: str | None, output: str | None, *, lenient: bool) -> int:
    """Convert a CPUID dump between formats.

    Standard error tells what the target cannot hold: CPUs, MSRs, subleaves.

    \b
    vcpuid convert AuthenticAMD0A00F11_K19_Milan_CPUID.txt --to cpuid -o milan.txt
    cpuid -r | vcpuid convert - --to json
    vcpuid convert fingerprint.json --to libvirt
    """
    raw, source = read_bytes(dump)
    parsed = parse_dump(raw, source, format_name=origin, lenient=lenient)
    for note in parsed.notes:
        _tell(f"{source}: {note}")
    for fault in parsed.faults[:_TOLD_FAULTS]:
        _tell(f"left out: {fault}")
    if (more := parsed.fault_count - _TOLD_FAULTS) > 0:
        _tell(f"left out: {more} more damaged lines of {source}")
    text = write_dump(parsed.dump, target)
    for loss in find_losses(parsed.dump, target):
        _tell(f"{target} cannot hold {loss.sentence}")
    if output is None or output == "-":
        click.echo(text, nl=False)
    else:
        write_whole(Path(output), text.removesuffix("\n"))
    return 0


def _tell(sentence: str) -> None:
    click.echo(f"vcpuid: {sentence}", err=True)
