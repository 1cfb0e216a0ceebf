"""The answer of `diff` as text and as a JSON document."""

from __future__ import annotations

from collections.abc import Iterable

from vcpuid.answers.diff import Change, Diff, KindDiff, Weight
from vcpuid.render.cpus import cpu_numbers, plural
from vcpuid.render.document import Document, address_document
from vcpuid.render.page import Page, Role, Span
from vcpuid.terms.address import Bits, CpuidRegister, Register

_HANG = 4  # blanks before what goes on from the line above


def render_diff(answer: Diff, *, dynamic: bool = False) -> Page:
    """Show what differs; with `dynamic` also what differs between equal CPUs."""
    page = Page()
    page.add(Span("--- ", Role.BAD), answer.before)
    page.add(Span("+++ ", Role.GOOD), answer.after)
    for name, (before, after) in answer.counts.items():
        page.add(f"  {plural(2, name)[2:]}: {before} -> {after}")
    for cpus in answer.only_before:
        page.add(Span(f"- {cpu_numbers(cpus)}: nothing like them on the other side", Role.BAD))
    for cpus in answer.only_after:
        page.add(Span(f"+ {cpu_numbers(cpus)}: nothing like them on the other side", Role.GOOD))
    for kind in answer.kinds:
        _render_kind(page, kind, dynamic=dynamic, is_only_one=len(answer.kinds) == 1)
    if not answer.is_real:
        page.add("no real difference" if answer.is_decided else "no real difference in what both sides tell")
    return page


def _render_kind(page: Page, kind: KindDiff, *, dynamic: bool, is_only_one: bool) -> None:
    real = [change for change in kind.changes if change.weight is Weight.REAL and not change.is_told]
    fleeting = [change for change in kind.changes if change.weight is Weight.DYNAMIC]
    if not is_only_one and (kind.is_real or (dynamic and fleeting) or kind.untold):
        page.add(Span(f"{cpu_numbers(kind.before)} and {cpu_numbers(kind.after)}", Role.STRONG))
    for sign, names, role in (("-", kind.lost, Role.BAD), ("+", kind.gained, Role.GOOD)):
        if names:
            page.add(Span(f"{sign} {' '.join(names)}", role), hang=_HANG)
    for meaning in kind.meanings:
        page.add(f"  {meaning.name}: {meaning.before} -> {meaning.after}", hang=_HANG)
    _render_changes(page, real)
    if dynamic:
        _render_changes(page, fleeting, "   dynamic")
    elif fleeting:
        page.add(Span(f"  {plural(len(fleeting), 'dynamic field')} (--dynamic shows)", Role.DIM))
    if kind.untold:
        rows = ", ".join(f"{leaf:02X}H.{subleaf}" for leaf, subleaf in kind.untold)
        page.add(Span(f"  told by one side only: {rows}", Role.UNSURE), hang=_HANG)


def _render_changes(page: Page, changes: Iterable[Change], remark: str = "") -> None:
    for change in changes:
        name = change.field.name if change.field else "(a bit without a name)"
        page.add(
            f"  {change_address(change)!s:<28} {name:<26} {change.before} -> {change.after}",
            Span(remark, Role.DIM),
        )


def change_address(change: Change) -> Bits:
    """Give the address of what differs."""
    return Bits(CpuidRegister(*change.key, Register(change.register)), change.low, change.high)


def diff_document(answer: Diff) -> Document:
    """Give the answer of `diff`."""
    return {
        "schema": "vcpuid-diff/1",
        "before": answer.before,
        "after": answer.after,
        "origins": dict(zip(("before", "after"), answer.origins, strict=True)),
        "is_real": answer.is_real,
        "counts": {name: {"before": before, "after": after} for name, (before, after) in answer.counts.items()},
        "only_before": [list(cpus) for cpus in answer.only_before],
        "only_after": [list(cpus) for cpus in answer.only_after],
        "kinds": [_kind_document(kind) for kind in answer.kinds],
    }


def _kind_document(kind: KindDiff) -> Document:
    return {
        "before": list(kind.before),
        "after": list(kind.after),
        "is_real": kind.is_real,
        "gained": list(kind.gained),
        "lost": list(kind.lost),
        "meanings": [meaning._asdict() for meaning in kind.meanings],
        "changes": [_change_document(change) for change in kind.changes],
        "untold": [f"{leaf:08x}.{subleaf}" for leaf, subleaf in kind.untold],
    }


def _change_document(change: Change) -> Document:
    return {
        "address": address_document(change_address(change)),
        "field": change.field.name if change.field else None,
        "feature": change.feature,
        "before": change.before,
        "after": change.after,
        "weight": change.weight.value,
    }
