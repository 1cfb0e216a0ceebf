"""Which hosts of a fleet lack a feature."""

from __future__ import annotations

from typing import Final

from vcpuid.answers.look_up import look_up_for_map
from vcpuid.atlas.index import VENDORS
from vcpuid.errors import UsageError
from vcpuid.fleet import Fleet
from vcpuid.fleet.configuration import EvidenceLayer
from vcpuid.fleet.missing import find_lacking
from vcpuid.render.fleet.lacking import lacking_document
from vcpuid.web.fleet_view import AT, Ask, FleetView
from vcpuid.web.form import Form
from vcpuid.web.form_view import Answered, Field

_FEATURE: Final = Field("feature", "A feature in any dialect, or its address.", "umip")
_LAYERS = tuple(layer.value for layer in EvidenceLayer)
_LAYER: Final = Field("layer", "Go by this evidence alone; else by the best that each host has.", choices=_LAYERS)
_VENDOR: Final = Field("vendor", "The CPUs that are meant, where a name has two meanings.", choices=tuple(VENDORS))


def _read(form: Form) -> Ask:
    name = form.text(_FEATURE.name)
    if not name:
        raise UsageError("no feature", source=_FEATURE.name, found="nothing", expected="a name or an address")
    layer, vendor = (form.chosen(field.name, field.choices) for field in (_LAYER, _VENDOR))
    feature = look_up_for_map(name, vendor)

    def ask(fleet: Fleet) -> Answered:
        return Answered(lacking_document(find_lacking(fleet, feature, EvidenceLayer(layer) if layer else None)))

    return ask


VIEW: Final = FleetView(
    "Which hosts of a fleet lack a feature",
    _read,
    path="/fleet/missing",
    schema="fleet-missing",
    template="fleet_missing",
    fields=(_FEATURE, _LAYER, _VENDOR, AT),
    needs=(_FEATURE.name,),
)
