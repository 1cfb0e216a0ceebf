"""A feature's path: what can be given, what is asked for, where they meet, and where a line breaks."""

from __future__ import annotations

from typing import Final

from vcpuid.answers.asked_by import guest_of_text
from vcpuid.answers.why import why
from vcpuid.errors import UsageError
from vcpuid.evidence import Evidence
from vcpuid.evidence.guest import Guest, guest_of_domain
from vcpuid.render.why import why_document
from vcpuid.web.form import Form
from vcpuid.web.form_view import Answered, Field, FormView
from vcpuid.web.hosts import DUMP, MACHINE, read_host

_MOST_FEATURES = 20


def _answer(form: Form) -> Answered:
    features = [name.strip() for name in form.text("feature").split(",") if name.strip()]
    if not 0 < len(features) <= _MOST_FEATURES:
        raise UsageError(
            "no feature" if not features else "too many features",
            source="feature",
            found=str(len(features)),
            expected=f"1 to {_MOST_FEATURES}, with commas between",
        )
    evidence = read_host(form)
    guest = _guest(form, evidence)
    answers = [why(name, evidence, guest) for name in features]
    return Answered(why_document(answers, evidence.snapshot.host_name, evidence.snapshot.taken_at))


def _guest(form: Form, evidence: Evidence) -> Guest | None:
    part = form.first("domain", "text", "file")
    if part is None:
        return None
    if part.field == "domain":
        return guest_of_domain(evidence, form.text("domain"))
    return guest_of_text(part.content, part.source)


VIEW: Final = FormView(
    "A feature's path from silicon to a guest",
    _answer,
    path="/why",
    schema="why",
    template="why",
    fields=(
        Field("feature", "A feature in any dialect, or its address; several with commas between.", "sgx"),
        DUMP,
        MACHINE,
        Field("domain", "The guest: a libvirt domain of the host, by name or UUID."),
        Field("text", "The guest: a domain XML or <cpu>, a nova.conf or a -cpu string that asks."),
        Field("file", "The same as a file.", is_file=True),
    ),
)
