"""The CPU that all hosts of a place can give, in the words of each project that is to give it."""

from __future__ import annotations

from typing import Final

from vcpuid.errors import UsageError
from vcpuid.fleet import Fleet
from vcpuid.fleet.baseline import find_baselines
from vcpuid.fleet.fleet import VENDOR
from vcpuid.render.fleet.baseline import baselines_document
from vcpuid.web.fleet_view import AT, Ask, FleetView
from vcpuid.web.form import Form
from vcpuid.web.form_view import Answered, Field

_MOST_PLACES = 100
_BY: Final = Field(
    "by", "A baseline for each `vendor`, `zone`, `cluster` or value of a label; else for all.", "zone"
)


def _read(form: Form) -> Ask:
    by = form.text(_BY.name) or None

    def ask(fleet: Fleet) -> Answered:
        fleet.check_label(by)
        places = len({row[0] for row in fleet.groups(by)})
        if places > _MOST_PLACES:
            raise UsageError(
                "too many places for a page",
                source=_BY.name,
                found=f"{places} values of {by}",
                expected=f"at most {_MOST_PLACES}",
                next_step="`vcpuid fleet baseline --by NAME --store DIR` gives them all.",
            )
        answers = find_baselines(fleet, by)
        return Answered(baselines_document(fleet.date, by, answers), {"labels": [VENDOR, *fleet.label_names]})

    return ask


VIEW: Final = FleetView(
    "The CPU that all hosts of a place can give",
    _read,
    path="/fleet/baseline",
    schema="fleet-baseline",
    template="fleet_baseline",
    fields=(AT, _BY),
)
