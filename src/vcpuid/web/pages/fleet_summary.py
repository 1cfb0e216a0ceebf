"""The fleet: what it consists of, and what can be asked of it."""

from __future__ import annotations

from typing import Final

from vcpuid.fleet import Fleet
from vcpuid.fleet.summary import summarise
from vcpuid.render.fleet.summary import summary_document
from vcpuid.web.fleet_view import Ask, FleetView
from vcpuid.web.form import Form
from vcpuid.web.form_view import Answered


def _read(_: Form) -> Ask:
    return _answer


def _answer(fleet: Fleet) -> Answered:
    return Answered(summary_document(summarise(fleet)))


VIEW: Final = FleetView(
    "What a fleet consists of",
    _read,
    path="/fleet",
    schema="fleet-summary",
    template="fleet_summary",
)
