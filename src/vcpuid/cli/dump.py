"""Where commands get a CPUID dump: a file in any format, standard input, or this machine."""

from __future__ import annotations

import click

from vcpuid.dumps import parse_dump, read_bytes
from vcpuid.errors import UndecidedError
from vcpuid.terms.dump import Dump


def read_dump_telling(path: str, format_name: str | None = None, *, lenient: bool = False) -> Dump:
    """Read a dump, and tell on standard error what a lenient reading has left out.

    Raises:
        InputError: It cannot be read, has no known format, or is damaged.
        UsageError: There is no format of this name.
    """
    raw, source = read_bytes(path)
    parsed = parse_dump(raw, source, format_name=format_name, lenient=lenient)
    for fault in parsed.faults:
        click.echo(f"vcpuid: left out: {fault}", err=True)
    if parsed.fault_count > len(parsed.faults):
        click.echo(f"vcpuid: {source}: {parsed.fault_count - len(parsed.faults)} more left out", err=True)
    return parsed.dump


def dump_here() -> Dump:
    """Read CPUID on this machine.

    Raises:
        UndecidedError: It cannot be read here.
    """
    from vcpuid.cli.host import snapshot_here  # noqa: PLC0415 - a dump from a file does not look here
    from vcpuid.evidence import Evidence, Gap  # noqa: PLC0415
    from vcpuid.gather.options import Options  # noqa: PLC0415

    cpuid = Evidence(snapshot_here(Options(only=("cpuid",)))).cpuid
    if isinstance(cpuid, Gap):
        raise UndecidedError(f"CPUID cannot be read here: {cpuid.why}", next_step=cpuid.remedy or None)
    return Dump(cpuid.dump.cpus, "this machine")
