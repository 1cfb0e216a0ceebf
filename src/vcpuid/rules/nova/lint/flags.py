"""cpu_model_extra_flags: names that libvirt does not know, signs, and the traits that come of them."""

from __future__ import annotations

from collections.abc import Iterator

from vcpuid.atlas import Atlas
from vcpuid.guest.nova import Item, NovaConfig, read_flags
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.libvirt.unknown_names import Kind, explain_unknown
from vcpuid.rules.nova.lint.subject import Subject, rule
from vcpuid.rules.nova.traits import flags_by_trait
from vcpuid.terms.feature import Dialect
from vcpuid.terms.finding import Finding
from vcpuid.terms.guest import FeatureRequest, Policy

_SIGNS = "+-"
_MOST_SUGGESTIONS = 100  # they cost the most
_SGX = ("sgx", "sgxlc", "sgx1", "sgx2")


def lint(subject: Subject) -> Iterator[Finding]:
    """Give the findings of the flags."""
    config = subject.config
    if config is None or not config.flags:
        return
    if not subject.gives_flags:
        if config.mode == "none" and config.accelerator is not None:
            yield rule("flags-dropped").finding(config.flags[0].place)
        elif config.mode in (None, "none"):
            yield rule("no-choice").finding(config.flags[0].place, virt_type=config.virt_type)
        return
    yield from _lint_writing(subject, config)
    yield from _lint_twice(config)
    for request in config.requests:
        if request.name in subject.cpu_map.features:
            yield from _lint_known(subject, config, request)
    yield from _lint_sgx(config)


def _when(subject: Subject, name: str) -> str:
    """Say when a name that libvirt does not know comes to light."""
    if subject.compares_at_start:
        return f'At the start: nova-compute ends: "internal error: Unknown CPU feature {name}".'
    return (
        "When a guest is spawned: Nova checked nothing at its start, and libvirt refuses every guest: "
        f'"unknown CPU feature: {name}".'
    )


def _lint_writing(subject: Subject, config: NovaConfig) -> Iterator[Finding]:
    unknown = 0
    for item, request in zip(config.flags, read_flags(config.flags), strict=True):
        name = request.name
        if not name:
            when = (
                'At the start: nova-compute ends: "XML error: Invalid CPU feature name".'
                if subject.compares_at_start
                else 'When a guest is spawned: libvirt refuses every guest: "Invalid CPU feature name".'
            )
            yield rule("empty-flag").finding(item.place, repr(item.text), when=when)
            continue
        if len(words := item.text.split()) > 1:
            yield rule("flags-without-comma").finding(
                item.place, repr(item.text), ", ".join(words), when=_when(subject, name), right=", ".join(words)
            )
            continue
        if item.text[1:2] in tuple(_SIGNS) and item.text[0] in _SIGNS:
            yield _signs(item, request)
        if name not in subject.cpu_map.features and name.lstrip(_SIGNS) == name:
            unknown += 1
            yield _unknown(subject, request, item, is_suggesting=unknown <= _MOST_SUGGESTIONS)


def _signs(item: Item, request: FeatureRequest) -> Finding:
    bare = request.name.lstrip(_SIGNS)
    sign = "-" if request.policy is Policy.DISABLE else "+"
    result = f"it {'takes' if sign == '-' else 'asks for'} {request.name}{' away' if sign == '-' else ''}"
    if bare != request.name:
        result = f"it {result.removeprefix('it ')}, a name that libvirt does not know"
    right = f"+{bare} or -{bare}" if bare != request.name else f"{sign}{bare}"
    return rule("flag-signs").finding(item.place, item.text, right, text=item.text, result=result, right=right)


