"""Who can receive guests from whom in a fleet, as a picture that leads to the reasons of each pair."""

from __future__ import annotations

from typing import Final

from vcpuid.fleet import Fleet
from vcpuid.render.html.links import fleet_link
from vcpuid.web.fleet_view import AT, Ask, FleetView
from vcpuid.web.form import Form
from vcpuid.web.form_view import Answered


def _read(form: Form) -> Ask:
    date = form.text(AT.name)

    def ask(fleet: Fleet) -> Answered:
        # They need numpy, and a server without the extra has other pages.
        from vcpuid.fleet.matrix import make_matrix  # noqa: PLC0415
        from vcpuid.render.fleet.matrix import matrix_document  # noqa: PLC0415
        from vcpuid.render.fleet.pictures import draw_matrix  # noqa: PLC0415

        matrix = make_matrix(fleet)
        total = matrix.sum_up()
        picture = draw_matrix(
            matrix, total, lambda one, other: fleet_link("/fleet/pair", first=one, second=other, at=date)
        )
        return Answered(matrix_document(matrix, total), {"picture": picture})

    return ask


VIEW: Final = FleetView(
    "Who can receive guests from whom in a fleet",
    _read,
    path="/fleet/matrix",
    schema="fleet-matrix",
    template="fleet_matrix",
)
