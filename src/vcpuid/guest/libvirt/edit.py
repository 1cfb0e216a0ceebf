"""Putting a CPU, or EPC memory, into a domain XML that somebody wrote: only what differs is written anew.

What we do not know (attributes, elements, comments, other namespaces) and how the text was written stay as they
were, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from vcpuid.errors import InputError
from vcpuid.guest.libvirt.domain import DomainDefinition, parse_domain
from vcpuid.guest.libvirt.elements import (
    Element,
    cpu_element,
    epc_element,
    escape,
    max_memory_element,
    render_attributes,
    render_element,
)
from vcpuid.guest.libvirt.spans import Edit, Node, Span, SpannedText
from vcpuid.terms.epc import EpcSection
from vcpuid.terms.guest import GuestCpu

# Elements of which there may be several; of any other a second one is a fault.
_LISTS = frozenset(("feature", "cell", "memory"))
# The elements before which libvirt writes these, so that a new one comes to its usual place.
_FOLLOWERS = {
    "cpu": (
        "clock",
        "on_poweroff",
        "on_reboot",
        "on_crash",
        "on_lockfailure",
        "pm",
        "perf",
        "devices",
        "seclabel",
    ),
    "maxMemory": ("memory", "currentMemory", "memoryBacking", "vcpu", "iothreads", "numatune", "os", "cpu"),
}
_INDENT = "  "


def set_cpu(text: str, cpu: GuestCpu, source: str) -> str:
    """Put a CPU into a domain's XML, or in the place of a bare <cpu>.

    Raises:
        InputError: The text is no domain's XML, or has twice what may stand in it once.
        UsageError: A name in the CPU has a character that no XML can hold.
    """
    definition = parse_domain(text, source)
    old, new = cpu_element(definition.cpu), cpu_element(cpu)
    if old == new:
        return text
    document = SpannedText(text, source)
    editor = _Editor(document, source)
    node = editor.only(document.root, "cpu") if definition.is_whole else document.root
    if node is None:
        return document.apply(editor.insert(document.root, [new], _FOLLOWERS["cpu"]))
    if "mode" not in node.attributes:
        # The model, or its absence, told the mode: it may not do so any longer.
        old = replace(old, attributes={name: text for name, text in old.attributes.items() if name != "mode"})
    return document.apply(editor.change(node, old, new))


def set_epc(text: str, sections: Sequence[EpcSection], source: str) -> str:
    """Put memory devices of model sgx-epc into a domain's XML, in the place of those that it has.

    Where there is no <maxMemory>, which libvirt 9.0 wants for them, it is written: the memory that the guest
    starts with and these sections, a slot for each. The NUMA cell that it wants too is the CPU's.

    Raises:
        InputError: The text is no domain's XML, or says nothing of <memory> or <devices>.
        UsageError: A text in a section has a character that no XML can hold.
    """
    definition = parse_domain(text, source)
    old = tuple(epc_element(section) for section in definition.epc)
    new = tuple(epc_element(section) for section in sections)
    if old == new:
        return text
    document = SpannedText(text, source)
    editor = _Editor(document, source)
    devices = editor.only(document.root, "devices")
    if devices is None or definition.memory_bytes is None:
        raise InputError(
            "no <devices> or <memory> to add EPC to",
            source=source,
            expected="a whole domain XML, as `virsh dumpxml --inactive NAME` prints it",
        )

    def edits() -> Iterator[Edit]:
        nodes = [node for node in devices.find_all("memory") if document.is_marked(node, "model", "sgx-epc")]
        if nodes:
            yield from editor.change_list(nodes, old, new)
        else:
            yield from editor.insert(devices, new, ())
        if new and definition.max_memory is None:
            yield from editor.insert(document.root, [_max_memory(definition, sections)], _FOLLOWERS["maxMemory"])

    return document.apply(edits())


def _max_memory(definition: DomainDefinition, sections: Sequence[EpcSection]) -> Element:
    # The guest's <memory> holds the sections that it has already.
    added = sum(section.size_bytes for section in sections) - sum(old.size_bytes for old in definition.epc)
    return max_memory_element((definition.memory_bytes or 0) + max(added, 0), len(sections))


class _Editor:
    """Makes the edits that turn one element into another."""

    def __init__(self, document: SpannedText, source: str) -> None:
        self._document = document
        self._source = source

    def only(self, parent: Node, tag: str) -> Node | None:
        """Give the only child of a tag, or None.

        Raises:
            InputError: There are several.
        """
        nodes = parent.find_all(tag)
        if len(nodes) > 1:
            raise InputError(
                f"<{tag}> stands more than once",
                source=self._source,
                line=self._document.line_of(nodes[1].start),
                next_step="Only one of them counts: remove the other.",
            )
        return nodes[0] if nodes else None

    def change(self, node: Node, old: Element, new: Element) -> Iterator[Edit]:
        """Give the edits where two forms of an element differ; what neither has is let alone."""
        yield from self._change_attributes(node, old, new)
        if old.text != new.text:
            yield self._change_text(node, new)
        yield from self._change_children(node, old, new)

    def _change_attributes(self, node: Node, old: Element, new: Element) -> Iterator[Edit]:
        has_changed = old.attributes != new.attributes or old.text != new.text
        for name in dict.fromkeys((*old.attributes, *new.attributes)):
            value = new.attributes.get(name)
            # A number means nothing without its unit.
            if value == old.attributes.get(name) and not (name == "unit" and has_changed):
                continue
            spans = node.attributes.get(name)
            if value is None:
                if spans is not None:
                    yield Edit(spans[0], "")
            elif spans is None:
                yield Edit(Span(node.tag_end.start, node.tag_end.start), render_attributes({name: value}))
            else:
                yield Edit(spans[1], escape(value))

    def _change_text(self, node: Node, new: Element) -> Edit:
        text = escape(new.text or "")
        if node.is_empty:
            return Edit(node.tag_end, f">{text}</{new.tag}>")
        return Edit(Span(node.tag_end.end, node.content_end), text)

    def _change_children(self, node: Node, old: Element, new: Element) -> Iterator[Edit]:
        if node.is_empty:
            yield from self.insert(node, new.children, ())
            return
        order = [*dict.fromkeys(child.tag for child in new.children)]
        for tag in dict.fromkeys(child.tag for child in (*old.children, *new.children)):
            before, after = ([child for child in element.children if child.tag == tag] for element in (old, new))
            if before == after:
                continue
            nodes = node.find_all(tag) if tag in _LISTS else [*filter(None, (self.only(node, tag),))]
            if not nodes:
                yield from self.insert(node, after, order[order.index(tag) + 1 :])
            elif tag in _LISTS:
                yield from self.change_list(nodes, before, after)
            elif after:
                yield from self.change(nodes[0], before[0] if before else Element(tag), after[0])
            else:
                yield self._remove(nodes[0])

    def change_list(self, nodes: Sequence[Node], old: Sequence[Element], new: Sequence[Element]) -> Iterator[Edit]:
        """Give the edits that turn the children of one tag, at least one, into others, the order included."""
        matcher = SequenceMatcher(None, [item.key for item in old], [item.key for item in new], autojunk=False)
        for kind, start, end, new_start, new_end in matcher.get_opcodes():
            if kind == "equal":
                for node, before, after in zip(
                    nodes[start:end], old[start:end], new[new_start:new_end], strict=True
                ):
                    yield from self.change(node, before, after)
            else:
                for element in new[new_start:new_end]:
                    yield self._beside(nodes, start, element)
                for node in nodes[start:end]:
                    yield self._remove(node)

    def _remove(self, node: Node) -> Edit:
        return Edit(Span(self._document.blank_before(node.start).start, node.end), "")

    def _beside(self, nodes: Sequence[Node], position: int, element: Element) -> Edit:
        """Insert an element before the node at a position, or behind the last one."""
        node = nodes[min(position, len(nodes) - 1)]
        # Before the node's blanks: a comment on the line of the node before stays there.
        place = self._document.blank_before(node.start).start if position < len(nodes) else node.end
        return Edit(Span(place, place), self._render(element, self._blank_before(node)))

    def insert(self, parent: Node, elements: Sequence[Element], followers: Sequence[str]) -> Iterator[Edit]:
        """Give the edit that inserts children before the first one of these tags, else behind all of them."""
        following = next((child for child in parent.children if child.tag in followers), None)
        if not elements:
            return
        if following is not None:
            place = self._document.blank_before(following.start).start
            blank = self._blank_before(following)
        elif parent.children:
            place, blank = parent.children[-1].end, self._blank_before(parent.children[-1])
        else:
            blank = self._separator(parent) and self._separator(parent) + _INDENT
            place = self._document.blank_before(parent.content_end).start
        inside = "".join(self._render(element, blank) for element in elements)
        if parent.is_empty:
            end = f"{self._separator(parent)}</{self._document.name_of(parent)}>"
            yield Edit(parent.tag_end, f">{inside}{end}")
        elif self._document.raw[place : parent.content_end + 1] == b"<" and not parent.children:
            yield Edit(Span(place, place), f"{inside}{self._separator(parent)}")
        else:
            yield Edit(Span(place, place), inside)

    def _blank_before(self, node: Node) -> str:
        """Give what parts an element from the one before it: a line's end and the indent, or blanks."""
        blank = self._document.text_of(self._document.blank_before(node.start))
        return f"{self._document.newline}{blank.rpartition(chr(10))[2]}" if "\n" in blank else blank

    def _separator(self, parent: Node) -> str:
        """Give what stands before an element's end tag; nothing where the text has all on one line."""
        if parent is self._document.root:
            return self._document.newline if b"\n" in self._document.raw else ""
        blank = self._blank_before(parent)
        return blank if "\n" in blank else ""

    def _render(self, element: Element, blank: str) -> str:
        newline = self._document.newline if "\n" in blank else None
        return f"{blank}{render_element(element, newline=newline, indent=blank.rpartition(chr(10))[2])}"
