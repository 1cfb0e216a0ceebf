"""Elements and attributes of <cpu> that libvirt does not know: it drops them without a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lxml import etree

from vcpuid.rules.libvirt.domain.subject import rule
from vcpuid.rules.lint import near
from vcpuid.terms.finding import Finding
from vcpuid.terms.place import Place


class _Known(NamedTuple):
    """What libvirt knows of an element: its attributes, its children, and which of them may repeat."""

    attributes: tuple[str, ...] = ()
    children: Mapping[str, _Known] = {}
    several: tuple[str, ...] = ()


_DISTANCES = _Known((), {"sibling": _Known(("id", "value"))}, ("sibling",))
_CELL_CACHE = _Known(
    ("level", "associativity", "policy"), {"size": _Known(("value", "unit")), "line": _Known(("value", "unit"))}
)
_LATENCY = _Known(("initiator", "target", "cache", "type", "value", "unit"))
_NUMA = _Known(
    (),
    {
        "cell": _Known(
            ("id", "cpus", "memory", "unit", "memAccess", "discard"),
            {"distances": _DISTANCES, "cache": _CELL_CACHE},
            ("cache",),
        ),
        "interconnects": _Known((), {"latency": _LATENCY, "bandwidth": _LATENCY}, ("latency", "bandwidth")),
    },
    ("cell",),
)
# libvirt's documentation, "Domain XML format": CPU model and topology; deprecated_features is of libvirt 11.0.
_CPU = _Known(
    ("mode", "match", "check", "migratable", "deprecated_features"),
    {
        "arch": _Known(),
        "model": _Known(("fallback", "vendor_id")),
        "vendor": _Known(),
        "topology": _Known(("sockets", "dies", "clusters", "cores", "threads")),
        "cache": _Known(("level", "mode")),
        "maxphysaddr": _Known(("mode", "bits", "limit")),
        "feature": _Known(("policy", "name")),
        "numa": _NUMA,
    },
    ("feature",),
)


def lint(root: etree._Element, source: str) -> Iterator[Finding]:
    """Give the elements and attributes below <cpu> that nobody reads."""
    cpus = [root] if root.tag == "cpu" else root.findall("cpu")
    for cpu in cpus[1:]:
        yield rule("element-twice").finding(Place(source, cpu.sourceline), tag="cpu", parent="domain")
    for cpu in cpus[:1]:
        if cpu.find("arch") is None:  # a host's has more
            yield from _lint(cpu, _CPU, source)


def _lint(element: etree._Element, known: _Known, source: str) -> Iterator[Finding]:
    for attribute in map(str, element.attrib):
        if attribute not in known.attributes and not _is_foreign(attribute):
            yield rule("unknown-attribute").finding(
                Place(source, element.sourceline),
                attribute,
                ", ".join(known.attributes),
                tag=element.tag,
                attribute=attribute,
                near=near(attribute.lower(), known.attributes),
            )
    met: set[str] = set()
    for child in element.iterchildren(etree.Element):
        tag = str(child.tag)
        place = Place(source, child.sourceline)
        if _is_foreign(tag):
            continue
        if tag not in known.children:
            yield rule("unknown-element").finding(
                place,
                f"<{tag}>",
                ", ".join(known.children),
                tag=tag,
                parent=element.tag,
                near=near(tag.lower(), known.children),
            )
            continue
        if tag in met and tag not in known.several:
            yield rule("element-twice").finding(place, tag=tag, parent=element.tag)
        met.add(tag)
        yield from _lint(child, known.children[tag], source)


def _is_foreign(name: str) -> bool:
    """Tell whether a name is of another namespace: somebody else's, and none of libvirt's."""
    return name.startswith("{")
