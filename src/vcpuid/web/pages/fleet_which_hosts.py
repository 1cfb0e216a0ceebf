"""Which hosts of a fleet can run a model of libvirt."""

from __future__ import annotations

from typing import Final

from vcpuid.answers.party import party_of_model
from vcpuid.errors import UsageError
from vcpuid.fleet import Fleet
from vcpuid.fleet.which_hosts import find_places
from vcpuid.render.fleet.placement import placement_document
from vcpuid.web.fleet_view import AT, Ask, FleetView
from vcpuid.web.form import Form
from vcpuid.web.form_view import Answered, Field

_MODEL: Final = Field("model", "A model of libvirt.", "Haswell-noTSX")


def _read(form: Form) -> Ask:
    model = form.text(_MODEL.name)
    if not model:
        raise UsageError("no model", source=_MODEL.name, found="nothing", expected="a model of libvirt")

    def ask(fleet: Fleet) -> Answered:
        return Answered(placement_document(find_places(fleet, party_of_model(model))))

    return ask


VIEW: Final = FleetView(
    "Which hosts of a fleet can run a model",
    _read,
    path="/fleet/which-hosts",
    schema="fleet-which-hosts",
    template="fleet_which_hosts",
    fields=(_MODEL, AT),
    needs=(_MODEL.name,),
)
