"""The names of features: those that libvirt does not know, and what their writers most likely meant."""

from __future__ import annotations

from collections.abc import Iterator

from vcpuid.atlas import Atlas
from vcpuid.rules.libvirt.domain.subject import Subject, rule
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.libvirt.switches import load_switches
from vcpuid.rules.lint import nearest
from vcpuid.terms.feature import Dialect, Feature
from vcpuid.terms.finding import Finding
from vcpuid.terms.guest import FeatureRequest, Policy

_OTHERS = (Dialect.QEMU, Dialect.LINUX, Dialect.TRAIT, Dialect.MANUAL)
_WHOSE = {Dialect.QEMU: "QEMU's", Dialect.LINUX: "/proc/cpuinfo's", Dialect.TRAIT: "OpenStack's"}
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
    if bare != name and (right := _right_name(bare, subject)):
        return rule("feature-written-as-option").finding(place, name, right, right=right, **fields)
    if name in shipped_map().features:
        return _newer(request, subject)
    if (right := subject.folded_names.get("".join(name.split()).lower())) is not None:
        return rule("feature-spelling").finding(place, repr(name), right, libvirt=right, **fields)
    if (switch := load_switches().get(name) or load_switches().get(name.replace("_", "-"))) is not None:
        return rule("feature-is-element").finding(place, name, switch.element, element=switch.element, **fields)
    feature, dialect = _elsewhere(name)
    if feature is None or dialect is None:
        close = nearest(name.lower(), subject.cpu_map.features) if is_suggesting else None
        advice = f"Did you mean {close}?" if close else "`vcpuid explain` knows every feature by name or address."
        return rule("unknown-feature").finding(place, name, close or "", near=advice, **fields)
    whose = _WHOSE.get(dialect, "the manuals'")
    libvirt = _name_in_map(feature, subject)
    if libvirt is None:
        newest = shipped_map().version
        return rule("feature-unknown-to-libvirt").finding(place, name, whose=whose, newest=newest, **fields)
    return rule("feature-of-another-dialect").finding(place, name, libvirt, whose=whose, libvirt=libvirt, **fields)


def _newer(request: FeatureRequest, subject: Subject) -> Finding:
    feature = Atlas.load().named(Dialect.LIBVIRT, request.name)
    names = feature.names.get(Dialect.LIBVIRT, ()) if feature else ()
    since = next((name.since for name in names if name.text == request.name and name.since), shipped_map().version)
    return rule("newer-feature").finding(
        request.place, request.name, name=request.name, since=since.removesuffix("-"), title=subject.cpu_map.title
    )


def _without_signs(request: FeatureRequest) -> tuple[str, Policy]:
    """Take the marks of a -cpu option off a name: `+f`, `-f`, `f=on`."""
    name = request.name.strip()
    bare, separator, value = name.partition("=")
    if separator and value in _SWITCHED:
        return bare, _SWITCHED[value]
    if name[:1] in "+-":
        return name[1:], Policy.REQUIRE if name[0] == "+" else Policy.DISABLE
    return request.name, request.policy


def _right_name(name: str, subject: Subject) -> str | None:
    if name in subject.cpu_map.features:
        return name
    feature, _ = _elsewhere(name)
    return _name_in_map(feature, subject) if feature else None


def _elsewhere(name: str) -> tuple[Feature | None, Dialect | None]:
    """Give what another dialect calls so, and that dialect; QEMU takes an underscore for a dash."""
    atlas = Atlas.load()
    for spelling in dict.fromkeys((name, name.replace("_", "-"))):
        for dialect in _OTHERS:
            if (feature := atlas.named(dialect, spelling)) is not None:
                return feature, dialect
    return None, None


def _name_in_map(feature: Feature, subject: Subject) -> str | None:
    names = feature.names.get(Dialect.LIBVIRT, ())
    return next((name.text for name in names if name.text in subject.cpu_map.features), None)
