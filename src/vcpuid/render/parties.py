"""Hosts and guests of a comparison or a baseline, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vcpuid.answers.party import Party
from vcpuid.render.document import Document
from vcpuid.render.page import Page, Role, Span
from vcpuid.terms.guest import GuestCpu

_MOST_NAMES = 8
_MOST_FEATURES = 24


def names_in_short(names: Sequence[str]) -> str:
    """Give a few names and how many more there are."""
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"


def add_parties(page: Page, parties: Iterable[Party]) -> None:
    """List parties by what their features rest on."""
    by_basis: dict[str, list[str]] = {}
    unsafe = set()
    for party in parties:
        by_basis.setdefault(party.basis.value, []).append(party.name)
        if not party.basis.is_safe:
            unsafe.add(party.basis.value)
    for basis, names in by_basis.items():
        role = Role.UNSURE if basis in unsafe else Role.DIM
        page.add(f"  {names_in_short(names)}  ", Span(f"({basis})", role), hang=4)


def add_names(page: Page, label: str, names: Sequence[str], role: Role = Role.PLAIN) -> None:
    """Write a label and a list of features."""
    page.add(label, Span(" ".join(names), role), hang=4)


def in_short(names: Sequence[str]) -> list[str]:
    """Give a list of features; of very many the first, and how many more."""
    more = len(names) - _MOST_FEATURES
    return list(names) if more <= 0 else [*names[:_MOST_FEATURES], f"and {more} more (JSON has all)"]


def plus(names: Sequence[str]) -> list[str]:
    """Give features that would be there besides, in short."""
    return [f"+{name}" for name in names[:_MOST_FEATURES]] + in_short(names)[_MOST_FEATURES:]


def party_document(party: Party) -> Document:
    """Give a party and what its features rest on."""
    return {
        "name": party.name,
        "kind": "guest" if party.is_guest else "host",
        "basis": party.basis.word,
        "rests_on": party.basis.value,
        "is_safe": party.basis.is_safe,
    }


def cpu_document(cpu: GuestCpu) -> Document:
    """Give a CPU definition."""
    return {
        "mode": cpu.mode.value,
        "model": cpu.model,
        "vendor": cpu.vendor,
        "features": [{"name": request.name, "policy": request.policy.value} for request in cpu.requests],
    }
