"""Two hosts of a fleet, there and back, with all reasons."""

from __future__ import annotations

from typing import Final

from vcpuid.errors import UsageError
from vcpuid.fleet import Fleet
from vcpuid.render.compare import compare_document
from vcpuid.web.fleet_view import AT, Ask, FleetView
from vcpuid.web.form import Form
from vcpuid.web.form_view import Answered, Field

_FIRST: Final = Field("first", "A host of the fleet.", "h07")
_SECOND: Final = Field("second", "Another.", "h10")


def _read(form: Form) -> Ask:
    first, second = form.text(_FIRST.name), form.text(_SECOND.name)
    if not (first and second):
        raise UsageError(
            "two hosts are compared",
            source=_SECOND.name if first else _FIRST.name,
            found="nothing",
            expected="a host of the fleet",
        )

    def ask(fleet: Fleet) -> Answered:
        from vcpuid.fleet.matrix import compare_hosts  # noqa: PLC0415 - needs numpy, as in fleet_matrix

        return Answered(compare_document(compare_hosts(fleet, first, second)))

    return ask


VIEW: Final = FleetView(
    "Two hosts of a fleet, with all reasons",
    _read,
    path="/fleet/pair",
    schema="compare",
    template="fleet_pair",
    fields=(_FIRST, _SECOND, AT),
    needs=(_FIRST.name, _SECOND.name),
)
