"""Findings of a linter as text or JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from vcpuid.render.cpus import plural
from vcpuid.render.document import Document
from vcpuid.render.page import Page, Role, Span
from vcpuid.terms.finding import Finding, Severity
from vcpuid.terms.place import Place

_ROLES = {Severity.ERROR: Role.BAD, Severity.WARNING: Role.UNSURE, Severity.NOTE: Role.DIM}


def render_findings(findings: Sequence[Finding]) -> Page:
    """Write each finding with what it leads to and its mend, then how many there are."""
    page = Page()
    for finding in findings:
        add_finding(page, finding)
    page.add(count_findings(findings))
    return page


def add_finding(page: Page, finding: Finding) -> None:
    """Add one finding to a page."""
    page.add(
        Span(f"{finding.place}: ", Role.STRONG),
        Span(f"{finding.severity.value}: ", _ROLES[finding.severity]),
        finding.message,
        f" (on {finding.host})" if finding.host else "",
        Span(f"  [{finding.rule}]", Role.DIM),
        hang=2,
    )
    details = [
        f"{label} {text}" for label, text in (("found", finding.found), ("expected", finding.expected)) if text
    ]
    if details:
        page.add(f"  {', '.join(details)}", hang=4)
    page.add(f"  {finding.consequence}", hang=2)
    page.add("  Mend: ", finding.mend, hang=2)


def join_findings(findings: Iterable[Finding]) -> Iterator[tuple[Finding, tuple[Place, ...]]]:
    """Put the same finding at several places into one, with the places; worst first."""
    same: dict[tuple[int, str, str], list[Finding]] = {}
    for finding in findings:
        key = list(Severity).index(finding.severity), finding.rule, finding.message
        same.setdefault(key, []).append(finding)
    for _, found in sorted(same.items(), key=lambda group: group[0][0]):
        yield found[0], tuple(dict.fromkeys(finding.place for finding in found))


def count_findings(findings: Sequence[Finding]) -> str:
    """Say how many findings there are of each severity."""
    numbers = Counter(finding.severity for finding in findings)
    counted = [plural(numbers[severity], severity.value) for severity in Severity if numbers[severity]]
    return ", ".join(counted) or "no fault found"


def finding_document(finding: Finding) -> Document:
    """Give one finding."""
    return {
        "severity": finding.severity.value,
        "rule": finding.rule,
        "source": finding.place.source,
        "line": finding.place.line,
        "message": finding.message,
        "found": finding.found or None,
        "expected": finding.expected or None,
        "consequence": finding.consequence,
        "mend": finding.mend,
        "host": finding.host or None,
    }


def findings_document(findings: Sequence[Finding]) -> Document:
    """Give the answer of a linter."""
    return {"schema": "vcpuid-lint/1", "findings": [finding_document(finding) for finding in findings]}