def _unknown(subject: Subject, request: FeatureRequest, item: Item, *, is_suggesting: bool) -> Finding:
    name, place = request.name, request.place
    sign = "-" if request.policy is Policy.DISABLE else ""
    meant = explain_unknown(name, subject.cpu_map, is_suggesting=is_suggesting)
    if meant.kind is Kind.UNKNOWN:  # Nova takes it in lower case, which is no help to find whose name it is
        written = explain_unknown(item.text.lstrip(_SIGNS), subject.cpu_map, is_suggesting=False)
        meant = meant if written.kind is Kind.UNKNOWN else written
    fields = {"name": name, "when": _when(subject, name), "sign": sign}
    if meant.kind is Kind.NEWER:
        return rule("newer-flag").finding(place, name, since=meant.since, title=subject.cpu_map.title, **fields)
    if meant.kind is Kind.ELEMENT:
        return rule("flag-is-element").finding(place, name, **fields)
    if meant.kind is Kind.NAMELESS:
        newest = shipped_map().version
        return rule("flag-unknown-to-libvirt").finding(place, name, whose=meant.whose, newest=newest, **fields)
    if meant.kind is Kind.DIALECT:
        return rule("flag-of-another-dialect").finding(
            place, name, meant.right, whose=meant.whose, right=meant.right, **fields
        )
    right = meant.right
    mend = f"Did you mean {right}?" if right else "`vcpuid explain` knows every feature by name or address."
    return rule("unknown-flag").finding(place, name, right, mend=mend, **fields)


def _lint_twice(config: NovaConfig) -> Iterator[Finding]:
    seen: set[tuple[str, Policy]] = set()
    for request in read_flags(config.flags):
        key = request.name, request.policy
        if key in seen and request.name:
            yield rule("flag-twice").finding(request.place, name=request.name)
        seen.add(key)
    for request in config.requests:
        if request.name in config.random and request.name:
            yield rule("flag-random").finding(request.place, name=request.name)


def _lint_known(subject: Subject, config: NovaConfig, request: FeatureRequest) -> Iterator[Finding]:
    """Give the findings of a name that the map has."""
    name, place = request.name, request.place
    has = {model: name in subject.contents(model) for model in subject.models}
    traits = [trait for trait, flag in flags_by_trait().items() if flag == name]
    is_random = name in config.random
    if request.policy is Policy.DISABLE and not is_random:
        if traits:
            yield rule("disabled-trait").finding(place, name=name, trait=" and ".join(sorted(traits)))
        return
    if not subject.cpu_map.features[name].migratable and config.virt_type == "kvm":
        yield rule("not-migratable").finding(place, name=name)
    if not traits:
        yield from _lint_trait(request)
    if not subject.models:
        return
    if all(has.values()) and not is_random:
        yield rule("flag-in-models").finding(place, name=name)
    elif traits and not any(has.values()):
        models = [own for own in subject.cpu_map.models if name in subject.contents(own)]
        near = [
            own for own in models if subject.vendor(own) in {subject.vendor(model) for model in subject.models}
        ]
        yield rule("trait-by-flag").finding(
            place,
            name=name,
            trait=" and ".join(sorted(traits)),
            models=", ".join((near or models)[:3]) or "no model has it",
        )
    yield from _lint_vendor(subject, request)


def _lint_vendor(subject: Subject, request: FeatureRequest) -> Iterator[Finding]:
    feature = Atlas.load().named(Dialect.LIBVIRT, request.name)
    theirs = feature.vendors if feature else frozenset()
    vendors = {model: vendor for model in subject.models if (vendor := subject.vendor(model)) is not None}
    if theirs and vendors and all(vendor.lower() not in theirs for vendor in vendors.values()):
        model, vendor = next(iter(vendors.items()))
        names = " and ".join(sorted(theirs))
        when = "When a guest is spawned: the host lacks it, and QEMU drops it with a line in its log."
        if subject.compares_at_start:
            when = "At the start: the host lacks it, and nova-compute ends."
        yield rule("flag-of-another-vendor").finding(
            request.place, name=request.name, vendors=names, model=model, vendor=vendor, when=when
        )


def _lint_trait(request: FeatureRequest) -> Iterator[Finding]:
    """Give a finding for a trait that means this feature and that Nova never sets, where people count on it."""
    name = request.name
    feature = Atlas.load().named(Dialect.LIBVIRT, name)
    for trait in sorted(feature.spellings(Dialect.TRAIT)) if feature else ():
        if (flag := flags_by_trait().get(trait, name)) != name:
            yield rule("trait-misnamed").finding(request.place, name=name, trait=trait, flag=flag)
        elif name in _SGX:
            yield rule("trait-never-set").finding(request.place, name=name, trait=trait)


def _lint_sgx(config: NovaConfig) -> Iterator[Finding]:
    asked = [request for request in config.requests if request.name in _SGX and request.policy.asks]
    if asked:
        yield rule("sgx-without-epc").finding(asked[0].place, name=asked[0].name)
