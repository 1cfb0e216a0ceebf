"""Linting a domain XML, or a <cpu> by itself: what will happen with it, and when."""

from __future__ import annotations

from lxml import etree

from vcpuid.errors import InputError
from vcpuid.guest.libvirt.domain import read_domain
from vcpuid.rules.libvirt.domain import commandline, elements, features, model, neighbours, requests, sgx, shape
from vcpuid.rules.libvirt.domain.subject import Subject, rule
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.terms.finding import Finding
from vcpuid.terms.place import Place

_X86 = frozenset(("x86_64", "i686"))
# Each gives the findings of one subject.
_LINTERS = (
    model.lint,
    features.lint,
    requests.lint,
    shape.lint,
    neighbours.lint,
    commandline.lint,
    sgx.lint,
)


def lint_domain(root: etree._Element, source: str, cpu_map: CpuMap) -> tuple[Finding, ...]:
    """Lint the tree of a <domain> or <cpu> by a map, in the order of its lines."""
    arch = root.find("os/type")
    if arch is not None and (name := arch.get("arch") or "x86_64") not in _X86:
        return (rule("not-x86").finding(Place(source, arch.sourceline), name, arch=name),)
    findings = list(elements.lint(root, source))
    try:
        definition = read_domain(root, source)
    except InputError as error:
        place = Place(source, error.line)
        fault = rule("bad-value").finding(place, error.found or "", error.expected or "", reason=error.message)
        findings.append(fault)
    else:
        subject = Subject(definition, root, source, cpu_map)
        for lint in _LINTERS:
            findings += lint(subject)
    return tuple(sorted(findings, key=lambda finding: finding.place.line or 0))
