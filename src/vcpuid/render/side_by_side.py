"""Several hosts side by side, as text and as a JSON document."""

from __future__ import annotations

from collections.abc import Sequence

from vcpuid.answers.compare import Compatibility
from vcpuid.answers.side_by_side import OF_CPU, OF_GUESTS, OF_HOST, Cell, Row, Section, SideBySide
from vcpuid.guest.libvirt import render_cpu
from vcpuid.render.baseline import summary_of
from vcpuid.render.compare import ROLES, way_document
from vcpuid.render.document import Document
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.parties import add_parties, cpu_document, party_document

_GAP = 2
_HEADS_WIDTH = 64  # wider heads leave too little room beside the columns
_OF = {
    OF_GUESTS: "what guests can get, in the names of the map",
    OF_CPU: "what the CPUs say",
    OF_HOST: "what is on the hosts",
}


def render_side_by_side(answer: SideBySide) -> Page:
    """Show who can receive whose guests, what differs, and what all have."""
    page = Page()
    names = _column_heads(page, answer)
    _add_ways(page, answer, names)
    page.add("")
    common = answer.common
    if common.cpu is None:
        page.add(Span("no common CPU: ", Role.BAD), common.refusal, hang=4)
    else:
        page.add(Span("all can give: ", Role.STRONG), f"{summary_of(common.cpu)} (vcpuid baseline has it)", hang=4)
    for of, title in _OF.items():
        sections = [section for section in answer.sections if section.of == of]
        page.add("")
        page.add(Span(title, Role.STRONG))
        widths = _widths(sections, names)
        if any(_is_of_features(section) for section in sections):
            head = "".join(f"{name:<{width}}" for name, width in zip(names, widths, strict=True))
            page.add(Span(f"    {head}", Role.DIM))
        for section in sections:
            _add_section(page, section, names, widths)
    page.add("")
    page.add(Span("what their features rest on", Role.STRONG))
    add_parties(page, answer.hosts)
    page.add(Span(f"  names by {answer.rests_on}", Role.DIM), hang=4)
    return page


def _column_heads(page: Page, answer: SideBySide) -> list[str]:
    """Give the hosts' names for the heads of columns; numbers where they are too long, and say whose they are."""
    names = [host.name for host in answer.hosts]
    if sum(map(len, names)) <= _HEADS_WIDTH:
        return names
    for number, name in enumerate(names, 1):
        page.add(Span(f"  [{number}] ", Role.DIM), name)
    page.add("")
    return [f"[{number}]" for number in range(1, len(names) + 1)]


def _add_ways(page: Page, answer: SideBySide, names: Sequence[str]) -> None:
    heads = dict(zip((host.name for host in answer.hosts), names, strict=True))
    states = {(heads[way.source], heads[way.target]): way.compatibility for way in answer.ways}
    longest = max(len(state.value) for state in Compatibility)
    first = max(map(len, names)) + _GAP
    widths = [max(len(name), longest) + _GAP for name in names]
    page.add(Span("can guests of the host on the left run on the one above, by their CPU?", Role.STRONG))
    above = "".join(f"{name:<{width}}" for name, width in zip(names, widths, strict=True))
    page.add(Span(f"  {'':<{first}}{above}", Role.DIM))
    for source in names:
        cells = [
            Span(f"{states[source, target].value:<{width}}", ROLES[states[source, target]])
            if target != source
            else Span(f"{'-':<{width}}", Role.DIM)
            for target, width in zip(names, widths, strict=True)
        ]
        page.add(f"  {source:<{first}}", *cells)
    page.add(Span("  vcpuid compare A B says of two what is missing and what to do", Role.DIM))


def _add_section(page: Page, section: Section, names: Sequence[str], widths: Sequence[int]) -> None:
    if not section.rows:
        if section.equal or section.untold:
            page.add(f"  {section.subject}: ", Span(_left_out(section), Role.DIM))
        return
    left_out = _left_out(section)
    page.add(f"  {section.subject}", Span(f"  {left_out}" if left_out else "", Role.DIM))
    for row in section.rows:
        if _is_of_features(section):
            cells = [
                Span(f"{word:<{width}}", _role(cell))
                for cell, word, width in zip(row.cells, map(_word, row.cells), widths, strict=True)
            ]
            page.add("    ", *cells, " ".join(row.names), hang=4 + sum(widths))
        else:
            _add_fact(page, row, names)


def _add_fact(page: Page, row: Row, names: Sequence[str]) -> None:
    """Write a fact: hosts that say the same stand together."""
    by_text: dict[str, list[str]] = {}
    for cell, name in zip(row.cells, names, strict=True):
        by_text.setdefault(cell.text, []).append(name)
    page.add(f"    {' and '.join(row.names)}")
    for text, hosts in by_text.items():
        role = Role.PLAIN if text else Role.UNSURE
        page.add(Span(f"      {', '.join(hosts)}: ", Role.DIM), Span(text or "not told", role), hang=8)


def _left_out(section: Section) -> str:
    parts = [f"{section.equal} alike"] if section.equal else []
    parts += [f"{section.untold} not told by all"] if section.untold else []
    return f"({', '.join(parts)})" if parts else ""


def _is_of_features(section: Section) -> bool:
    return not any(cell.text for row in section.rows for cell in row.cells)


def _widths(sections: Sequence[Section], names: Sequence[str]) -> list[int]:
    rows = [row for section in sections if _is_of_features(section) for row in section.rows]
    return [
        max([len(name), *(len(_word(row.cells[place])) for row in rows)]) + _GAP
        for place, name in enumerate(names)
    ]


def _word(cell: Cell) -> str:
    if cell.has is None:
        return "?"
    if cell.has:
        return "yes"
    return f"no ({cell.layer.value})" if cell.layer else "no"


def _role(cell: Cell) -> Role:
    return Role.UNSURE if cell.has is None else Role.GOOD if cell.has else Role.BAD


def side_by_side_document(answer: SideBySide) -> Document:
    """Give the answer of `compare` of several hosts."""
    common = answer.common
    return {
        "schema": "vcpuid-compare-hosts/1",
        "compatibility": answer.compatibility.value,
        "hosts": [party_document(host) for host in answer.hosts],
        "ways": [way_document(way) for way in answer.ways],
        "sections": [_section_document(section) for section in answer.sections],
        "common": {
            "cpu": cpu_document(common.cpu) if common.cpu else None,
            "xml": render_cpu(common.cpu) if common.cpu else None,
            "refusal": common.refusal or None,
            "is_migration_safe": common.cpu is not None and common.is_safe,
        },
        "rests_on": answer.rests_on,
    }


def _section_document(section: Section) -> Document:
    return {
        "subject": section.subject,
        "of": section.of,
        "rows": [
            {"names": list(row.names), "cells": [_cell_document(cell) for cell in row.cells]}
            for row in section.rows
        ],
        "equal": section.equal,
        "untold": section.untold,
    }


def _cell_document(cell: Cell) -> Document:
    return {"has": cell.has, "layer": cell.layer.value if cell.layer else None, "text": cell.text or None}
