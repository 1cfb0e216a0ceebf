"""The baseline of each place of a fleet, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vcpuid.answers.guest import DIALECTS, translate
from vcpuid.fleet.baseline import PlaceBaseline
from vcpuid.render.baseline import baseline_document, render_baseline_xml, summary_of
from vcpuid.render.cpus import plural
from vcpuid.render.document import Document
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.parties import add_names, names_in_short, plus

_LIBVIRT = "libvirt"


def render_baselines(date: str, by: str | None, answers: Sequence[PlaceBaseline]) -> Page:
    """Show the baseline of each place, and what the dearest hosts cost it."""
    page = Page()
    page.add(f"baselines of the fleet of {date}" + (f" by {by}" if by else ""))
    for answer in answers:
        found = answer.baseline
        page.add("")
        title = (answer.place or f"without {by}") if by else "all hosts"
        page.add(
            Span(title, Role.STRONG),
            f"  {plural(answer.hosts, 'host')}, {plural(answer.distinct, 'distinct configuration')}",
            hang=4,
        )
        if found.cpu is None:
            page.add(Span("  no common CPU: ", Role.BAD), found.refusal, hang=4)
            for group in found.groups if len(found.groups) > 1 else ():
                summary = summary_of(group.cpu) if group.cpu else "no model that all of them can run describes it"
                page.add(f"  {names_in_short(group.hosts)}: {summary}", hang=4)
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
    if answers:
        page.add("")
        page.add(Span(f"names by {answers[0].baseline.rests_on}", Role.DIM), hang=4)
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
                "definitions": list(_definitions(answer)),
            }
            for answer in answers
        ],
    }


def _definitions(answer: PlaceBaseline) -> Iterator[Document]:
    """Walk a place's baseline in every dialect but libvirt's; nothing where there is no baseline."""
    xml = render_baseline_xml(answer.baseline)
    for name, dialect in DIALECTS.items() if xml else ():
        if name != _LIBVIRT:
            made = translate(xml, "baseline", name, origin=_LIBVIRT)
            losses = [{"what": loss.what, "why": loss.why} for loss in made.losses]
            yield {"to": name, "title": dialect.TITLE, "text": made.text, "losses": losses}
