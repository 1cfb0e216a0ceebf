"""The answer of `audit` as text and as a JSON document."""

from __future__ import annotations

from dataclasses import replace

from vcpuid.answers.audit import Audit, AuditedGuest, worst
from vcpuid.render.cpus import plural
from vcpuid.render.document import Document
from vcpuid.render.findings import add_finding, count_findings, finding_document, join_findings
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.parties import cpu_document, names_in_short
from vcpuid.terms.finding import Severity
from vcpuid.terms.guest import CpuMode, GuestCpu
from vcpuid.terms.place import Place

_ROLES = {Severity.ERROR: Role.BAD, Severity.WARNING: Role.UNSURE, Severity.NOTE: Role.DIM, None: Role.GOOD}
_WORDS = {None: "fine", Severity.NOTE: "fine", Severity.WARNING: "warning", Severity.ERROR: "wrong CPU"}
_LONGEST = 60
_DEFAULT = "(QEMU's default)"


def render_audit(answer: Audit) -> Page:
    """Show a row for each guest, then what is wrong, then what could not be seen."""
    page = Page()
    running = sum(guest.pid is not None for guest in answer.guests)
    page.add(Span(f"{answer.host}: ", Role.STRONG), f"{plural(len(answer.guests), 'guest')}, {running} running")
    if answer.guests:
        width = max(5, *(len(guest.name) for guest in answer.guests))
        page.add(Span(f"  {'guest':<{width}}  {'pid':>7}  {'accel':<5}  {'state':<9}  CPU", Role.DIM))
        for guest in answer.guests:
            _add_row(page, guest, width)
    findings = answer.findings
    for finding, places in join_findings(findings):
        page.add("")
        names = names_in_short([place.source for place in places])
        add_finding(page, replace(finding, place=Place(names)))
    if findings:
        page.add("")
        page.add(count_findings(findings))
    for gap in answer.gaps:
        page.add(Span(f"not seen: {gap}", Role.UNSURE), hang=2)
    return page


def _add_row(page: Page, guest: AuditedGuest, width: int) -> None:
    severity = worst(guest.findings)
    accelerator = guest.accelerator.value if guest.accelerator else "?"
    cpu = guest.given if guest.given is not None else definition_in_short(guest.asked)
    if guest.pid is not None and guest.given is None and guest.asked is None:
        cpu = _DEFAULT
    page.add(
        f"  {guest.name:<{width}}  {guest.pid or '-':>7}  {accelerator:<5}  ",
        Span(f"{_WORDS[severity]:<9}", _ROLES[severity]),
        f"  {cpu if len(cpu) <= _LONGEST else f'{cpu[: _LONGEST - 1]}…'}",
    )


def definition_in_short(cpu: GuestCpu | None) -> str:
    """Give what a definition asks for in a few words."""
    if cpu is None:
        return "?"
    if cpu.mode is CpuMode.DEFAULT:
        return _DEFAULT
    more = sum(request.policy.asks for request in cpu.requests)
    less = len(cpu.requests) - more
    parts = [cpu.model or cpu.mode.value, f"+{more}" * bool(more), f"-{less}" * bool(less)]
    return " ".join(filter(None, parts))


def audit_document(answer: Audit) -> Document:
    """Give the answer of `audit`."""
    return {
        "schema": "vcpuid-audit/1",
        "host": answer.host,
        "taken_at": answer.taken_at or None,
        "peers": list(answer.peers),
        "guests": [_guest_document(guest) for guest in answer.guests],
        "gaps": list(answer.gaps),
    }


def _guest_document(guest: AuditedGuest) -> Document:
    return {
        "name": guest.name,
        "pid": guest.pid,
        "is_domain": guest.is_domain,
        "accelerator": guest.accelerator.value if guest.accelerator else None,
        "machine": guest.machine,
        "asked": cpu_document(guest.asked) if guest.asked else None,
        "given": guest.given,
        "replaced": list(guest.replaced),
        "dropped": list(guest.dropped),
        "reported_by": guest.reported_by,
        "predicted_by": guest.predicted_by,
        "epc_bytes": guest.epc_bytes,
        "findings": [finding_document(finding) for finding in guest.findings],
    }
