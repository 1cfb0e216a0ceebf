"""What changed in a fleet between two of its snapshots."""

from __future__ import annotations

from typing import Final

from vcpuid.fleet import Fleet
from vcpuid.fleet.drift import find_drift
from vcpuid.render.fleet.drift import drift_document
from vcpuid.web.fleet_view import AT, Ask, FleetView, NotYetError
from vcpuid.web.form import Form
from vcpuid.web.form_view import Answered, Field

_BEFORE: Final = Field("before", "The earlier snapshot, by its date; else the one before.")


def _read(form: Form) -> Ask:
    before = form.text(_BEFORE.name)

    def ask(fleet: Fleet) -> Answered:
        return Answered(drift_document(find_drift(fleet, before or _the_one_before(fleet))))

    return ask


def _the_one_before(fleet: Fleet) -> str:
    earlier = [date for date in fleet.dates if date < fleet.date]
    if not earlier:
        raise NotYetError(
            "no earlier snapshot of the fleet",
            found=f"that of {fleet.date} is the first",
            next_step="Collect again, and take it in under another date:"
            " vcpuid fleet ingest PATH... --store DIR --at DATE",
        )
    return earlier[-1]


VIEW: Final = FleetView(
    "What changed in a fleet",
    _read,
    path="/fleet/drift",
    schema="fleet-drift",
    template="fleet_drift",
    fields=(AT, _BEFORE),
)
