"""The answer of `lint` as text and as a JSON document."""

from __future__ import annotations

from vcpuid.answers.lint import LintReport
from vcpuid.render.document import Document, error_document
from vcpuid.render.findings import findings_document, render_findings
from vcpuid.render.page import Page, Role, Span


def render_lint(report: LintReport) -> Page:
    """Show every finding, how many there are, and what names were judged by; nothing where no file was read."""
    if not report.files:
        return Page()
    page = render_findings(report.findings)
    page.add(
        Span(f"linted: {', '.join(f'{file.source} ({file.kind})' for file in report.files)}", Role.DIM), hang=2
    )
    judges = [report.basis.cpu_map.title] if any(file.by_map for file in report.files) else []
    judges += [report.basis.title_of_qemu] if any(file.by_qemu for file in report.files) else []
    if judges:
        page.add(Span(f"names by {', and by '.join(judges)}", Role.DIM), hang=2)
    return page


def lint_document(report: LintReport) -> Document:
    """Give the answer of `lint`."""
    cpu_map = report.basis.cpu_map
    return {
        **findings_document(report.findings),
        "files": [
            {"source": file.source, "kind": file.kind, "by_map": file.by_map, "by_qemu": file.by_qemu}
            for file in report.files
        ],
        "unread": [error_document(error) for error in report.unread],
        "map": {"source": cpu_map.source, "version": cpu_map.version or None},
        "qemu": report.basis.title_of_qemu,
        "hosts": [{"name": host.name, "snapshot": host.snapshot} for host in report.basis.hosts],
    }
