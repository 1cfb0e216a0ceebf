"""Linting a nova.conf, or several files that nova-compute reads together."""

from __future__ import annotations

from vcpuid.rules.nova.lint import flags, form, options
from vcpuid.rules.nova.lint.subject import Subject
from vcpuid.terms.finding import Finding

# Each gives the findings of one subject.
_LINTERS = (form.lint, options.lint, flags.lint)


def lint_conf(subject: Subject) -> tuple[Finding, ...]:
    """Give the findings of a configuration, file by file in the order of their lines."""
    order = {file.source: number for number, file in enumerate(subject.files)}
    findings = [finding for lint in _LINTERS for finding in lint(subject)]
    return tuple(
        sorted(findings, key=lambda finding: (order.get(finding.place.source, 0), finding.place.line or 0))
    )
