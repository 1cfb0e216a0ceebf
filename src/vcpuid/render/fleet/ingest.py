"""What an ingest changed, as text and as JSON."""

from __future__ import annotations

from typing import Final

from vcpuid.errors import InputError
from vcpuid.fleet.ingest import Ingested
from vcpuid.fleet.summary import is_scattered
from vcpuid.render.cpus import plural
from vcpuid.render.document import Document, error_document
from vcpuid.render.fleet.words import warn_of_scatter
from vcpuid.render.page import Page, Role, Span

_MOST_REASONS: Final = 1000


class LeftOut:
    """The documents that tell nothing; of many the first ones are kept.

    Attributes:
        count: How many there are.
        reasons: Why the first of them were left out.
    """

    def __init__(self) -> None:
        self.count = 0
        self.reasons: Final[list[InputError]] = []

    def add(self, reason: InputError) -> None:
        """Count one."""
        self.count += 1
        if len(self.reasons) < _MOST_REASONS:
            self.reasons.append(reason)


def render_ingest(answer: Ingested, taken: int, left_out: LeftOut) -> Page:
    """Show what an ingest changed."""
    page = Page()
    known = f"{answer.added} new or newer"
    page.add(f"{plural(taken, 'host')} read, {known}", f", {left_out.count} left out" if left_out.count else "")
    page.add(
        f"the snapshot has {plural(answer.hosts, 'host')}, {plural(answer.distinct, 'distinct configuration')}"
    )
    if answer.labels_kept:
        text = "came with other labels and no newer evidence: labels stay as they were"
        way = "Take newer snapshots, or ingest under another date (--at)."
        page.add(Span(f"warning: {plural(answer.labels_kept, 'host')} {text}. {way}", Role.UNSURE), hang=4)
    if is_scattered(answer.hosts, answer.distinct):
        warn_of_scatter(page)
    return page


def ingest_document(answer: Ingested, taken: int, left_out: LeftOut) -> Document:
    """Give what an ingest changed."""
    return {
        "schema": "vcpuid-fleet-ingest/1",
        "read": taken,
        "left_out": [error_document(reason) for reason in left_out.reasons],
        "left_out_count": left_out.count,
        "added": answer.added,
        "hosts": answer.hosts,
        "configurations": answer.distinct,
        "labels_kept": answer.labels_kept,
        "is_scattered": is_scattered(answer.hosts, answer.distinct),
    }
