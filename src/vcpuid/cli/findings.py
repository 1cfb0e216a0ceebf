"""The exit status of commands that give findings."""

from __future__ import annotations

from collections.abc import Iterable

from vcpuid.terms.finding import Finding, Severity


def findings_status(findings: Iterable[Finding], *, strict: bool = False) -> int:
    """Give a linter's exit status: 1 where there is an error, and if `strict` also for a warning."""
    counts = (Severity.ERROR, Severity.WARNING) if strict else (Severity.ERROR,)
    return int(any(finding.severity in counts for finding in findings))
