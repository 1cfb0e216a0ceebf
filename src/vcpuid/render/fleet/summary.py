"""The counts of a fleet, as text and as JSON."""

from __future__ import annotations

from vcpuid.fleet.summary import Summary
from vcpuid.render.cpus import plural
from vcpuid.render.document import Document
from vcpuid.render.fleet.words import MOST_ROWS, NOT_TOLD, warn_of_scatter
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.parties import names_in_short

_TITLES = {
    "brand": "processors",
    "generation": "generations",
    "microcode": "microcode",
    "kernel": "kernels",
    "qemu": "QEMU",
    "libvirt": "libvirt",
    "basis": "best evidence",
}


def render_summary(answer: Summary) -> Page:
    """Show the counts of a fleet."""
    page = Page()
    page.add(Span(f"fleet of {answer.date}", Role.STRONG))
    page.add(f"  {plural(answer.hosts, 'host')}, {plural(answer.distinct, 'distinct configuration')}")
    page.add(f"  {plural(answer.guests, 'guest')}, {answer.running} running")
    if answer.labels:
        page.add(f"  labels: {names_in_short(answer.labels)}", hang=4)
    others = [date for date in reversed(answer.dates) if date != answer.date]
    if others:
        page.add(f"  other snapshots: {names_in_short(others)}", hang=4)
    if answer.is_scattered:
        warn_of_scatter(page)
    listed = {"models that describe them": answer.models}
    listed |= {_TITLES[column]: counts for column, counts in answer.counts.items()}
    for title, counts in listed.items():
        if not any(count.value for count in counts):
            continue
        page.add("")
        page.add(Span(title, Role.STRONG))
        for count in counts[:MOST_ROWS]:
            page.add(f"  {count.hosts:>9}  ", count.value or Span(NOT_TOLD, Role.DIM))
        if len(counts) > MOST_ROWS:
            page.add(f"  and {len(counts) - MOST_ROWS} more; JSON has all")
    return page


def summary_document(answer: Summary) -> Document:
    """Give the counts of a fleet."""
    listed = {"model": answer.models, **answer.counts}
    return {
        "schema": "vcpuid-fleet-summary/1",
        "date": answer.date,
        "hosts": answer.hosts,
        "configurations": answer.distinct,
        "is_scattered": answer.is_scattered,
        "guests": answer.guests,
        "running": answer.running,
        "dates": list(answer.dates),
        "labels": list(answer.labels),
        "counts": {
            column: [{"value": count.value or None, "hosts": count.hosts} for count in counts]
            for column, counts in listed.items()
        },
    }
