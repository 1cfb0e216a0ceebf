"""The answer of `compare` as text and as a JSON document."""

from __future__ import annotations

from collections.abc import Iterable

from vcpuid.answers.compare import CompareAnswer, Compatibility, Missing, Way
from vcpuid.answers.unchecked import Unchecked
from vcpuid.render.document import Document
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.parties import add_names, add_parties, party_document

ROLES = {
    Compatibility.COMPATIBLE: Role.GOOD,
    Compatibility.INCOMPATIBLE: Role.BAD,
    Compatibility.UNKNOWN: Role.UNSURE,
}


def render_compare(answer: CompareAnswer) -> Page:
    """Show both directions, what stands between them, and what was not looked at."""
    page = Page()
    for way in filter(None, (answer.there, answer.back)):
        _add_way(page, way)
    page.add("")
    page.add(Span("what their features rest on", Role.STRONG))
    add_parties(page, answer.parties)
    page.add(Span(f"  names by {answer.rests_on}", Role.DIM), hang=4)
    page.add("")
    page.add(Span("not checked, and decisive for a migration too", Role.STRONG))
    _add_unchecked(page, answer.unchecked)
    return page


def _add_way(page: Page, way: Way) -> None:
    page.add(
        Span(f"{way.source} -> {way.target}  ", Role.STRONG),
        Span(f"CPU {way.compatibility.value}", ROLES[way.compatibility]),
        f"  {way.reason}",
        hang=4,
    )
    for layer, missing in _by_layer(way.missing).items():
        label = f"lost at {layer}" if layer else "missing"
        sure = all(one.is_sure for one in missing)
        role = Role.BAD if sure else Role.UNSURE
        add_names(page, f"  {label}: ", [one.feature for one in missing], role)
        # Features that are lost for the same reason need the same: it is said of the first of them.
        for one in {one.rule: one for one in reversed(missing) if one.mend}.values():
            page.add(f"    Mend: {one.mend}", hang=6)
    if way.forbidden:
        add_names(page, "  forbidden, and there: ", way.forbidden, Role.BAD)
    if way.extra:
        add_names(page, f"  {way.target} has besides: ", way.extra, Role.DIM)


def _by_layer(missing: Iterable[Missing]) -> dict[str, list[Missing]]:
    layers: dict[str, list[Missing]] = {}
    for one in missing:
        layers.setdefault(one.layer.value if one.layer else "", []).append(one)
    return layers


def _add_unchecked(page: Page, subjects: Iterable[Unchecked]) -> None:
    for subject in subjects:
        if subject.differs:
            page.add(f"  {subject.subject:<22} ", Span(f"{subject.source} and {subject.target}", Role.UNSURE))
        elif subject.source or subject.target:
            values = dict.fromkeys((subject.source or "?", subject.target or "?"))
            page.add(f"  {subject.subject:<22} {' and '.join(values)}")
    unknown = [subject.subject for subject in subjects if not (subject.source or subject.target)]
    if unknown:
        page.add(f"  not known: {', '.join(unknown)}", hang=4)


def compare_document(answer: CompareAnswer) -> Document:
    """Give the answer of `compare`."""
    return {
        "schema": "vcpuid-compare/1",
        "compatibility": answer.compatibility.value,
        "there": way_document(answer.there),
        "back": way_document(answer.back) if answer.back else None,
        "parties": [party_document(party) for party in answer.parties],
        "rests_on": answer.rests_on,
        "unchecked": [
            {
                "subject": subject.subject,
                "source": subject.source or None,
                "target": subject.target or None,
                "differs": subject.differs,
            }
            for subject in answer.unchecked
        ],
    }


def way_document(way: Way) -> Document:
    """Give one direction."""
    return {
        "source": way.source,
        "target": way.target,
        "compatibility": way.compatibility.value,
        "relation": way.relation.value if way.relation else None,
        "reason": way.reason,
        "missing": [
            {
                "feature": one.feature,
                "layer": one.layer.value if one.layer else None,
                "rule": one.rule or None,
                "reason": one.reason or None,
                "mend": one.mend or None,
                "is_sure": one.is_sure,
            }
            for one in way.missing
        ],
        "forbidden": list(way.forbidden),
        "extra": list(way.extra),
    }
