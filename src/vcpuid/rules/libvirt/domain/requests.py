"""What is asked of features: policies that bite, contradictions, what the model or its vendor has to say."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from vcpuid.atlas import Atlas
from vcpuid.atlas.tables import load_table
from vcpuid.rules.libvirt.domain.subject import Subject, refuses_forbidden, rule
from vcpuid.rules.libvirt.shipped import TABLES
from vcpuid.terms.feature import Dialect
from vcpuid.terms.finding import Finding
from vcpuid.terms.guest import CpuMode, FeatureRequest, Policy
from vcpuid.terms.place import Place

_TCG_VERSION = "7.2"  # as the table of what TCG lacks says
_NOTED = {Policy.FORCE: "policy-force", Policy.FORBID: "policy-forbid", Policy.OPTIONAL: "policy-optional"}


def lint(subject: Subject) -> Iterator[Finding]:
    """Give the findings of features that the map knows."""
    if subject.cpu.is_host:
        return
    yield from _lint_repeats(subject)
    yield from _lint_unwritten(subject)
    for request in subject.cpu.requests:
        if request.name in subject.cpu_map.features:
            yield from _lint_policy(request, subject)
            yield from _lint_contents(request, subject)
            yield from _lint_vendor(request, subject)
            yield from _lint_tcg(request, subject)


def _lint_repeats(subject: Subject) -> Iterator[Finding]:
    first: dict[str, FeatureRequest] = {}
    for request in subject.cpu.requests:
        earlier = first.setdefault(request.name, request)
        if earlier is not request and request.name:
            yield rule("feature-twice").finding(
                request.place,
                name=request.name,
                policies=f"{earlier.policy.value} and {request.policy.value}",
                first=earlier.place.line or 1,
            )


def _lint_unwritten(subject: Subject) -> Iterator[Finding]:
    for element in () if subject.element is None else subject.element.iterfind("feature"):
        name = element.get("name")
        if element.get("policy") is None and name:
            yield rule("feature-without-policy").finding(Place(subject.source, element.sourceline), name=name)


def _lint_policy(request: FeatureRequest, subject: Subject) -> Iterator[Finding]:
    # Where nothing is compared before the start, libvirt makes on or off of every policy.
    is_noted = subject.is_compared or (request.policy is Policy.FORBID and refuses_forbidden(subject.definition))
    if is_noted and request.policy in _NOTED:
        yield rule(_NOTED[request.policy]).finding(request.place, request.policy.value, name=request.name)
    if request.policy.asks and not subject.cpu_map.features[request.name].migratable:
        yield rule("not-migratable").finding(request.place, name=request.name)


def _lint_contents(request: FeatureRequest, subject: Subject) -> Iterator[Finding]:
    model = subject.cpu.model
    if model is None or subject.cpu.mode is not CpuMode.CUSTOM or model not in subject.cpu_map.models:
        return
    if request.policy is Policy.REQUIRE and request.name in subject.contents:
        yield rule("feature-in-model").finding(request.place, model=model, name=request.name)
    if request.policy.asks and request.name in subject.cpu_map.models[model].removed:
        yield rule("requires-removed").finding(request.place, model=model, name=request.name)


def _lint_vendor(request: FeatureRequest, subject: Subject) -> Iterator[Finding]:
    feature = Atlas.load().named(Dialect.LIBVIRT, request.name)
    vendor = subject.vendor
    if feature is None or vendor is None or not feature.vendors or not request.policy.asks:
        return
    if feature.vendors & set(vendor.lower().split()) or _is_in_model_of(vendor, request.name, subject):
        return
    yield rule("feature-of-another-vendor").finding(
        request.place,
        name=request.name,
        vendors=" and ".join(sorted(feature.vendors)),
        model=subject.cpu.model,
        vendor=vendor,
    )


def _is_in_model_of(vendor: str, name: str, subject: Subject) -> bool:
    """Tell whether some model of a vendor has a feature: then its CPUs have it, whatever the manuals call it."""
    models = subject.cpu_map.models
    return any(
        model.vendor == vendor and name in (subject.cpu_map.model_features(model.name) or ())
        for model in models.values()
    )


def _lint_tcg(request: FeatureRequest, subject: Subject) -> Iterator[Finding]:
    if not subject.is_tcg or not request.policy.asks:
        return
    if request.name in _tcg_lacks():
        yield rule("tcg-lacks").finding(request.place, name=request.name, version=_TCG_VERSION)


@cache
def _tcg_lacks() -> frozenset[str]:
    return frozenset(row["name"] for row in load_table("tcg", TABLES))
