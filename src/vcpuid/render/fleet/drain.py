"""Which guests of a host can go where, as text and as JSON."""

from __future__ import annotations

from vcpuid.answers.compare import Compatibility
from vcpuid.fleet.drain import Drain, Exit
from vcpuid.render.cpus import plural
from vcpuid.render.document import Document
from vcpuid.render.fleet.words import MOST_ROWS
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.parties import names_in_short

_STATES = {
    Compatibility.COMPATIBLE: ("can go to", Role.GOOD),
    Compatibility.UNKNOWN: ("may go to", Role.UNSURE),
    Compatibility.INCOMPATIBLE: ("cannot leave", Role.BAD),
}
_MOST_OBSTACLES = 3
_TO_LEAVE = (
    "A guest that cannot leave has to be stopped; define it with a CPU that the others have"
    " (`vcpuid fleet baseline`), and start it there."
)


def render_drain(answer: Drain) -> Page:
    """Show where the guests of a host can go."""
    page = Page()
    targets = plural(answer.targets, "other host")
    where = f" of {answer.within}" if answer.within else ""
    page.add(Span(answer.host, Role.STRONG), f" in the fleet of {answer.date}: ", f"{targets}{where}")
    if not answer.exits:
        page.add("  it has no guests that the store knows of")
    for one in answer.exits[:MOST_ROWS]:
        _add_exit(page, one)
    if len(answer.exits) > MOST_ROWS:
        page.add(f"  and {len(answer.exits) - MOST_ROWS} more guests; JSON has all")
    if any(one.compatibility is Compatibility.INCOMPATIBLE for one in answer.exits):
        page.add(f"  Mend: {_TO_LEAVE}", hang=8)
    page.add(Span(f"  names by {answer.rests_on}", Role.DIM), hang=4)
    return page


def _add_exit(page: Page, one: Exit) -> None:
    words, role = _STATES[one.compatibility]
    page.add(Span(f"  {one.guest}", Role.STRONG), "" if one.running else " (not running)", "  ", Span(words, role))
    if one.hosts:
        page.add(f"    {plural(len(one.hosts), 'host')}: ", names_in_short(one.hosts), hang=6)
    if one.compatibility is Compatibility.COMPATIBLE:
        return
    for obstacle in one.obstacles[:_MOST_OBSTACLES]:
        page.add(f"    {plural(obstacle.hosts, 'host')}: {obstacle.what}", hang=6)
    if len(one.obstacles) > _MOST_OBSTACLES:
        more = plural(len(one.obstacles) - _MOST_OBSTACLES, "more reason")
        page.add(f"    and {more}; JSON has all")


def drain_document(answer: Drain) -> Document:
    """Give where the guests of a host can go."""
    return {
        "schema": "vcpuid-fleet-drain/1",
        "date": answer.date,
        "host": answer.host,
        "within": answer.within or None,
        "targets": answer.targets,
        "compatibility": answer.compatibility.value,
        "guests": [
            {
                "guest": one.guest,
                "runs": one.running,
                "compatibility": one.compatibility.value,
                "hosts": list(one.hosts),
                "obstacles": [obstacle._asdict() for obstacle in one.obstacles],
            }
            for one in answer.exits
        ],
        "rests_on": answer.rests_on,
    }
