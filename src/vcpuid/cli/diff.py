"""`vcpuid diff`."""

from __future__ import annotations

from pathlib import Path

import click

from vcpuid.answers.decode import select_cpu
from vcpuid.answers.diff import diff
from vcpuid.cli.dump import HERE, lenient_option, read_source
from vcpuid.cli.output import output_options, write
from vcpuid.errors import UsageError
from vcpuid.render.diff import diff_document, render_diff
from vcpuid.terms.dump import Dump

_UNDECIDED = 4


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--dynamic", is_flag=True, help="Also show dynamic fields, which differ between equal CPUs.")
@lenient_option
@output_options
def command(before: str, after: str, output_format: str, *, dynamic: bool, lenient: bool) -> int:
    """Compare two machines by CPUID: features by name, numbers by meaning.

    A and B are each a dump or snapshot, one CPU of it (FILE@3), - for standard input, or `here`. Dynamic fields
    (APIC ids, what the operating system has switched on) are no difference.

    \b
    vcpuid diff before.json here
    vcpuid diff dump.txt@0 dump.txt@8         two CPUs of one hybrid machine
    vcpuid collect -o after.json && vcpuid diff before.json after.json

    Exit status: 0 the same, 1 a real difference, 4 no difference found, but one side lacks rows of the other.
    """
    if before == after == "-":
        raise UsageError("standard input is named twice", expected="at most one -")
    names = _name(before), _name(after)
    answer = diff(_read(before, lenient=lenient), _read(after, lenient=lenient), names=names)
    write(output_format, lambda: render_diff(answer, dynamic=dynamic), lambda: diff_document(answer))
    return 1 if answer.is_real else 0 if answer.is_decided else _UNDECIDED


def _name(side: str) -> str:
    """Give what people call a side: the file's name as they wrote it."""
    return {HERE: "this machine", "-": "standard input"}.get(side, side)


def _read(side: str, *, lenient: bool) -> Dump:
    path, at, number = side.rpartition("@")
    # A file whose name has an @ is meant as it is.
    if not at or not number.isdecimal() or Path(side).exists():
        return read_source(side, lenient=lenient)
    dump = read_source(path, lenient=lenient)
    return Dump(select_cpu(dump, int(number)).cpus, f"{dump.origin}@{number}")
