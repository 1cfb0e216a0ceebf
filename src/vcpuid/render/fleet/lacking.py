"""Which hosts lack a feature, as text and as JSON."""

from __future__ import annotations

from vcpuid.fleet.missing import Lacking
from vcpuid.render.cpus import plural
from vcpuid.render.document import Document, feature_document
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.parties import names_in_short


def render_lacking(answer: Lacking) -> Page:
    """Show which hosts lack a feature."""
    page = Page()
    bits = " ".join(str(bit) for bit in answer.feature.bits)
    page.add(Span(answer.feature.name, Role.STRONG), f"  {bits}  in the fleet of {answer.date}")
    page.add(Span(f"  {plural(answer.has, 'host')} have it" if answer.has != 1 else "  1 host has it", Role.GOOD))
    for hosts, words, role in (
        (answer.lacks, "without it: ", Role.BAD),
        (answer.untold, "of which nothing is known: ", Role.UNSURE),
    ):
        if hosts:
            page.add(Span(f"  {plural(len(hosts), 'host')} {words}", role), names_in_short(hosts), hang=4)
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
