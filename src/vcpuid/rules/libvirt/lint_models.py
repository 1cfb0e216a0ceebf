"""Linting the vendors and models of libvirt's CPU map."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from vcpuid.atlas import Atlas
from vcpuid.rules.libvirt.lint_common import (
    Seen,
    attribute_faults,
    child_faults,
    line_of,
    lint_name,
    rule,
)
from vcpuid.rules.libvirt.map_reader import parse_steppings
from vcpuid.rules.lint import near
from vcpuid.terms.feature import Dialect
from vcpuid.terms.finding import Finding
from vcpuid.terms.place import Place

_CHILDREN = ("check", "decode", "model", "signature", "vendor", "feature")
_SINGLE = ("check", "decode", "model", "vendor")
_ATTRIBUTES = {
    "check": ("partial",),
    "decode": ("host", "guest"),
    "model": ("name",),
    "signature": ("family", "model", "stepping"),
    "vendor": ("name",),
    "feature": ("name", "removed", "added"),
}
_LETTERS = 12
_MOST = {"family": 270, "model": 255}  # 0FH and the extended family's 8 bits; two times 4 bits
_DECIMAL = re.compile(r"[ \t]*\+?[0-9]{1,9}")


@dataclass(slots=True)
class VendorLinter:
    """Lints vendors one after the other."""

    seen: Seen = field(default_factory=dict)
    letters: dict[str, str] = field(default_factory=dict)

    def lint(self, element: etree._Element, source: str) -> Iterator[Finding]:
        """Give the findings of one `<vendor>` of the map."""
        place, name = line_of(element, source), element.get("name") or ""
        yield from attribute_faults(element, ("name", "string"), source)
        yield from lint_name(element, place, self.seen, f"CPU vendor {name} already defined")
        letters = element.get("string") or ""
        if len(letters) != _LETTERS:
            yield rule("vendor-string").finding(place, repr(letters), "twelve letters", name=name)
            return
        first = self.letters.setdefault(letters, name)
        if first != name:
            yield rule("vendor-letters-twice").finding(place, letters, name=name, other=first)


@dataclass(slots=True)
class ModelLinter:
    """Lints models one after the other, in the order of the map.

    Attributes:
        features: The features that the map has so far.
        vendors: The vendors that it has so far.
        later: Every model of the map with its place, for an ancestor that comes too late.
        is_whole: Whether all of the map could be read; else names may be in another file.
        seen: The models so far.
        missing: The features that models have and the map has not, with these models and their places.
    """

    features: Seen
    vendors: Seen
    later: Seen
    is_whole: bool
    seen: Seen = field(default_factory=dict)
    missing: dict[str, list[tuple[str, Place]]] = field(default_factory=dict)

    def finish(self) -> Iterator[Finding]:
        """Give the findings that need all models: each feature that is missing, at the first model that has it."""
        for feature, users in self.missing.items():
            name, place = users[0]
            others = f" (and {len(users) - 1} more)" if users[1:] else ""
            chosen, known = (
                ("unknown-feature", list(self.features)) if self.is_whole else ("unfamiliar-feature", _own_names())
            )
            yield rule(chosen).finding(
                place, repr(feature), name=name, others=others, feature=feature, near=near(feature, known)
            )

    def lint(self, element: etree._Element, source: str) -> Iterator[Finding]:
        """Give the findings of one `<model>` of the map; those of missing features come by `finish`."""
        place, name = line_of(element, source), element.get("name") or ""
        yield from attribute_faults(element, ("name",), source)
        yield from child_faults(element, _CHILDREN, _SINGLE, source)
        for child in element.iterchildren(*_CHILDREN):
            yield from attribute_faults(child, _ATTRIBUTES[str(child.tag)], source)
        before = dict(self.seen)
        yield from lint_name(element, place, self.seen, f"Multiple definitions of CPU model '{name}'")
        yield from _lint_decode(element, name, place, source)
        for ancestor in element.iterchildren("model"):
            yield from self._lint_ancestor(ancestor, name, before, source)
        for vendor in element.iterchildren("vendor"):
            yield from self._lint_vendor(vendor, name, source)
        for signature in element.iterchildren("signature"):
            yield from _lint_signature(signature, name, source)
        yield from self._lint_features(element, name, source)

    def _lint_ancestor(self, ancestor: etree._Element, name: str, before: Seen, source: str) -> Iterator[Finding]:
        place, its_name = line_of(ancestor, source), ancestor.get("name") or ""
        if not its_name:
            yield rule("no-name").finding(place, tag="model")
        elif its_name in before or (not self.is_whole and its_name not in self.later):
            return
        elif its_name in self.later:
            yield rule("ancestor-later").finding(place, name=name, ancestor=its_name, first=self.later[its_name])
        else:
            yield rule("unknown-ancestor").finding(
                place, its_name, name=name, ancestor=its_name, near=near(its_name, before)
            )

    def _lint_vendor(self, vendor: etree._Element, name: str, source: str) -> Iterator[Finding]:
        place, its_name = line_of(vendor, source), vendor.get("name") or ""
        if not its_name:
            yield rule("no-name").finding(place, tag="vendor")
        elif self.is_whole and its_name not in self.vendors:
            yield rule("unknown-vendor").finding(
                place,
                its_name,
                ", ".join(self.vendors),
                name=name,
                vendor=its_name,
                near=near(its_name, self.vendors),
            )

    def _lint_features(self, element: etree._Element, name: str, source: str) -> Iterator[Finding]:
        own: set[str] = set()
        for feature in element.iterchildren("feature"):
            place, its_name = line_of(feature, source), feature.get("name") or ""
            if not its_name:
                yield rule("no-name").finding(place, tag="feature")
                continue
            fields = {"name": name, "feature": its_name}
            for attribute in ("removed", "added"):
                if feature.get(attribute, "no") not in ("yes", "no"):
                    yield rule("mark-value").finding(
                        place, repr(feature.get(attribute)), "yes or no", attribute=attribute, **fields
                    )
            if its_name in own:
                yield rule("feature-twice").finding(place, **fields)
            own.add(its_name)
            is_known = its_name in self.features or (not self.is_whole and _is_libvirts(its_name))
            if not is_known:
                self.missing.setdefault(its_name, []).append((name, place))


def _is_libvirts(name: str) -> bool:
    return Atlas.load().named(Dialect.LIBVIRT, name) is not None


def _own_names() -> list[str]:
    names = (feature.names.get(Dialect.LIBVIRT, ()) for feature in Atlas.load().features())
    return [name.text for own in names for name in own]


def _lint_decode(element: etree._Element, name: str, place: Place, source: str) -> Iterator[Finding]:
    decode = element.find("decode")
    if decode is None:
        yield rule("no-decode").finding(place, "", "<decode host='on' guest='on'/>", name=name)
        return
    for attribute in ("host", "guest"):
        if decode.get(attribute) not in ("on", "off"):
            found = repr(decode.get(attribute)) if attribute in decode.attrib else f"no {attribute}"
            yield rule("decode-value").finding(
                line_of(decode, source), found, "on or off", name=name, attribute=attribute
            )


def _lint_signature(signature: etree._Element, name: str, source: str) -> Iterator[Finding]:
    place = line_of(signature, source)
    for attribute, most in _MOST.items():
        text = signature.get(attribute)
        fields = {"name": name, "attribute": attribute}
        # libvirt takes a family of 0 for none.
        if text is None or not _DECIMAL.fullmatch(text) or (attribute == "family" and not int(text)):
            found = f"no {attribute}" if text is None else repr(text[:40])
            yield rule("bad-signature").finding(place, found, "a decimal number", **fields)
        elif int(text) > most:
            yield rule("signature-range").finding(place, text, value=int(text), most=most, **fields)
    stepping = signature.get("stepping")
    if stepping is not None and parse_steppings(stepping) is None:
        yield rule("bad-stepping").finding(place, repr(stepping[:40]), "as in 0-3,5", name=name)
