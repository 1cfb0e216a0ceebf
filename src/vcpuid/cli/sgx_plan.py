"""`vcpuid sgx plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vcpuid.answers.sgx.files import File, Target, write_files
from vcpuid.answers.sgx.plan import (
    LIBVIRT_BYTES,
    PAGE_BYTES,
    Request,
    make_plan,
    parse_request,
    parse_size,
    requests_of_flavors,
)
from vcpuid.cli.files import read_at_most, write_bytes_whole
from vcpuid.cli.host import gathering_options, host_option, snapshot_of
from vcpuid.cli.output import output_options, write
from vcpuid.errors import InputError, UsageError
from vcpuid.evidence import Evidence
from vcpuid.guest.nova.flavor import SIZE_LIMIT_BYTES, parse_flavors
from vcpuid.render.page import printable
from vcpuid.render.sgx_plan import plan_document, render_plan


@click.command()
@host_option
@click.option(
    "--guest",
    "guests",
    metavar="[NAME=]SIZE[xCOUNT]",
    multiple=True,
    help="Guests of one kind by their enclave memory, as in 64Mx10; may be repeated.",
)
@click.option(
    "--flavors",
    metavar="FILE",
    help="Guests by flavor: the JSON of `openstack flavor list --long` or `show`; one guest of each that asks.",
)
@click.option("--reserve", metavar="SIZE", default="0", help="Keep so much free on each node, for the host's own.")
@click.option("--one-node", is_flag=True, help="A guest's memory must be of one NUMA node; --for nova implies it.")
@click.option("--provisionkey", is_flag=True, help="Guests are to make quotes of their own.")
@click.option(
    "--for",
    "target",
    type=click.Choice([target.value for target in Target]),
    help="Print the files for one of them instead of the plan.",
)
@click.option("-o", "--output", metavar="DIR", help="Write the files there.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
@gathering_options
@output_options
def command(
    host: str | None,
    guests: tuple[str, ...],
    flavors: str | None,
    reserve: str,
    target: str | None,
    output: str | None,
    output_format: str,
    *,
    one_node: bool,
    provisionkey: bool,
    force: bool,
    **choices: Any,  # noqa: ANN401 - the collector's options
) -> int:
    """Plan which guests get how much enclave memory, on which NUMA node, and write the files for it.

    What a guest has cannot be taken back while it runs, so a plan never gives more than is free. libvirt rounds up
    to 2 MiB, and so does the plan (--for qemu: 4 KiB). Where not all fit on one node each, some are made of parts.

    The files: a domain XML and QEMU's arguments for each kind of guest; nova.conf, provider.yaml with the
    inventory for placement, and the openstack commands for flavors and the trait. Nova itself gives no enclave
    memory.

    \b
    vcpuid sgx plan --host h10.json --guest 64Mx2 --guest big=128M
    vcpuid sgx plan --host h10.json --flavors flavors.json -o plan
    vcpuid sgx plan --host h10.json --guest 64M --for libvirt

    Exit status: 0 all fit, 1 not all fit, 4 nobody told of the host's enclave memory.
    """
    requests = [*map(parse_request, guests), *(_of_flavors(flavors) if flavors else ())]
    if not requests:
        raise UsageError("nobody to plan for", expected="--guest SIZE[xCOUNT] or --flavors FILE")
    names = [request.name for request in requests]
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise UsageError("two kinds of guests of one name", found=repr(doubled), expected="NAME=SIZE for one")
    evidence = Evidence(snapshot_of(host, choices))
    plan = make_plan(
        evidence,
        requests,
        granule_bytes=PAGE_BYTES if target == Target.QEMU.value else LIBVIRT_BYTES,
        reserved_bytes=parse_size(reserve, "--reserve"),
        one_node=one_node or target == Target.NOVA.value,
    )
    files = [
        file
        for file in write_files(plan, evidence, provisioning=provisionkey)
        if target is None or file.target.value == target
    ]
    written = _write(files, Path(output), force=force) if output is not None else []
    if target is not None and output is None and output_format == "text":
        _print(files)
        for why in filter(None, (outcome.why for outcome in plan.outcomes)):
            click.echo(f"vcpuid: {printable(why)}", err=True)
    else:
        write(output_format, lambda: render_plan(plan, written), lambda: plan_document(plan, files, written))
    return 0 if plan.fits else 1


def _of_flavors(path: str) -> list[Request]:
    raw = read_at_most(path, SIZE_LIMIT_BYTES)
    if len(raw) > SIZE_LIMIT_BYTES:
        raise InputError("too large for flavors", source=path, expected=f"at most {SIZE_LIMIT_BYTES} bytes")
    return [*requests_of_flavors(parse_flavors(raw.decode(errors="replace"), path))]


def _write(files: list[File], folder: Path, *, force: bool) -> list[str]:
    """Write all files, or none where one is there already and may not be replaced."""
    there = [file.name for file in files if (folder / file.name).exists()]
    if there and not force:
        raise UsageError(
            "files are there already",
            source=str(folder),
            found=", ".join(there),
            next_step="--force writes over them; or name another folder.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder cannot be made: {error.strerror}", source=str(folder)) from error
    for file in files:
        write_bytes_whole(folder / file.name, file.text.encode())
    return [str(folder / file.name) for file in files]


def _print(files: list[File]) -> None:
    """Print the files; where there are several, each after its name in a comment."""
    for file in files:
        if len(files) > 1:
            click.echo(f"<!-- {file.name} -->" if file.target is Target.LIBVIRT else f"# {file.name}")
        click.echo(file.text, nl=False)
