"""A <cpu> and its neighbours as libvirt itself would write them: tags, attributes and children in its order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from vcpuid.errors import UsageError
from vcpuid.guest.libvirt.cpu import TOPOLOGY_LEVELS
from vcpuid.terms.epc import EpcSection
from vcpuid.terms.guest import AddressBits, CacheMode, CpuMode, GuestCpu, Match, NumaCell, Topology

_INDENT = "  "
_KIB = 1024
# The characters that XML 1.0 has no form for, escaped or not ("Extensible Markup Language", 2.2).
_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = {ord(letter): f"&#{ord(letter)};" for letter in "\t\n\r"} | {
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord("'"): "&apos;",
    ord('"'): "&quot;",
}


@dataclass(frozen=True, slots=True)
class Element:
    """An element as it is to be written.

    Attributes:
        tag: Its tag.
        attributes: Its attributes in libvirt's order.
        text: Its text, where it has any; such an element has no children.
        children: Its children in libvirt's order.
        key: What tells it from others of its tag: a feature's name; empty where there is only one, or the
            position counts.
    """

    tag: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    children: tuple[Element, ...] = ()
    key: str = ""

    @property
    def is_bare(self) -> bool:
        """Whether there is nothing in it but its tag."""
        return not (self.attributes or self.text or self.children)


def render_cpu(cpu: GuestCpu) -> str:
    """Write a <cpu> element as libvirt does, without a line's end.

    Raises:
        UsageError: A name in it has a character that no XML can hold.
    """
    return render_element(cpu_element(cpu))


def render_element(element: Element, *, newline: str | None = "\n", indent: str = "") -> str:
    """Write an element; `indent` stands before each line but the first, `newline` None puts all on one line.

    Raises:
        UsageError: A text in it has a character that no XML can hold.
    """
    start = f"<{element.tag}{render_attributes(element.attributes)}"
    if element.children:
        inner = indent + _INDENT
        separator = "" if newline is None else newline
        lines = [
            f"{separator}{inner if separator else ''}{render_element(child, newline=newline, indent=inner)}"
            for child in element.children
        ]
        return f"{start}>{''.join(lines)}{separator}{indent if separator else ''}</{element.tag}>"
    if element.text is not None:
        return f"{start}>{escape(element.text)}</{element.tag}>"
    return f"{start}/>"


def render_attributes(attributes: Mapping[str, str]) -> str:
    """Write attributes, a blank before each."""
    return "".join(f" {name}='{escape(text)}'" for name, text in attributes.items())


def escape(text: str) -> str:
    """Write a text so that XML gives back exactly it.

    Raises:
        UsageError: It has a character that no XML can hold.
    """
    if bad := _NOT_IN_XML.search(text):
        raise UsageError(
            "a character that no XML can hold",
            found=repr(text[:80]),
            expected=f"a text without {bad[0]!a}",
        )
    return text.translate(_ESCAPES)


def cpu_element(cpu: GuestCpu) -> Element:
    """Give a CPU, a guest's or a host's, as the element that libvirt writes for it."""
    children = (
        _text_element("arch", cpu.arch),
        _model_element(cpu),
        _text_element("vendor", cpu.vendor),
        _topology_element(cpu.topology),
        _cache_element(cpu.cache),
        _address_bits_element(cpu.address_bits),
        *_feature_elements(cpu),
        _numa_element(cpu.cells),
    )
    return Element("cpu", _cpu_attributes(cpu), None, tuple(child for child in children if child is not None))


def _cpu_attributes(cpu: GuestCpu) -> dict[str, str]:
    # A host's CPU has no mode.
    is_named = cpu.mode is not CpuMode.DEFAULT and not (cpu.is_host and cpu.model and cpu.mode is CpuMode.CUSTOM)
    # libvirt knows a match in custom mode alone; one that stands elsewhere is kept.
    is_matched = cpu.match is not Match.EXACT or (cpu.mode is CpuMode.CUSTOM and not cpu.is_host)
    return _attributes(
        mode=cpu.mode.value if is_named else None,
        match=cpu.match.value if is_matched else None,
        check=None if cpu.check is None else cpu.check.value,
        migratable=_on_off(cpu.migratable),
    )


def _model_element(cpu: GuestCpu) -> Element | None:
    fallback = None if cpu.fallback is None else "allow" if cpu.fallback else "forbid"
    model = Element("model", _attributes(fallback=fallback, vendor_id=cpu.vendor_id), cpu.model)
    return None if model.is_bare else model


def _text_element(tag: str, text: str | None) -> Element | None:
    return None if text is None else Element(tag, {}, text)


def _topology_element(topology: Topology | None) -> Element | None:
    if topology is None:
        return None
    counts: dict[str, int] = {name: getattr(topology, name) for name in TOPOLOGY_LEVELS}
    if counts["clusters"] == 1:
        del counts["clusters"]  # libvirt before 10.1 refuses the attribute
    return Element("topology", _attributes(**counts))


def _cache_element(cache: CacheMode | None) -> Element | None:
    return None if cache is None else Element("cache", _attributes(level=cache.level, mode=cache.mode))


def _address_bits_element(bits: AddressBits | None) -> Element | None:
    if bits is None:
        return None
    return Element("maxphysaddr", _attributes(mode=bits.mode, bits=bits.bits, limit=bits.limit))


def _feature_elements(cpu: GuestCpu) -> Iterator[Element]:
    for request in cpu.requests:
        policy = None if cpu.is_host and request.policy.value == "require" else request.policy.value
        yield Element("feature", _attributes(policy=policy, name=request.name), key=request.name)


def _numa_element(cells: Iterable[NumaCell]) -> Element | None:
    children = tuple(_cell_element(cell) for cell in cells)
    return Element("numa", {}, None, children) if children else None


def _cell_element(cell: NumaCell) -> Element:
    memory, unit = _size(cell.memory_bytes)
    return Element("cell", _attributes(id=cell.number, cpus=cell.cpus, memory=memory, unit=unit))


def epc_element(section: EpcSection) -> Element:
    """Give a section of EPC as the memory device that libvirt writes for it."""
    size, unit = _size(section.size_bytes)
    node = None if section.guest_node is None else str(section.guest_node)
    target = (Element("size", {"unit": unit}, size), _text_element("node", node))
    nodes = _text_element("nodemask", section.host_nodes)
    source = None if nodes is None else Element("source", {}, None, (nodes,))
    children = (source, Element("target", {}, None, tuple(child for child in target if child is not None)))
    return Element("memory", {"model": "sgx-epc"}, None, tuple(child for child in children if child is not None))


def max_memory_element(size_bytes: int, slots: int) -> Element:
    """Give the <maxMemory> of a domain."""
    size, unit = _size(size_bytes)
    return Element("maxMemory", {"slots": str(slots), "unit": unit}, size)


def _size(size_bytes: int) -> tuple[str, str]:
    if size_bytes % _KIB:
        return str(size_bytes), "bytes"
    return str(size_bytes // _KIB), "KiB"


def _on_off(choice: bool | None) -> str | None:
    return None if choice is None else "on" if choice else "off"


def _attributes(**attributes: str | int | None) -> dict[str, str]:
    return {name: str(value) for name, value in attributes.items() if value is not None}
