"""The guests of the fleet against an upgraded host, as text and as JSON."""

from __future__ import annotations

from vcpuid.answers.compare import Compatibility
from vcpuid.fleet.precheck import Move, Precheck, Trouble
from vcpuid.render.cpus import plural
from vcpuid.render.document import Document
from vcpuid.render.fleet.words import MOST_ROWS
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.parties import in_short, party_document

_WORDS = {
    Move.START: "start there as defined",
    Move.MIGRATE: "migrate there",
    Move.COME_BACK: "come back from there",
}
_STATES = {Compatibility.INCOMPATIBLE: ("cannot", Role.BAD), Compatibility.UNKNOWN: ("may not", Role.UNSURE)}


def render_precheck(answer: Precheck) -> Page:
    """Show what guests cannot do with an upgraded host."""
    page = Page()
    page.add(Span(answer.target.name, Role.STRONG), f"  ({answer.target.basis.value})", hang=4)
    kinds = plural(answer.distinct, "kind")
    page.add(f"  against {plural(answer.guests, 'guest')} of the fleet of {answer.date}, of {kinds}")
    if not answer.troubles:
        page.add(Span("  all can start there, migrate there and come back", Role.GOOD))
    for trouble in answer.troubles[:MOST_ROWS]:
        _add_trouble(page, trouble)
    if len(answer.troubles) > MOST_ROWS:
        page.add(f"  and {len(answer.troubles) - MOST_ROWS} more; JSON has all")
    page.add(
        Span(f"  names by {answer.rests_on}; machine types of distributions are not judged", Role.DIM), hang=4
    )
    return page


def _add_trouble(page: Page, trouble: Trouble) -> None:
    words, role = _STATES[trouble.compatibility]
    like = trouble.example if trouble.guests == 1 else f"{plural(trouble.guests, 'guest')} like {trouble.example}"
    page.add(Span(f"  {words} {_WORDS[trouble.move]}: ", role), like, hang=4)
    page.add(f"    {trouble.reason}", hang=6)
    if trouble.features:
        page.add("    ", ", ".join(in_short(trouble.features)), hang=6)
    if trouble.is_old:
        page.add(Span("    nor on their own hosts as they are now: the upgrade is not to blame", Role.DIM), hang=6)


def precheck_document(answer: Precheck) -> Document:
    """Give what guests cannot do with an upgraded host."""
    return {
        "schema": "vcpuid-fleet-precheck/1",
        "date": answer.date,
        "target": party_document(answer.target),
        "guests": answer.guests,
        "distinct": answer.distinct,
        "compatibility": answer.compatibility.value,
        "troubles": [
            {
                "move": trouble.move.value,
                "compatibility": trouble.compatibility.value,
                "reason": trouble.reason,
                "features": list(trouble.features),
                "is_old": trouble.is_old,
                "guests": trouble.guests,
                "example": trouble.example,
            }
            for trouble in answer.troubles
        ],
        "rests_on": answer.rests_on,
    }
