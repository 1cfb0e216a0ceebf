"""`vcpuid report`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from vcpuid.answers.host_report import report_on_host
from vcpuid.cli.extra import extra
from vcpuid.cli.files import write_bytes_whole
from vcpuid.cli.host import gathering_options, options_of, read_host, snapshot_here
from vcpuid.evidence import Evidence
from vcpuid.render.document import Document
from vcpuid.render.host_report import host_report_document, report_context


@click.command()
@click.option(
    "--host",
    metavar="FILE",
    help="A snapshot of the host, or a CPUID dump of any format; - for standard input. Else this machine.",
)
@click.option(
    "-o", "--output", metavar="FILE", help="Write there, whole or not at all; else, or for -, to standard output."
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["html", "json"]),
    default="html",
    show_default=True,
    help="A page for people, or the JSON document that it is made of.",
)
@gathering_options
def command(
    host: str | None,
    output: str | None,
    output_format: str,
    **choices: Any,  # noqa: ANN401 - the collector's options
) -> None:
    """Report on a host in one HTML file, which opens from a disk or a mail and loads nothing.

    It has what the explorer shows: what the CPU is, which features reach guests bit by bit, what is lost at which
    hop and how to mend it, each guest with what it asked for and got, the findings of `audit` and `lint`, the
    steps of `sgx doctor`, the registers, and what all of it rests on.

    Names of hosts and guests are in it; take the snapshot with `collect --anonymise` before it goes to others.

    \b
    vcpuid report -o host.html
    vcpuid report --host h07.json -o h07.html
    cpuid -r | vcpuid report --host - -o cpu.html
    vcpuid report --host h07.json --format json | jq .sgx.ready

    Exit status: 0 written, whatever it says; 3 the snapshot cannot be read, 4 jinja2 (extra `web`) is missing.
    """
    render = _renderer() if output_format == "html" else None  # what is missing is told before a long look
    report = report_on_host(
        read_host(host) if host is not None else Evidence(snapshot_here(options_of(**choices)))
    )
    document = host_report_document(report)
    if render is None:
        _write(json.dumps(document, indent=2) + "\n", output)
    else:
        features = [one["feature"] for one in document["features"]]
        _write(render("host_report", document, report_context(report), features), output)


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
