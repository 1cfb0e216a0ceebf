"""The answers of `fleet` as text and as JSON documents."""

from __future__ import annotations

from collections.abc import Sequence

from vcpuid.answers.compare import Compatibility
from vcpuid.fleet.baseline import PlaceBaseline
from vcpuid.fleet.drift import Change, Drift
from vcpuid.fleet.missing import Lacking
from vcpuid.fleet.store import Ingested
from vcpuid.fleet.summary import Summary, is_scattered
from vcpuid.fleet.which_hosts import Placement
from vcpuid.render.baseline import baseline_document, summary_of
from vcpuid.render.cpus import plural
from vcpuid.render.document import Document, feature_document
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.parties import add_names, names_in_short, plus

_MOST_ROWS = 12
_TITLES = {
    "brand": "processors",
    "generation": "generations",
    "microcode": "microcode",
    "kernel": "kernels",
    "qemu": "QEMU",
    "libvirt": "libvirt",
    "basis": "best evidence",
}
_NOTHING = "(not told)"
_STATES = {
    Compatibility.COMPATIBLE: ("can run it", Role.GOOD),
    Compatibility.UNKNOWN: ("may run it: an upper bound, or not all is known", Role.UNSURE),
    Compatibility.INCOMPATIBLE: ("cannot run it", Role.BAD),
}


def render_ingest(answer: Ingested, taken: int, left_out: Sequence[str]) -> Page:
    """Show what an ingest changed."""
    page = Page()
    known = f"{answer.added} new or newer"
    page.add(f"{_hosts(taken)} read, {known}", f", {len(left_out)} left out" if left_out else "")
    page.add(f"the snapshot has {_hosts(answer.hosts)}, {_configurations(answer.distinct)}")
    if is_scattered(answer.hosts, answer.distinct):
        _warn(page)
    return page


def ingest_document(answer: Ingested, taken: int, left_out: Sequence[str]) -> Document:
    """Give what an ingest changed."""
    return {
        "schema": "vcpuid-fleet-ingest/1",
        "read": taken,
        "left_out": list(left_out),
        "added": answer.added,
        "hosts": answer.hosts,
        "configurations": answer.distinct,
        "is_scattered": is_scattered(answer.hosts, answer.distinct),
    }


def _warn(page: Page) -> None:
    text = "hosts are seldom equal: something in their dumps differs from host to host that is no feature"
    page.add(Span(f"warning: {text}", Role.UNSURE), hang=4)


def render_summary(answer: Summary) -> Page:
    """Show the counts of a fleet."""
    page = Page()
    page.add(Span(f"fleet of {answer.date}", Role.STRONG))
    page.add(f"  {_hosts(answer.hosts)}, {_configurations(answer.distinct)}")
    page.add(f"  {plural(answer.guests, 'guest')}, {answer.running} running")
    if answer.is_scattered:
        _warn(page)
    listed = {"models that describe them": answer.models}
    listed |= {_TITLES[column]: counts for column, counts in answer.counts.items()}
    for title, counts in listed.items():
        if not any(count.value for count in counts):
            continue
        page.add("")
        page.add(Span(title, Role.STRONG))
        for count in counts[:_MOST_ROWS]:
            page.add(f"  {count.hosts:>9}  ", count.value or Span(_NOTHING, Role.DIM))
        if len(counts) > _MOST_ROWS:
            page.add(f"  and {len(counts) - _MOST_ROWS} more; JSON has all")
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
        "counts": {
            column: [{"value": count.value or None, "hosts": count.hosts} for count in counts]
            for column, counts in listed.items()
        },
    }


def render_lacking(answer: Lacking) -> Page:
    """Show which hosts lack a feature."""
    page = Page()
    bits = " ".join(str(bit) for bit in answer.feature.bits)
    page.add(Span(answer.feature.name, Role.STRONG), f"  {bits}  in the fleet of {answer.date}")
    page.add(Span(f"  {_hosts(answer.has)} have it" if answer.has != 1 else "  1 host has it", Role.GOOD))
    for hosts, words, role in (
        (answer.lacks, "without it: ", Role.BAD),
        (answer.untold, "of which nothing is known: ", Role.UNSURE),
    ):
        if hosts:
            page.add(Span(f"  {_hosts(len(hosts))} {words}", role), names_in_short(hosts), hang=4)
    asked = ", ".join(layer.value for layer in answer.layers)
    page.add(Span(f"  by {asked}: the first that knows" if asked else "  no evidence can tell", Role.DIM))
    return page


def lacking_document(answer: Lacking) -> Document:
    """Give which hosts lack a feature."""
    return {
        "schema": "vcpuid-fleet-missing/1",
        "date": answer.date,
        "feature": feature_document(answer.feature),
        "layers": [layer.value for layer in answer.layers],
        "has": answer.has,
        "lacks": list(answer.lacks),
        "untold": list(answer.untold),
    }


