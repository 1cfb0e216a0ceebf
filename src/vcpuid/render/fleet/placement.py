"""Which hosts can run a guest, as text and as JSON."""

from __future__ import annotations

from vcpuid.answers.compare import Compatibility
from vcpuid.fleet.which_hosts import Placement
from vcpuid.render.cpus import plural
from vcpuid.render.document import Document
from vcpuid.render.fleet.words import MOST_ROWS
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.parties import names_in_short

_STATES = {
    Compatibility.COMPATIBLE: ("can run it", Role.GOOD),
    Compatibility.UNKNOWN: ("may run it: an upper bound, or not all is known", Role.UNSURE),
    Compatibility.INCOMPATIBLE: ("cannot run it", Role.BAD),
}


def render_placement(answer: Placement) -> Page:
    """Show which hosts can run a guest."""
    page = Page()
    page.add(Span(answer.guest, Role.STRONG), f" in the fleet of {answer.date}")
    for state, (words, role) in _STATES.items():
        hosts = answer.hosts[state]
        if hosts:
            page.add(Span(f"  {plural(len(hosts), 'host')} {words}: ", role), names_in_short(hosts), hang=4)
    if answer.obstacles:
        page.add("")
        page.add(Span("what stands in the way", Role.STRONG))
        for obstacle in answer.obstacles[:MOST_ROWS]:
            page.add(f"  {obstacle.hosts:>9}  {obstacle.what}")
        if len(answer.obstacles) > MOST_ROWS:
            page.add(f"  and {len(answer.obstacles) - MOST_ROWS} more; JSON has all")
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
