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
from vcpuid.fleet.documents import LINES_BYTES, read_documents_on
from vcpuid.fleet.engine.spark import Spark
from vcpuid.fleet.incoming import Taken
from vcpuid.fleet.ingest import Ingest
from vcpuid.fleet.labels import Labels, parse_folders, read_labels
from vcpuid.fleet.sources import split_sources, walk_portions
from vcpuid.render.fleet.ingest import LeftOut, ingest_document, render_ingest

_TELL_EACH = 1000
_MORE = "`vcpuid decode FILE` tells what was tried."


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@store_option
@click.option(
    "--at", "date", metavar="DATE", help="The snapshot of the fleet that the hosts go into; else today's, UTC."
)
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
    hosts, left_out = 0, LeftOut()
    with Store(Path(folder)).ingest(date or datetime.now(UTC).date().isoformat()) as ingest:
        for taken in _take(ingest, paths, labels):
            for _, error in taken.left_out:
                left_out.add(error)
                click.echo(f"vcpuid: left out: {_in_short(error)}", err=True)
            if sys.stderr.isatty() and (hosts + taken.hosts) // _TELL_EACH > hosts // _TELL_EACH:
                click.echo(f"\r{hosts + taken.hosts} hosts", err=True, nl=False)
            hosts += taken.hosts
        if not hosts:
            raise InputError("no host could be read", source=", ".join(paths), expected="snapshots or dumps")
        answer = ingest.commit()
    write(
        output_format,
        lambda: render_ingest(answer, hosts, left_out),
        lambda: ingest_document(answer, hosts, left_out),
    )
    return 1 if left_out.count else 0


def _in_short(error: InputError) -> str:
    """Give an error for a line among many: all that was tried is not told of each document."""
    told = str(error)
    return told if told.count("\n") <= 1 else f"{told.partition(chr(10))[0]}\n  {_MORE}"


def _take(ingest: Ingest, paths: tuple[str, ...], labels: Labels) -> Iterator[Taken]:
    """Take hosts by processes here, or by Spark where it is asked for; the store is written here in any case."""
    if chosen_engine() != "spark":
        yield from ingest.take_items(walk_portions(paths, LINES_BYTES), labels)
        return
    portions, failed = split_sources(paths, LINES_BYTES)
    spark = Spark()
    try:
        yield from ingest.take(read_documents_on(spark, portions, failed), labels)
    finally:
        spark.close()
