"""What is wrong in files that people wrote: which kind each is, its faults, and which of them depend on a host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lxml import etree

from vcpuid.answers.lint_host import LintHost, lint_on_host
from vcpuid.errors import InputError, VcpuidError
from vcpuid.guest.libvirt import parse_xml
from vcpuid.rules.libvirt.domain import lint_domain
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.map_lint import lint_file, read_and_lint
from vcpuid.terms.finding import Finding

_MAP = "CPU map of libvirt"
_MAP_TAGS = frozenset(("cpus", "feature", "model", "vendor", "group"))


class Text(NamedTuple):
    """A file's content, and what people call it."""

    content: bytes
    source: str


@dataclass(frozen=True, slots=True)
class Basis:
    """What files are judged by.

    Attributes:
        cpu_map: libvirt's map, for the names that no host decides.
        hosts: The hosts on which the files are to serve.
    """

    cpu_map: CpuMap
    hosts: tuple[LintHost, ...] = ()


@dataclass(frozen=True, slots=True)
class LintedFile:
    """One file.

    Attributes:
        source: Its name.
        kind: The kind that it was taken for.
        findings: Its faults, in the order of its lines.
        by_map: Whether its names were judged by a map of libvirt.
    """

    source: str
    kind: str
    findings: tuple[Finding, ...]
    by_map: bool


@dataclass(frozen=True, slots=True)
class LintReport:
    """The answer.

    Attributes:
        files: What was linted.
        unread: Why other files were not.
        basis: What they were judged by.
    """

    files: tuple[LintedFile, ...]
    unread: tuple[VcpuidError, ...]
    basis: Basis

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings."""
        return tuple(finding for file in self.files for finding in file.findings)


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        name: What people call it.
        is_like: Whether a text and its root element (None where it is no XML) look like one.
        lint: Its linter.
        by_map: Whether the linter judges names by a map of libvirt.
    """

    name: str
    is_like: Callable[[Text, etree._Element | None], bool]
    lint: Callable[[Text, Basis], Sequence[Finding]]
    by_map: bool


def _is_domain(_text: Text, root: etree._Element | None) -> bool:
    return root is not None and root.tag in ("domain", "cpu")


def _lint_domain(text: Text, basis: Basis) -> Sequence[Finding]:
    root = parse_xml(text.content, text.source)
    findings = [*lint_domain(root, text.source, basis.cpu_map)]
    for host in basis.hosts:
        findings += lint_on_host(root, text.source, basis.cpu_map, host)
    return sorted(findings, key=lambda finding: finding.place.line or 0)


def _is_map(_text: Text, root: etree._Element | None) -> bool:
    return root is not None and root.tag in _MAP_TAGS


def _lint_map(text: Text, _basis: Basis) -> Sequence[Finding]:
    return lint_file(text.content, text.source)


# The kinds that are told apart by content, in the order in which they are tried.
KINDS = (
    Kind("domain XML", _is_domain, _lint_domain, by_map=True),
    Kind(_MAP, _is_map, _lint_map, by_map=False),
)


def lint(paths: Sequence[str], basis: Basis, read: Callable[[str], Text]) -> LintReport:
    """Lint files and folders; one that cannot be read does not keep the others from it.

    Args:
        paths: Files, folders of a map, or - for standard input.
        basis: What they are judged by.
        read: Gives the content of a file.
    """
    files: list[LintedFile] = []
    unread: list[VcpuidError] = []
    for path in paths:
        try:
            if path != "-" and Path(path).is_dir():
                files.append(LintedFile(path, _MAP, read_and_lint(path), by_map=False))
            else:
                files.append(lint_text(read(path), basis))
        except VcpuidError as error:
            unread.append(error)
        except OSError as error:
            unread.append(InputError(f"cannot be read: {error.strerror}", source=path))
    return LintReport(tuple(files), tuple(unread), basis)


def lint_text(text: Text, basis: Basis) -> LintedFile:
    """Lint one text by the kind that its content shows.

    Raises:
        InputError: It is of no kind that is known, or not well-formed.
    """
    if not text.content.strip():
        raise InputError("empty", source=text.source, expected=_expected())
    is_markup = text.content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    root = parse_xml(text.content, text.source) if is_markup else None
    for kind in KINDS:
        if kind.is_like(text, root):
            return LintedFile(text.source, kind.name, tuple(kind.lint(text, basis)), kind.by_map)
    first = text.content.strip().splitlines()[0][:60].decode(errors="replace")
    found = repr(first) if root is None else f"<{root.tag!s}>"
    raise InputError("no kind of file that can be linted", source=text.source, found=found, expected=_expected())


def _expected() -> str:
    return f"{' or '.join(f'a {kind.name}' for kind in KINDS)}; a <cpu> by itself serves too"
