"""XML reduced to the elements and attributes of an allow-list, while it is parsed.

Document types and entities are refused, and size and depth are capped: domain XML is written by others.
"""

from typing import Callable, Dict, FrozenSet, List, NamedTuple, Optional
from xml.parsers import expat

from .xml_text import escape, quote

SIZE_LIMIT_BYTES = 8 * 1024 * 1024
DEPTH_LIMIT = 64


class RefusedXMLError(ValueError):
    """The text is no XML, or XML that is not read: with a document type, too large or too deep."""


class Element:
    """What may stay of an element: attributes by name, children by name, and whether its text may.

    Args:
        attributes: names separated by spaces.
        children: the elements within it that stay.
        text: whether its text stays.
        whole: everything below it stays; comments never do.
        arguments: it holds command-line arguments (`value` of each child), which pass this filter as one list.
    """

    __slots__ = ("arguments", "attributes", "children", "text", "whole")

    def __init__(
        self,
        attributes: str = "",
        children: Optional[Dict[str, "Element"]] = None,
        *,
        text: bool = False,
        whole: bool = False,
        arguments: Optional[Callable[[List[str]], List[str]]] = None,
    ) -> None:
        self.attributes: FrozenSet[str] = frozenset(attributes.split())
        self.children: Dict[str, Element] = children or {}
        self.text = text
        self.whole = whole
        self.arguments = arguments


WHOLE = Element(whole=True)


class _Open(NamedTuple):
    """An element being read: its rule (None: it is left out), its text so far, its arguments."""

    name: str
    rule: Optional[Element]
    text: List[str]
    arguments: List[str]
    at: int


class _Filter:
    def __init__(self, root: Element) -> None:
        self._stack = [_Open("", root, [], [], 0)]
        self.output: List[str] = []

    def start(self, name: str, attributes: Dict[str, str]) -> None:
        parent = self._stack[-1]
        if len(self._stack) > DEPTH_LIMIT:
            raise RefusedXMLError("elements nest deeper than %d" % DEPTH_LIMIT)
        rule = _rule_of_child(parent.rule, name)
        if parent.rule is not None and parent.rule.arguments is not None:
            if name == parent.name.partition(":")[0] + ":arg":
                parent.arguments.append(attributes.get("value", ""))
            rule = None
        if rule is not None:
            kept = "".join(
                " %s=%s" % (key, quote(value))
                for key, value in attributes.items()
                if rule.whole or key in rule.attributes
            )
            self.output.append("<%s%s>" % (name, kept))
        self._stack.append(_Open(name, rule, [], [], len(self.output)))

    def text(self, data: str) -> None:
        element = self._stack[-1]
        if element.rule is not None and (element.rule.text or element.rule.whole):
            element.text.append(data)

    def end(self, _name: str) -> None:
        element = self._stack.pop()
        rule = element.rule
        if rule is None:
            return
        if rule.arguments is not None:
            prefix = element.name.partition(":")[0]
            self.output.extend(
                "<%s:arg value=%s/>" % (prefix, quote(argument)) for argument in rule.arguments(element.arguments)
            )
        text = "".join(element.text).strip()
        if text:
            self.output.append(escape(text))
        if len(self.output) == element.at:
            self.output[-1] = self.output[-1][:-1] + "/>"
        else:
            self.output.append("</%s>" % element.name)


def _rule_of_child(rule: Optional[Element], name: str) -> Optional[Element]:
    if rule is None:
        return None
    return rule if rule.whole else rule.children.get(name)


def filter_xml(text: str, root: Element) -> str:
    """Return `text` with only what `root` (the rule of the document, whose child is its root element) keeps.

    White space between elements and comments go too. An empty result means that nothing of it may stay.

    Raises:
        RefusedXMLError: no XML, a document type or entity, larger than 8 MiB, or nested deeper than 64 elements.
    """
    if len(text) > SIZE_LIMIT_BYTES:
        raise RefusedXMLError("larger than %d bytes" % SIZE_LIMIT_BYTES)
    kept = _Filter(root)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = kept.start
    parser.EndElementHandler = kept.end
    parser.CharacterDataHandler = kept.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)  # noqa: FBT003  # positional only: no more follows
    except expat.ExpatError as error:
        raise RefusedXMLError("no well-formed XML: %s" % error) from error
    return "".join(kept.output)


def _refuse_doctype(*_details: object) -> None:
    raise RefusedXMLError("a document type (entities) is not read")
