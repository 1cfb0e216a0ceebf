"""An error message that somebody pasted: what it means, and what to do."""

from __future__ import annotations

from typing import Final

from vcpuid.answers.diagnose import diagnose
from vcpuid.errors import UsageError
from vcpuid.render.diagnose import diagnosis_document
from vcpuid.web.form import Form
from vcpuid.web.form_view import Answered, Field, FormView
from vcpuid.web.hosts import HOST, evidence_of


def _answer(form: Form) -> Answered:
    text = form.first("text", "file")
    if text is None:
        raise UsageError("no text to diagnose", expected="a message or a log")
    host, domain = form.first("host"), form.text("domain")
    if domain and host is None:
        raise UsageError("a guest without its host", found=domain, expected="a snapshot of the host beside it")
    report = diagnose(
        text.content.decode(errors="replace"),
        evidence_of(host) if host else None,
        domain or None,
    )
    return Answered(diagnosis_document(report))


VIEW: Final = FormView(
    "What an error message means",
    _answer,
    path="/diagnose",
    schema="diagnose",
    template="diagnose",
    fields=(
        Field("text", "The message, or a log of any length.", "unknown CPU feature: sha_ni"),
        Field("file", "The same as a file.", is_file=True),
        HOST._replace(description="A snapshot of the host where it happened: causes are tested on it."),
        Field("domain", "The guest that it is about, by name or UUID; with a host."),
    ),
)