def render_placement(answer: Placement) -> Page:
    """Show which hosts can run a guest."""
    page = Page()
    page.add(Span(answer.guest, Role.STRONG), f" in the fleet of {answer.date}")
    for state, (words, role) in _STATES.items():
        hosts = answer.hosts[state]
        if hosts:
            page.add(Span(f"  {_hosts(len(hosts))} {words}: ", role), names_in_short(hosts), hang=4)
    if answer.obstacles:
        page.add("")
        page.add(Span("what stands in the way", Role.STRONG))
        for obstacle in answer.obstacles[:_MOST_ROWS]:
            page.add(f"  {obstacle.hosts:>9}  {obstacle.what}")
        if len(answer.obstacles) > _MOST_ROWS:
            page.add(f"  and {len(answer.obstacles) - _MOST_ROWS} more; JSON has all")
    page.add(Span(f"  names by {answer.rests_on}", Role.DIM), hang=4)
    return page


def placement_document(answer: Placement) -> Document:
    """Give which hosts can run a guest."""
    return {
        "schema": "vcpuid-fleet-which-hosts/1",
        "date": answer.date,
        "guest": answer.guest,
        **{state.value: list(answer.hosts[state]) for state in Compatibility},
        "obstacles": [obstacle._asdict() for obstacle in answer.obstacles],
        "rests_on": answer.rests_on,
    }


def render_baselines(date: str, by: str | None, answers: Sequence[PlaceBaseline]) -> Page:
    """Show the baseline of each place, and what the dearest hosts cost it."""
    page = Page()
    page.add(f"baselines of the fleet of {date}" + (f" by {by}" if by else ""))
    for answer in answers:
        found = answer.baseline
        page.add("")
        title = (answer.place or f"without {by}") if by else "all hosts"
        page.add(Span(title, Role.STRONG), f"  {_hosts(answer.hosts)}, {_configurations(answer.distinct)}", hang=4)
        if found.cpu is None:
            page.add(Span("  no common CPU: ", Role.BAD), found.refusal, hang=4)
            continue
        page.add(f"  {summary_of(found.cpu)}", hang=4)
        if not found.is_safe:
            unsafe = [party.name for party in found.hosts if not party.basis.is_safe]
            upper = f"of {names_in_short(unsafe)} only an upper bound is known"
            page.add(Span(f"  not migration-safe: {upper}", Role.UNSURE), hang=4)
        page.add(f"  guests start with {len(found.start)} features")
        if found.accept:
            add_names(page, "  a guest that comes with them may keep: ", found.accept)
        for cost in found.costs[:3]:
            add_names(page, f"  without {names_in_short(cost.hosts)}: ", plus(cost.features))
    return page


def baselines_document(date: str, by: str | None, answers: Sequence[PlaceBaseline]) -> Document:
    """Give the baseline of each place."""
    return {
        "schema": "vcpuid-fleet-baseline/1",
        "date": date,
        "by": by,
        "places": [
            {
                "place": answer.place or None,
                "hosts": answer.hosts,
                "configurations": answer.distinct,
                "baseline": baseline_document(answer.baseline),
            }
            for answer in answers
        ],
    }


def render_drift(answer: Drift) -> Page:
    """Show what changed in a fleet."""
    page = Page()
    page.add(Span(f"from {answer.before} to {answer.now}", Role.STRONG), f"  {_hosts(answer.both)} in both")
    for words, hosts in (("gone", answer.gone), ("new", answer.new)):
        if hosts:
            page.add(f"  {_hosts(len(hosts))} {words}: {names_in_short(hosts)}", hang=4)
    for what, versions in answer.versions.items():
        for version in versions[:_MOST_ROWS]:
            before, now = version.before or _NOTHING, version.now or _NOTHING
            page.add(f"  {what} {before} -> {now}: {_like(version.hosts, version.host)}", hang=4)
        if len(versions) > _MOST_ROWS:
            page.add(f"  and {len(versions) - _MOST_ROWS} more changes of {what}; JSON has all")
    if not answer.changes:
        page.add("  no CPU is told otherwise than before")
    for change in answer.changes[:_MOST_ROWS]:
        page.add("")
        page.add(Span(_like(change.hosts, change.host), Role.STRONG))
        _add_change(page, change)
    if len(answer.changes) > _MOST_ROWS:
        page.add(f"and {len(answer.changes) - _MOST_ROWS} more changes; JSON has all")
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
        "now": answer.now,
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


def _hosts(count: int) -> str:
    return "1 host" if count == 1 else f"{count} hosts"


def _configurations(count: int) -> str:
    return "1 distinct configuration" if count == 1 else f"{count} distinct configurations"


def _like(count: int, host: str) -> str:
    return host if count == 1 else f"{_hosts(count)} like {host}"
