"""`vcpuid audit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vcpuid.answers.audit import audit
from vcpuid.cli.files import write_whole
from vcpuid.cli.findings import findings_status
from vcpuid.cli.host import gathering_options, host_option, snapshot_of
from vcpuid.cli.output import metrics_options, write
from vcpuid.cli.party import read_all
from vcpuid.errors import UsageError
from vcpuid.render.audit import audit_document, render_audit
from vcpuid.render.prometheus import render_audit_metrics

_UNDECIDED = 4


@click.command()
@host_option
@click.option(
    "--peer",
    "peers",
    metavar="FILE",
    multiple=True,
    help="A snapshot of a host to which the guests are to be able to migrate; may be repeated.",
)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option(
    "-o", "--output", metavar="FILE", help="Write there, whole or not at all; with --format json or prometheus."
)
@gathering_options
@metrics_options
def command(
    host: str | None,
    peers: tuple[str, ...],
    output_format: str,
    output: str | None,
    *,
    strict: bool,
    **choices: Any,  # noqa: ANN401 - the collector's options
) -> int:
    """Audit every guest of a host: what was asked, what its process was given, what it got.

    QEMU's processes count whether libvirt knows them or not. Told are a second -cpu, features that QEMU dropped,
    protections that the host has and the guest lacks, what a --peer lacks, SGX memory, and more. Where neither
    libvirt nor QEMU says what a running guest got, it is predicted by the rules of its QEMU, and marked so.
    --monitor asks running guests' QEMU for the truth; libvirt marks these guests as tainted.

    \b
    vcpuid audit
    vcpuid audit --host h07.json --peer h08.json --peer h09.json
    vcpuid audit --format prometheus -o /var/lib/node_exporter/vcpuid.prom

    Exit status: 0 no error, 1 an error (with --strict: or a warning), 4 the guests could not be seen.
    """
    if output is not None and output_format == "text":
        raise UsageError("--output is for documents", expected="--format json or --format prometheus")
    snapshot = snapshot_of(host, choices)
    answer = audit(snapshot, [party for path in peers for party in read_all(path)])
    if output_format == "prometheus":
        _write_text(render_audit_metrics(answer), output)
    elif output is not None:
        import json  # noqa: PLC0415 - only this writes it to a file

        _write_text(json.dumps(audit_document(answer), indent=2) + "\n", output)
    else:
        write(output_format, lambda: render_audit(answer), lambda: audit_document(answer))
    return findings_status(answer.findings, strict=strict) or (0 if answer.is_decided else _UNDECIDED)


def _write_text(text: str, output: str | None) -> None:
    if output is None:
        click.echo(text, nl=False)
    else:
        write_whole(Path(output), text.removesuffix("\n"))
