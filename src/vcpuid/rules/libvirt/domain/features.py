"""The names of features: those that libvirt does not know, and what their writers most likely meant."""

from __future__ import annotations

from collections.abc import Iterator

from vcpuid.rules.libvirt.domain.subject import Subject, rule
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.libvirt.unknown_names import Kind, explain_unknown, right_name
from vcpuid.terms.finding import Finding
from vcpuid.terms.guest import FeatureRequest, Policy

_MOST_SUGGESTIONS = 100  # they cost the most, and a file with more faults is no definition
_SWITCHED = {"on": Policy.REQUIRE, "off": Policy.DISABLE}


def lint(subject: Subject) -> Iterator[Finding]:
    """Give a finding for each name that the map has not."""
    unknown = 0
    for request in subject.cpu.requests:
        if not request.name:
            yield rule("feature-without-name").finding(request.place)
        elif request.name not in subject.cpu_map.features:
            unknown += 1
            yield _judge(request, subject, is_suggesting=unknown <= _MOST_SUGGESTIONS)


def _judge(request: FeatureRequest, subject: Subject, *, is_suggesting: bool) -> Finding:
    name, place = request.name, request.place
    bare, policy = _without_signs(request)
    fields = {"name": name, "policy": policy.value}
    if bare != name and (right := right_name(bare, subject.cpu_map)):
        return rule("feature-written-as-option").finding(place, name, right, right=right, **fields)
    meant = explain_unknown(name, subject.cpu_map, is_suggesting=is_suggesting)
    if meant.kind is Kind.NEWER:
        return rule("newer-feature").finding(
            place, name, name=name, since=meant.since, title=subject.cpu_map.title
        )
    if meant.kind is Kind.SPELLING:
        return rule("feature-spelling").finding(place, repr(name), meant.right, libvirt=meant.right, **fields)
    if meant.kind is Kind.ELEMENT:
        return rule("feature-is-element").finding(place, name, meant.element, element=meant.element, **fields)
    if meant.kind is Kind.NAMELESS:
        newest = shipped_map().version
        return rule("feature-unknown-to-libvirt").finding(place, name, whose=meant.whose, newest=newest, **fields)
    if meant.kind is Kind.DIALECT:
        return rule("feature-of-another-dialect").finding(
            place, name, meant.right, whose=meant.whose, libvirt=meant.right, **fields
        )
    close = f"Did you mean {meant.right}?" if meant.right else ""
    advice = close or "`vcpuid explain` knows every feature by name or address."
    return rule("unknown-feature").finding(place, name, meant.right, near=advice, **fields)


def _without_signs(request: FeatureRequest) -> tuple[str, Policy]:
    """Take the marks of a -cpu option off a name: `+f`, `-f`, `f=on`."""
    name = request.name.strip()
    bare, separator, value = name.partition("=")
    if separator and value in _SWITCHED:
        return bare, _SWITCHED[value]
    if name[:1] in "+-":
        return name[1:], Policy.REQUIRE if name[0] == "+" else Policy.DISABLE
    return request.name, request.policy
