"""`vcpuid report`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import Any

import click
from click.core import ParameterSource

from vcpuid.answers.host_report import report_on_host
from vcpuid.cli.dump import HERE, parse_source
from vcpuid.cli.extra import extra
from vcpuid.cli.files import write_bytes_whole
from vcpuid.cli.fleet_store import engine_option, open_fleet
from vcpuid.cli.host import gathering_options, options_of, snapshot_here
from vcpuid.dumps import read_bytes
from vcpuid.errors import UsageError
from vcpuid.evidence import Evidence
from vcpuid.render.document import Document
from vcpuid.render.host_report import host_report_document, report_context
from vcpuid.snapshot import Snapshot, is_snapshot
from vcpuid.terms.dump import Dump

_OF_FLEETS = frozenset(("folder", "engine", "date", "before", "by"))
_OF_BOTH = frozenset(("output", "output_format"))


@click.command()
@click.option(
    "--host",
    metavar="FILE",
    help="A snapshot of the host, or a CPUID dump of any format; - for standard input. Else this machine.",
)
@click.option(
    "-o", "--output", metavar="FILE", help="Write there, whole or not at all; else, or for -, to standard output."
)
@click.option("--store", "folder", metavar="DIR", help="Report on the fleet of this store instead.")
@engine_option
@click.option("--at", "date", metavar="DATE", help="The snapshot of the fleet; else the newest.")
@click.option("--before", metavar="DATE", help="An earlier one, for what changed; else the one before.")
@click.option("--by", metavar="NAME", help="Baselines by vendor, cluster or a label; else by zone.")
@gathering_options
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["html", "json"]),
    default="html",
    show_default=True,
    help="A page for people, or the JSON document that it is made of.",
)
def command(
    host: str | None,
    output: str | None,
    output_format: str,
    folder: str | None,
    date: str | None,
    before: str | None,
    by: str | None,
    **choices: Any,  # noqa: ANN401 - the collector's options
) -> None:
    """Report on a host, or on a fleet, in one HTML file, which opens from a disk or a mail and loads nothing.

    It has what the explorer shows. Of a host: what the CPU is, which features reach guests bit by bit, what is
    lost at which hop and how to mend it, each guest with what it asked for and got, the findings of `audit` and
    `lint`, the steps of `sgx doctor`, the registers, and what all of it rests on. Of a fleet: what it consists of,
    who can receive guests from whom, the CPU that all hosts of a place can give, what changed since an earlier
    snapshot.

    Names of hosts and guests are in it; take the snapshot with `collect --anonymise` before it goes to others.

    \b
    vcpuid report -o host.html
    vcpuid report --host h07.json -o h07.html
    cpuid -r | vcpuid report --host - -o cpu.html
    vcpuid report --host h07.json --format json | jq .sgx.ready
    vcpuid report --store fleet -o fleet.html
    vcpuid report --store fleet --at 2026-02-01 --before 2026-01-01 --by cluster -o february.html

    Exit status: 0 written, whatever it says; 3 the snapshot or store cannot be read, 4 a package is missing:
    jinja2 (extra `web`), for a fleet DuckDB or numpy (extra `fleet`).
    """
    _check_options(is_fleet=folder is not None)
    render = _renderer() if output_format == "html" else None  # what is missing is told before a long look
    if folder is not None:
        template, document, more = "fleet_report", *_on_fleet(folder, date, before, by)
    else:
        is_here = host is None or host == HERE
        evidence = Evidence(snapshot_here(options_of(**choices))) if is_here else _evidence_of(str(host))
        report = report_on_host(evidence)
        template, document, more = "host_report", host_report_document(report), report_context(report)
    if render is None:
        _write(json.dumps(document, indent=2) + "\n", output)
    else:
        features = [one["feature"] for one in document.get("features", ())]
        _write(render(template, document, more, features), output)


def _check_options(*, is_fleet: bool) -> None:
    """Refuse options that have no say.

    Raises:
        UsageError: One of a host with a store, or one of a fleet without.
    """
    context = click.get_current_context()
    for option in context.command.params:
        name = option.name or ""
        given = context.get_parameter_source(name) is not ParameterSource.DEFAULT
        if given and name not in _OF_BOTH and (name in _OF_FLEETS) is not is_fleet:
            wanted = "it is for hosts: leave out --store" if is_fleet else "--store DIR beside it"
            raise UsageError("this option has no say here", found=option.opts[0], expected=wanted)


def _on_fleet(folder: str, date: str | None, before: str | None, by: str | None) -> tuple[Document, Document]:
    # A report on a host does without the extra.
    from vcpuid.fleet.report import report_on_fleet  # noqa: PLC0415
    from vcpuid.render.fleet.report import fleet_report_context, fleet_report_document  # noqa: PLC0415

    with open_fleet(folder, date) as fleet:
        report = report_on_fleet(fleet, by, before)
        return fleet_report_document(report), fleet_report_context(report)


def _renderer() -> Callable[[str, Document, Document, Sequence[Document]], str]:
    with extra("web", ("jinja2", "markupsafe"), "a report"):
        from vcpuid.render.html.report import render_report  # noqa: PLC0415 - --help must not need the extra
    return render_report


def _write(text: str, output: str | None) -> None:
    raw = text.encode(errors="replace")  # a lone surrogate of somebody's JSON is no character
    if output is None or output == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()  # here, where a full disk is still told
    else:
        write_bytes_whole(Path(output), raw)


def _evidence_of(path: str) -> Evidence:
    """Read a host from a file that tells of one: a snapshot, or a CPUID dump of any format.

    Standard error tells what one should know of a dump. The host of one is called by the file's name.

    Raises:
        InputError: The file cannot be read, is neither, or is damaged.
    """
    raw, source = read_bytes(path)
    if is_snapshot(raw):
        return Evidence(Snapshot.parse(raw, source))
    return Evidence.of_dump(Dump(parse_source(raw, source).cpus, PurePath(source).name))
