"""Linting libvirt's CPU map: every fault with its place, what libvirt would do with it, and how to mend it.

The rules stand in `tables/map_rules.toml`. Nothing stops at the first fault: libvirt does, and most often names
neither the file nor the feature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from lxml import etree

from vcpuid.errors import InputError
from vcpuid.guest.libvirt import parse_xml
from vcpuid.rules.libvirt.lint_common import Seen, attribute_faults, child_faults, line_of, rule
from vcpuid.rules.libvirt.lint_features import FeatureLinter
from vcpuid.rules.libvirt.lint_models import ModelLinter, VendorLinter
from vcpuid.rules.libvirt.map_reader import INDEX, check_index, read_files
from vcpuid.terms.finding import Finding
from vcpuid.terms.place import Place

_ITEMS = ("vendor", "feature", "model")


def read_and_lint(path: str | Path) -> tuple[Finding, ...]:
    """Lint a map's folder, its index, one of its files, or a fragment.

    Raises:
        InputError: It cannot be read, or is no CPU map.
    """
    path = Path(path)
    if path.is_dir() or path.name == INDEX:
        folder = path if path.is_dir() else path.parent
        return lint_map(read_files(folder), str(folder))
    try:
        return lint_file(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=str(path)) from None


def lint_map(files: Mapping[str, bytes], source: str) -> tuple[Finding, ...]:
    """Lint a whole map from its files.

    Raises:
        InputError: There is no index.
    """
    check_index(files, source)
    return tuple(_lint_map(files, source))


def lint_file(text: bytes, source: str) -> tuple[Finding, ...]:
    """Lint one file of a map by itself, or a fragment: one or more features, models or vendors.

    Raises:
        InputError: It is XML of another kind.
    """
    roots, findings = _parse(text, source)
    if findings:
        roots = parse_fragment(text, source)
    if findings and not roots:
        if not any(b"<%s" % tag.encode() in text for tag in ("cpus", *_ITEMS)):
            raise _no_map(source, findings[0].place.line, findings[0].message)
        return tuple(findings)
    for root in roots:
        if root.tag not in ("cpus", *_ITEMS):
            raise _no_map(source, root.sourceline, f"<{root.tag!s}>")
    items = [(item, source) for root in roots for item in _items_of(root)]
    return (*_outer_faults(roots, source), *_lint_items(items, is_whole=False))


def _no_map(source: str, line: int | None, found: str) -> InputError:
    return InputError(
        "not a CPU map of libvirt",
        source=source,
        line=line,
        found=found,
        expected="<cpus>, or a <feature>, <model> or <vendor>",
    )


class _Walk:
    """The files of a map in the order of its index: their elements, and the faults on the way."""

    def __init__(self, files: Mapping[str, bytes], source: str) -> None:
        self.items: list[tuple[etree._Element, str]] = []
        self.findings: list[Finding] = []
        self.is_whole = True
        self.included: set[str] = set()
        self._files = files
        self._source = source

    def walk(self, arch: etree._Element, where: str) -> None:
        """Follow what the index has for x86."""
        for element in arch.iter("include", *_ITEMS):
            if element.tag == "include":
                self._include(element.get("filename") or "", line_of(element, where))
            elif element.getparent() is arch:
                self.items.append((element, where))

    def _include(self, name: str, place: Place) -> None:
        if not name:
            self.findings.append(rule("include-without-name").finding(place))
        elif name in self.included:
            self.findings.append(rule("included-twice").finding(place, name))
        elif name not in self._files:
            self.findings.append(rule("include-missing").finding(place, name))
            self.is_whole = False
        else:
            path = f"{self._source}/{name}"
            roots, findings = _parse(self._files[name], path)
            self.is_whole = self.is_whole and not findings
            self.findings += [*findings, *_outer_faults(roots, path)]
            self.items += [(item, path) for root in roots for item in _items_of(root)]
        self.included.add(name)


def _lint_map(files: Mapping[str, bytes], source: str) -> Iterator[Finding]:
    where = f"{source}/{INDEX}"
    roots, findings = _parse(files[INDEX], where)
    yield from findings
    if not roots:
        return
    arch = roots[0].find("arch[@name='x86']")
    if arch is None:
        yield rule("no-x86").finding(line_of(roots[0], where))
        return
    yield from _index_faults(arch, where)
    walk = _Walk(files, source)
    walk.walk(arch, where)
    yield from walk.findings
    yield from _lint_items(walk.items, is_whole=walk.is_whole)
    for name in sorted(files.keys() - walk.included):
        if name.startswith("x86_"):
            yield rule("not-included").finding(Place(f"{source}/{name}"), file=name)


def _index_faults(arch: etree._Element, source: str) -> Iterator[Finding]:
    yield from child_faults(arch, ("include", "group", *_ITEMS), (), source)
    for group in arch.iterchildren("group"):
        yield from attribute_faults(group, ("name",), source)
        yield from child_faults(group, ("include",), (), source)
    for include in arch.iter("include"):
        yield from attribute_faults(include, ("filename",), source)


def _outer_faults(roots: list[etree._Element], source: str) -> Iterator[Finding]:
    for root in roots:
        if root.tag == "cpus":
            yield from child_faults(root, _ITEMS, (), source)


def _items_of(root: etree._Element) -> list[etree._Element]:
    """Give a file's elements; libvirt takes any root, and a fragment is an element by itself."""
    return [root] if root.tag in _ITEMS else list(root.iterchildren(*_ITEMS))


def _lint_items(items: list[tuple[etree._Element, str]], *, is_whole: bool) -> Iterator[Finding]:
    features, vendors = FeatureLinter(), VendorLinter()
    later: Seen = {}
    for element, source in items:
        if element.tag == "model":
            later.setdefault(element.get("name") or "", line_of(element, source))
    models = ModelLinter(features.seen, vendors.seen, later, is_whole)
    linters = {"feature": features.lint, "vendor": vendors.lint, "model": models.lint}
    for element, source in items:
        yield from linters[str(element.tag)](element, source)
    yield from models.finish()


def _parse(raw: bytes, source: str) -> tuple[list[etree._Element], list[Finding]]:
    """Read a file; one that cannot be read is a finding."""
    try:
        return [parse_xml(raw, source)], []
    except InputError as error:
        fault = _encoding_fault(raw, source)
        return [], [fault or rule("not-well-formed").finding(Place(source, error.line), reason=error.message)]


def parse_fragment(raw: bytes, source: str) -> list[etree._Element]:
    """Read elements that have no root around them; give none where it is something else."""
    try:
        root = parse_xml(b"<fragment>%s</fragment>" % raw, source)
    except InputError:
        return []
    texts = (root.text, *(child.tail for child in root))
    return [] if any((text or "").strip() for text in texts) else list(root.iterchildren(*_ITEMS))


def _encoding_fault(raw: bytes, source: str) -> Finding | None:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return rule("not-utf-8").finding(Place(source, line), f"byte {raw[error.start]:02x}")
    return None
