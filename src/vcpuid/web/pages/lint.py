"""A file that somebody pasted, with its faults beside its lines."""

from __future__ import annotations

from typing import Final

from vcpuid.answers.lint import Basis, LintReport, Text, choose_qemu, lint_text
from vcpuid.answers.lint_host import first_map, host_of
from vcpuid.errors import UsageError
from vcpuid.render.lint import lint_document
from vcpuid.rules.libvirt.choice import choose_map
from vcpuid.web.form import Form
from vcpuid.web.form_view import Answered, Field, FormView
from vcpuid.web.hosts import HOST, evidence_of

_LONGEST_TEXT = 1 << 20  # nova.conf with all its comments has half of that
_MOST_FINDINGS = 1000
_COMMAND = "`vcpuid lint FILE` lints it all."


def _answer(form: Form) -> Answered:
    part = form.first("text", "file")
    if part is None:
        raise UsageError("nothing to lint", expected="a domain XML, a CPU map, a nova.conf or a -cpu string")
    if len(part.content) > _LONGEST_TEXT:
        raise UsageError(
            "too large for the explorer",
            source=part.source,
            found=f"{len(part.content)} bytes",
            expected=f"at most {_LONGEST_TEXT}",
            next_step=_COMMAND,
        )
    hosts = tuple(host_of(evidence_of(host)) for host in form.of("host"))
    basis = Basis(choose_map(None, first_map(hosts)), hosts, choose_qemu(form.text("qemu") or None, hosts))
    file = lint_text(Text(part.content, part.source), basis)
    if len(file.findings) > _MOST_FINDINGS:
        raise UsageError(
            "too many findings for the explorer",
            source=part.source,
            found=str(len(file.findings)),
            expected=f"at most {_MOST_FINDINGS}",
            next_step=_COMMAND,
        )
    text = part.content.decode(errors="replace")
    return Answered(lint_document(LintReport((file,), (), basis)), {"text": text})


VIEW: Final = FormView(
    "The faults of a configuration",
    _answer,
    path="/lint",
    schema="lint",
    template="lint",
    fields=(
        Field(
            "text",
            "A domain XML or <cpu>, a file of libvirt's CPU map, a nova.conf, or a -cpu string.",
            "Haswell,+sgx1,-avx2,avx2=on",
        ),
        Field("file", "The same as a file.", is_file=True),
        HOST._replace(description="Snapshots of the hosts on which it is to serve.", is_repeated=True),
        Field("qemu", "The version of QEMU by whose tables -cpu is judged."),
    ),
)
