"""Where commands get a CPUID dump: a file in any format, standard input, or this machine."""

from __future__ import annotations

import click

from vcpuid.dumps import parse_dump, read_bytes
from vcpuid.errors import UndecidedError, UsageError
from vcpuid.terms.dump import Dump

HERE = "here"  # a file of this name is ./here
_TOLD_FAULTS = 10
_ELSEWHERE = "A dump or a snapshot of another machine is named by its file."

lenient_option = click.option("--lenient", is_flag=True, help="Leave out damaged lines, and say which.")


def read_source(name: str, format_name: str | None = None, *, lenient: bool = False) -> Dump:
    """Read a file, standard input (`-`) or this machine (`here`).

    Standard error tells what one should know of a file, and what a lenient reading has left out.

    Raises:
        InputError: The file cannot be read, has no known format, or is damaged.
        UndecidedError: CPUID cannot be read here.
        UsageError: There is no format of this name, or this machine is to have one.
    """
    if name == HERE:
        if format_name is not None:
            raise UsageError("--from is for files", found=HERE, next_step="Name a file, or leave out --from.")
        return dump_here()
    return parse_source(*read_bytes(name), format_name, lenient=lenient)


def parse_source(raw: bytes, source: str, format_name: str | None = None, *, lenient: bool = False) -> Dump:
    """Parse what a file holds; standard error tells what one should know of it.

    Raises:
        InputError: It has no known format, or is damaged.
        UsageError: There is no format of this name.
    """
    parsed = parse_dump(raw, source, format_name=format_name, lenient=lenient)
    for note in parsed.notes:
        tell(f"{source}: {note}")
    for fault in parsed.faults[:_TOLD_FAULTS]:
        tell(f"left out: {fault}")
    if (more := parsed.fault_count - _TOLD_FAULTS) > 0:
        tell(f"left out: {more} more faults of {source}")
    return parsed.dump


def tell(sentence: str) -> None:
    """Say something on standard error that is no part of the answer."""
    click.echo(f"vcpuid: {sentence}", err=True)


def dump_here() -> Dump:
    """Read CPUID on this machine.

    Raises:
        UndecidedError: It cannot be read here.
    """
    from vcpuid.cli.host import snapshot_here  # noqa: PLC0415 - a dump from a file does not look here
    from vcpuid.evidence.cpuid import read_cpuid  # noqa: PLC0415
    from vcpuid.evidence.gap import gap_of  # noqa: PLC0415
    from vcpuid.gather.options import Options  # noqa: PLC0415

    record = snapshot_here(Options(only=("cpuid",))).record("cpuid")
    if record.data is None:
        gap = gap_of(record)
        raise UndecidedError(f"CPUID cannot be read here: {gap.why}", next_step=gap.remedy or _ELSEWHERE)
    return Dump(read_cpuid(record.data).dump.cpus, "this machine")
