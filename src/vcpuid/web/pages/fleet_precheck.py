"""The guests of a fleet against a host that was upgraded first."""

from __future__ import annotations

from typing import Final

from vcpuid.answers.offer import OfferReader
from vcpuid.answers.party import read_parties, the_one
from vcpuid.errors import UsageError
from vcpuid.fleet import Fleet
from vcpuid.fleet.precheck import precheck
from vcpuid.render.fleet.precheck import precheck_document
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.web.fleet_view import AT, Ask, FleetView
from vcpuid.web.form import Form
from vcpuid.web.form_view import Answered, Field

_TARGET: Final = Field("target", "The upgraded host: a snapshot, or what its libvirt and QEMU tell.", is_file=True)
_TEXT: Final = Field(
    "text",
    "The same as a text: what `virsh domcapabilities` prints there.",
    "<cpu><arch>x86_64</arch><model>Haswell</model></cpu>",
)


def _read(form: Form) -> Ask:
    part = form.first(_TARGET.name, _TEXT.name)
    if part is None:
        raise UsageError(
            "no upgraded host",
            source=_TARGET.name,
            found="nothing",
            expected="its snapshot",
            next_step="Take one after the upgrade: vcpuid collect -o canary.json ssh://HOST",
        )
    target = the_one(read_parties(part.content, part.source), part.source)
    if target.is_guest:
        raise UsageError("this is a guest's definition", found=target.name, expected="an upgraded host's snapshot")
    OfferReader((), shipped_map()).read(target)  # what no map has is told before the store is asked

    def ask(fleet: Fleet) -> Answered:
        return Answered(precheck_document(precheck(fleet, target)))

    return ask


VIEW: Final = FleetView(
    "Which guests of a fleet get into trouble with an upgraded host",
    _read,
    path="/fleet/precheck",
    schema="fleet-precheck",
    template="fleet_precheck",
    fields=(_TARGET, _TEXT, AT),
    is_posted=True,
)
