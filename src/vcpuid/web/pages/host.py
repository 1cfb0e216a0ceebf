"""A host: what its CPU is, and which of its features reach guests."""

from __future__ import annotations

from typing import Final

from vcpuid.answers.supply import supply
from vcpuid.render.supply import supply_document
from vcpuid.web.form import Form
from vcpuid.web.form_view import Answered, FormView
from vcpuid.web.hosts import DUMP, MACHINE, read_host


def _answer(form: Form) -> Answered:
    evidence = read_host(form)
    return Answered(supply_document(evidence, supply(evidence)))


VIEW: Final = FormView(
    "What a host can give to guests",
    _answer,
    path="/host",
    schema="supply",
    template="host",
    fields=(DUMP, MACHINE),
)
