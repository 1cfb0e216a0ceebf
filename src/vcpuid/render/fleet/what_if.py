"""The baseline without some hosts or features, and the price of a model, as text and as JSON."""

from __future__ import annotations

from vcpuid.answers.baseline import Baseline
from vcpuid.fleet.what_if import Price, WhatIf
from vcpuid.render.baseline import baseline_document, summary_of
from vcpuid.render.cpus import plural
from vcpuid.render.document import Document
from vcpuid.render.fleet.words import MOST_ROWS
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.parties import add_names, in_short, names_in_short


def render_what_if(answer: WhatIf) -> Page:
    """Show two baselines, and what lies between them."""
    page = Page()
    page.add(Span(f"the fleet of {answer.date}", Role.STRONG), f": {plural(answer.hosts, 'host')} would stay")
    if answer.without:
        page.add("  without: ", names_in_short(answer.without), hang=4)
    if answer.given_up:
        page.add("  without the features: ", " ".join(answer.given_up), hang=4)
    _add_baseline(page, "now", answer.before)
    _add_baseline(page, "then", answer.after)
    if answer.gained:
        add_names(page, "  gained: ", in_short(answer.gained), Role.GOOD)
    if answer.lost:
        add_names(page, "  lost: ", in_short(answer.lost), Role.BAD)
    if not answer.gained and not answer.lost:
        page.add("  guests would start with the same features")
    page.add(Span(f"  names by {answer.after.rests_on}", Role.DIM), hang=4)
    return page


def _add_baseline(page: Page, when: str, found: Baseline) -> None:
    if found.cpu is None:
        page.add(f"  {when}: ", Span("no common CPU: ", Role.BAD), found.refusal, hang=4)
    else:
        page.add(f"  {when}: {summary_of(found.cpu)}", f"  ({len(found.start)} features)", hang=4)


def what_if_document(answer: WhatIf) -> Document:
    """Give two baselines, and what lies between them."""
    return {
        "schema": "vcpuid-fleet-what-if/1",
        "date": answer.date,
        "hosts": answer.hosts,
        "without": list(answer.without),
        "without_features": list(answer.given_up),
        "before": baseline_document(answer.before),
        "after": baseline_document(answer.after),
        "gained": list(answer.gained),
        "lost": list(answer.lost),
    }


def render_price(answer: Price) -> Page:
    """Show what a model costs."""
    page = Page()
    page.add(Span(answer.model, Role.STRONG), f" in the fleet of {answer.date}: {plural(answer.hosts, 'host')}")
    if not answer.give_up_hosts:
        page.add(Span("  every host can give it", Role.GOOD))
    else:
        gone = plural(len(answer.give_up_hosts), "host")
        page.add(Span(f"  give up {gone}: ", Role.BAD), names_in_short(answer.give_up_hosts), hang=4)
        if answer.give_up_features is not None:
            label = f"  or {plural(len(answer.give_up_features), 'feature')} of it: "
            add_names(page, label, in_short(answer.give_up_features), Role.BAD)
        else:
            page.add("  no set of features would do")
    if answer.foreign:
        page.add("  of another vendor: ", names_in_short(answer.foreign), hang=4)
    for barrier in answer.barriers[:MOST_ROWS]:
        lacking = " ".join(in_short(barrier.features)) or "their libvirt calls it unusable, and does not say why"
        page.add(f"  {names_in_short(barrier.hosts)}: ", lacking, hang=4)
    if len(answer.barriers) > MOST_ROWS:
        page.add(f"  and {len(answer.barriers) - MOST_ROWS} more kinds of hosts; JSON has all")
    if answer.unknown:
        upper = f"of {plural(answer.unknown, 'host')} only an upper bound is known: they may lack more"
        page.add(Span(f"  {upper}", Role.UNSURE), hang=4)
    return page


def price_document(answer: Price) -> Document:
    """Give what a model costs."""
    return {
        "schema": "vcpuid-fleet-price/1",
        "date": answer.date,
        "model": answer.model,
        "hosts": answer.hosts,
        "give_up_hosts": list(answer.give_up_hosts),
        "give_up_features": None if answer.give_up_features is None else list(answer.give_up_features),
        "barriers": [{"hosts": list(one.hosts), "features": list(one.features)} for one in answer.barriers],
        "foreign": list(answer.foreign),
        "unknown": answer.unknown,
    }
