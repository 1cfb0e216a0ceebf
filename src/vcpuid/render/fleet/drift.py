"""What changed in a fleet, as text and as JSON."""

from __future__ import annotations

from vcpuid.fleet.drift import Change, Drift
from vcpuid.render.cpus import plural
from vcpuid.render.document import Document
from vcpuid.render.fleet.words import MOST_ROWS, NOT_TOLD, hosts_like
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.parties import add_names, names_in_short


def render_drift(answer: Drift) -> Page:
    """Show what changed in a fleet."""
    page = Page()
    page.add(
        Span(f"from {answer.before} to {answer.after}", Role.STRONG), f"  {plural(answer.both, 'host')} in both"
    )
    for words, hosts in (("gone", answer.gone), ("new", answer.new)):
        if hosts:
            page.add(f"  {plural(len(hosts), 'host')} {words}: {names_in_short(hosts)}", hang=4)
    for what, versions in answer.versions.items():
        for version in versions[:MOST_ROWS]:
            before, after = version.before or NOT_TOLD, version.after or NOT_TOLD
            page.add(f"  {what} {before} -> {after}: {hosts_like(version.hosts, version.host)}", hang=4)
        if len(versions) > MOST_ROWS:
            page.add(f"  and {len(versions) - MOST_ROWS} more changes of {what}; JSON has all")
    if not answer.changes:
        page.add("  no CPU is told otherwise than before")
    for change in answer.changes[:MOST_ROWS]:
        page.add("")
        page.add(Span(hosts_like(change.hosts, change.host), Role.STRONG))
        _add_change(page, change)
    if len(answer.changes) > MOST_ROWS:
        page.add(f"and {len(answer.changes) - MOST_ROWS} more changes; JSON has all")
    return page


def _add_change(page: Page, change: Change) -> None:
    for layer in change.layers:
        if layer.lost:
            add_names(page, f"  {layer.layer.value} lost: ", layer.lost, Role.BAD)
        if layer.gained:
            add_names(page, f"  {layer.layer.value} gained: ", layer.gained, Role.GOOD)
        for number in layer.numbers:
            page.add(f"  {layer.layer.value}: {number}")
    for words, layers in (("is told now", change.came), ("is no longer told", change.went)):
        for one in layers:
            page.add(f"  {one.value} {words}")
    if not (change.layers or change.came or change.went):
        page.add("  words that one of the snapshots does not tell, or the models that libvirt calls usable")


def drift_document(answer: Drift) -> Document:
    """Give what changed in a fleet."""
    return {
        "schema": "vcpuid-fleet-drift/1",
        "before": answer.before,
        "after": answer.after,
        "both": answer.both,
        "gone": list(answer.gone),
        "new": list(answer.new),
        "losing": answer.losing,
        "changes": [
            {
                "hosts": change.hosts,
                "host": change.host,
                "layers": [
                    {
                        "layer": layer.layer.value,
                        "lost": list(layer.lost),
                        "gained": list(layer.gained),
                        "numbers": list(layer.numbers),
                    }
                    for layer in change.layers
                ],
                "came": [layer.value for layer in change.came],
                "went": [layer.value for layer in change.went],
            }
            for change in answer.changes
        ],
        "versions": {
            what: [version._asdict() for version in versions] for what, versions in answer.versions.items()
        },
    }
