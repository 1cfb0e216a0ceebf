"""All registers and facts of a host, for programs: the page for people is that of the host."""

from __future__ import annotations

import json
from typing import Final

from vcpuid.answers.decode import decode_dump
from vcpuid.render.decode_json import write_decode_document
from vcpuid.web.form import Form
from vcpuid.web.form_view import Answered, FormView
from vcpuid.web.hosts import DUMP, MACHINE, read_dump_of


def _answer(form: Form) -> Answered:
    return Answered(json.loads("".join(write_decode_document([decode_dump(read_dump_of(form))]))))


VIEW: Final = FormView(
    "Every register of a host's CPUID, with its fields and facts",
    _answer,
    path="/decode",
    schema="decode",
    fields=(DUMP, MACHINE),
)
