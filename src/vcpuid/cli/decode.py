"""`vcpuid decode`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import click

from vcpuid.answers.decode import DecodedDump, Wanted, decode_dump, select_cpu, select_rows
from vcpuid.cli import complete
from vcpuid.cli.dump import HERE, lenient_option, read_source
from vcpuid.cli.output import output_options, write_page
from vcpuid.errors import UsageError
from vcpuid.terms.address import parse_hexadecimal
from vcpuid.terms.dump import Dump

_DECIMAL, _HEXADECIMAL = 10, 16
_BATCH_CHARACTERS = 1 << 20


@click.command()
@click.argument("dumps", nargs=-1, metavar="[DUMP...|-|here]")
@click.option("-a", "--all", "every_field", is_flag=True, help="Also every field of every leaf.")
@click.option("-l", "--leaf", metavar="LEAF", help="Only this leaf, hexadecimal.")
@click.option("-s", "--subleaf", metavar="N", help="Only this subleaf, decimal or with 0x.")
@click.option("-c", "--cpu", type=click.IntRange(0), metavar="N", help="Only this CPU of each dump.")
@click.option("-1", "--one-cpu", is_flag=True, help="Only the first CPU of each dump.")
@click.option("-r", "--raw", is_flag=True, help="The registers alone, as `cpuid -r` writes them.")
@click.option("--each", is_flag=True, help="Every CPU by itself, also where they are equal.")
@click.option(
    "--from",
    "format_name",
    metavar="FORMAT",
    shell_complete=complete.dump_formats,
    help="The format of the dumps; else it is recognised.",
)
@lenient_option
@output_options
def command(
    dumps: tuple[str, ...],
    leaf: str | None,
    subleaf: str | None,
    cpu: int | None,
    format_name: str | None,
    output_format: str,
    *,
    every_field: bool,
    one_cpu: bool,
    raw: bool,
    each: bool,
    lenient: bool,
) -> None:
    """Decode CPUID: of this machine, or of dumps in any format that `convert` reads.

    CPUs that are equal but for dynamic fields (APIC ids, what the system has switched on) are decoded once.

    \b
    vcpuid decode                          a summary of this machine
    vcpuid decode --all dump.txt           and every field
    vcpuid decode -l 7 -s 0 *.txt          one row of many dumps
    vcpuid decode -r -1 -l 80000008        its registers, as cpuid -r writes them
    cpuid -r | vcpuid decode --format json -

    Exit status: 0 decoded, 3 a dump that cannot be read.
    """
    wanted = Wanted(_number(leaf, "--leaf", _HEXADECIMAL), _number(subleaf, "--subleaf", _DECIMAL))
    if one_cpu and cpu is not None:
        raise UsageError(
            "--cpu and --one-cpu exclude each other", next_step="-1 is the first CPU, -c N the one of number N."
        )
    if raw and output_format == "json":
        raise UsageError("--raw is text", next_step="JSON has the registers of every row.")

    def read(name: str) -> Dump:
        dump = read_source(name, format_name, lenient=lenient)
        return select_cpu(Dump(dump.cpus[:1], dump.origin) if one_cpu else dump, cpu)

    # All before anything is written: a damaged one leaves no half of an answer.
    parsed = [read(name) for name in dumps or (HERE,)]
    if raw:
        _write_raw(parsed, wanted)
        return
    # One dump must have what was asked for; of many, those that have it are shown.
    needed = wanted if len(dumps) <= 1 else Wanted()
    decoded = (decode_dump(dump, needed, each=each) for dump in parsed)
    if output_format == "json":
        _write_json(decoded, wanted)
    else:
        _write_text(decoded, wanted, every_field=every_field)


def _write_text(dumps: Iterator[DecodedDump], wanted: Wanted, *, every_field: bool) -> None:
    from vcpuid.render.decode import render_decode, render_rows  # noqa: PLC0415 - only text needs it

    decoded = list(dumps)
    is_part = wanted != Wanted()
    page = render_rows(decoded, wanted) if is_part else render_decode(decoded, every_field=every_field)
    write_page(page)


def _write_json(dumps: Iterator[DecodedDump], wanted: Wanted) -> None:
    from vcpuid.render.decode_json import write_decode_document  # noqa: PLC0415 - only JSON needs it

    for batch in _batches(write_decode_document(dumps, wanted)):
        sys.stdout.write(batch)


def _batches(pieces: Iterable[str]) -> Iterator[str]:
    """Put small pieces together, so that the system is called seldom."""
    batch: list[str] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece)
        if size >= _BATCH_CHARACTERS:
            yield "".join(batch)
            batch, size = [], 0
    yield "".join(batch)


def _write_raw(dumps: Iterable[Dump], wanted: Wanted) -> None:
    from vcpuid.dumps import write_dump  # noqa: PLC0415 - only raw output needs it

    for dump in dumps:
        click.echo(write_dump(select_rows(dump, wanted), "cpuid"), nl=False)


def _number(text: str | None, option: str, base: int) -> int | None:
    if text is None:
        return None
    is_hexadecimal = base == _HEXADECIMAL or text.lower().startswith("0x")
    try:
        number = parse_hexadecimal(text) if is_hexadecimal else int(text)
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 32:
        kind = "a hexadecimal number" if base == _HEXADECIMAL else "a number"
        raise UsageError(f"{option} cannot be read", found=repr(text), expected=f"{kind} of 32 bits")
    return number
