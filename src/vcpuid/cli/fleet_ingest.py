"""`vcpuid fleet ingest`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from vcpuid.cli.fleet_store import chosen_engine, store_option
from vcpuid.cli.output import output_options, write
from vcpuid.errors import InputError, UsageError
from vcpuid.fleet import Store
from vcpuid.fleet.documents import Document, read_documents, read_documents_on
from vcpuid.fleet.engine.spark import Spark
from vcpuid.fleet.labels import Labels, parse_folders, read_labels
from vcpuid.render.fleet.ingest import ingest_document, render_ingest

_TELL_EACH = 1000


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@store_option
@click.option("--date", metavar="DATE", help="The snapshot that the hosts belong to; else today's, UTC.")
@click.option(
    "--labels",
    "labels_file",
    metavar="FILE",
    help="A CSV file: a column `host`, `zone` and `cluster` if you like, and any others.",
)
@click.option(
    "--folders", metavar="NAMES", help="What the folders above a file say, outermost first: zone/cluster."
)
@output_options
def command(
    paths: tuple[str, ...],
    folder: str,
    date: str | None,
    labels_file: str | None,
    folders: str | None,
    output_format: str,
) -> int:
    """Take hosts into the store.

    A PATH is a snapshot, a dump of any format, domain capabilities, a file of Ansible facts with the local fact
    `vcpuid`, a tar archive or a folder of these, or `-` for JSON lines on standard input. A host without a name of
    its own is called by its file. Of a host that comes twice the newer counts; the order does not matter, and what
    is there already is not taken again. What cannot be read is told and left out. A run that is killed changes
    nothing.

    \b
    vcpuid fleet ingest snapshots/ --store fleet --labels hosts.csv
    vcpuid collect ssh://h07 ssh://h08 | vcpuid fleet ingest - --store fleet
    vcpuid fleet ingest az1/ az2/ --folders zone/cluster --store fleet
    vcpuid fleet ingest /shared/dumps/ --store /shared/fleet --engine spark

    Exit status: 0 all were taken, 1 some were left out, 3 none could be read.
    """
    if paths.count("-") > 1:
        raise UsageError("standard input is named twice", expected="at most one -")
    labels = Labels(read_labels(labels_file) if labels_file else {}, parse_folders(folders) if folders else ())
    taken, left_out = 0, []
    with Store(Path(folder)).ingest(date or datetime.now(UTC).date().isoformat()) as ingest:
        for document in _read(paths):
            if document.host is None:
                left_out.append(document.where)
                click.echo(f"vcpuid: left out: {document.error}", err=True)
                continue
            ingest.add(labels.put_on(document.host, document.folders))
            taken += 1
            if taken % _TELL_EACH == 0 and sys.stderr.isatty():
                click.echo(f"\r{taken} hosts", err=True, nl=False)
        if not taken:
            raise InputError("no host could be read", source=", ".join(paths), expected="snapshots or dumps")
        answer = ingest.commit()
    write(
        output_format,
        lambda: render_ingest(answer, taken, left_out),
        lambda: ingest_document(answer, taken, left_out),
    )
    return 1 if left_out else 0


def _read(paths: tuple[str, ...]) -> Iterator[Document]:
    """Read documents here, or on Spark where it is asked for; the store is written here in any case."""
    if chosen_engine() != "spark":
        yield from read_documents(paths)
        return
    spark = Spark()
    try:
        yield from read_documents_on(spark, paths)
    finally:
        spark.close()
