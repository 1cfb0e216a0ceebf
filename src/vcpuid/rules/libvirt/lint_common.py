"""What all parts of the map's linter share: its rules, places, and the checks of names and attributes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from vcpuid.rules.lint import LintRule, load_rules, near
from vcpuid.terms.finding import Finding
from vcpuid.terms.place import Place

RULES = str(Path(__file__).parent / "tables" / "map_rules.toml")
Seen = dict[str, Place]


def rule(name: str) -> LintRule:
    """Give a rule of the map by its row."""
    return load_rules(RULES, "map")[name]


def line_of(element: etree._Element, source: str) -> Place:
    """Give the place of an element."""
    return Place(source, element.sourceline)


def attribute_faults(element: etree._Element, known: tuple[str, ...], source: str) -> Iterator[Finding]:
    """Find the attributes that libvirt does not know."""
    for attribute in map(str, element.attrib):
        if attribute not in known:
            yield rule("unknown-attribute").finding(
                line_of(element, source),
                attribute,
                ", ".join(known) or "none",
                attribute=attribute,
                tag=element.tag,
                near=near(attribute.lower(), [name for name in known if name not in element.attrib]),
            )


def child_faults(
    element: etree._Element, known: tuple[str, ...], single: tuple[str, ...], source: str
) -> Iterator[Finding]:
    """Find children that libvirt does not know, and second ones of those that it takes one of."""
    met: set[str] = set()
    for child in element.iterchildren(etree.Element):
        tag = str(child.tag)
        fields = {"tag": tag, "parent": str(element.tag)}
        if tag not in known:
            yield rule("unknown-element").finding(
                line_of(child, source), f"<{tag}>", ", ".join(known), near=near(tag, known), **fields
            )
        elif tag in single and tag in met:
            yield rule("element-twice").finding(line_of(child, source), **fields)
        met.add(tag)


def lint_name(element: etree._Element, place: Place, seen: Seen, theirs: str) -> Iterator[Finding]:
    """Check that an element has a name of its own, and remember it.

    Args:
        element: A feature, model or vendor.
        place: Where it stands.
        seen: The names of its kind so far.
        theirs: libvirt's message for a name that is there already.
    """
    name, tag = element.get("name"), str(element.tag)
    if name is None:
        yield rule("no-name").finding(place, tag=tag)
        return
    if not name:
        yield rule("empty-name").finding(place, tag=tag)
    # A vendor's name may have blanks within: "Zhaoxin CentaurHauls" in libvirt 12.8.
    right = name.strip() if tag == "vendor" else "".join(name.split())
    if right != name:
        yield rule("name-with-blanks").finding(place, repr(name), repr(right), name=right, tag=tag)
    if name in seen:
        yield rule("duplicate-name").finding(place, name, tag=tag, name=name, first=seen[name], theirs=theirs)
    seen.setdefault(name, place)
