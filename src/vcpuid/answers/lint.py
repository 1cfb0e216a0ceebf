"""What is wrong in files that people wrote: which kind each is, its faults, and which of them depend on a host."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from lxml import etree

from vcpuid.answers.lint_host import LintHost, lint_on_host
from vcpuid.answers.lint_nova import lint_nova_on_hosts
from vcpuid.errors import InputError, UsageError, VcpuidError
from vcpuid.guest.libvirt import SIZE_LIMIT_BYTES, parse_xml
from vcpuid.guest.nova import NovaFile, is_nova_conf, parse_ini
from vcpuid.guest.qemu import CommandLine, is_command_line, parse_arguments, split_command_line
from vcpuid.rules.libvirt.choice import choose_map
from vcpuid.rules.libvirt.domain import lint_domain
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.map_lint import lint_file, parse_fragment, read_and_lint
from vcpuid.rules.nova.lint import lint_conf, read_subject
from vcpuid.rules.qemu.knowledge import Qemu, known_versions, load_qemu, model_since, version_of
from vcpuid.rules.qemu.lint import lint_command, lint_command_on_host
from vcpuid.terms.finding import Finding
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.place import Place

DOMAIN_XML: Final = "domain XML"
CPU_MAP: Final = "CPU map of libvirt"
NOVA_CONF: Final = "nova.conf"
CPU_STRING: Final = "-cpu string"
# A model and at least one option, in one line: what no other kind of file looks like.
_CPU_STRING = re.compile(r"[A-Za-z0-9][\w.-]*(?:,[^,\n]*)+")
_MAP_TAGS = frozenset(("cpus", "feature", "model", "vendor", "group"))
# The first element, past a declaration and comments: what XML was meant to be that is not well-formed.
_FIRST_TAG = re.compile(rb"(?>[^<]+|<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^>]*>)*+<([\w.:-]+)", re.DOTALL)


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
        qemu: The QEMU by which -cpu is judged; None for the newest that was measured.
    """

    cpu_map: CpuMap
    hosts: tuple[LintHost, ...] = ()
    qemu: Qemu | None = None

    @property
    def title_of_qemu(self) -> str:
        """By which QEMU's tables -cpu is judged, in words."""
        return f"the tables of {self.judging_qemu.label}"

    @property
    def judging_qemu(self) -> Qemu:
        """The QEMU by which -cpu is judged."""
        return self.qemu or load_qemu(known_versions()[-1])


@dataclass(frozen=True, slots=True)
class LintedFile:
    """One file.

    Attributes:
        source: Its name.
        kind: The kind that it was taken for.
        findings: Its faults, in the order of its lines.
        by_map: Whether its names were judged by a map of libvirt.
        by_qemu: Whether they were judged by the tables of a QEMU.
    """

    source: str
    kind: str
    findings: tuple[Finding, ...]
    by_map: bool
    by_qemu: bool = False


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
        lint: Its linter, of one text, or of several that are read together.
        by_map: Whether the linter judges names by a map of libvirt.
        is_joined: Whether several files of the kind are read together, in the order in which they are named.
        by_qemu: Whether it judges them by the tables of a QEMU.
    """

    name: str
    is_like: Callable[[Text, etree._Element | None], bool]
    lint: Callable[[Sequence[Text], Basis], Sequence[Finding]]
    by_map: bool
    is_joined: bool = False
    by_qemu: bool = False


def _is_domain(_text: Text, root: etree._Element | None) -> bool:
    return root is not None and root.tag in ("domain", "cpu")


def _lint_domain(texts: Sequence[Text], basis: Basis) -> Sequence[Finding]:
    (text,) = texts
    root = parse_xml(text.content, text.source)
    findings = [*lint_domain(root, text.source, basis.cpu_map)]
    for host in basis.hosts:
        findings += lint_on_host(root, text.source, basis.cpu_map, host)
    return sorted(findings, key=lambda finding: finding.place.line or 0)


def _is_map(_text: Text, root: etree._Element | None) -> bool:
    return root is not None and root.tag in _MAP_TAGS


def _lint_map(texts: Sequence[Text], _basis: Basis) -> Sequence[Finding]:
    (text,) = texts
    return lint_file(text.content, text.source)


def _is_nova(text: Text, root: etree._Element | None) -> bool:
    return root is None and is_nova_conf(text.content.decode("latin-1"))


def _lint_nova(texts: Sequence[Text], basis: Basis) -> Sequence[Finding]:
    return lint_nova_files([parse_ini(_decode(text), text.source) for text in texts], basis)


def lint_nova_files(files: Sequence[NovaFile], basis: Basis) -> Sequence[Finding]:
    """Lint the files of one configuration of Nova, in the order in which Nova reads them."""
    subject = read_subject(files, basis.cpu_map)
    findings = [*lint_conf(subject), *lint_nova_on_hosts(subject, basis.hosts)]
    return sorted(findings, key=lambda finding: finding.place.line or 0)


def _decode(text: Text) -> str:
    if len(text.content) > SIZE_LIMIT_BYTES:
        raise InputError("too large", source=text.source, expected=f"at most {SIZE_LIMIT_BYTES} bytes")
    try:
        return text.content.decode()
    except UnicodeDecodeError as error:
        line = text.content.count(b"\n", 0, error.start) + 1
        raise InputError("not UTF-8, which Nova reads", source=text.source, line=line) from None


def _is_cpu(text: Text, root: etree._Element | None) -> bool:
    if root is not None:
        return False
    try:
        content = text.content.decode().strip()
    except UnicodeDecodeError:
        return False
    return is_command_line(content) or bool(_CPU_STRING.fullmatch(content)) or bool(model_since(content))


def _lint_cpu(texts: Sequence[Text], basis: Basis) -> Sequence[Finding]:
    (text,) = texts
    return lint_command_line(_command_of(text), basis)


def lint_command_line(command: CommandLine, basis: Basis) -> Sequence[Finding]:
    """Lint what a command line says of the CPU."""
    qemu = basis.judging_qemu
    findings = [*lint_command(command, qemu)]
    for host in basis.hosts:
        if host.kvm is not None:
            findings += lint_command_on_host(command, qemu, host.name, host.kvm)
    return findings


def _command_of(text: Text) -> CommandLine:
    """Read a whole command line, or the value of -cpu alone, which is taken to be KVM's."""
    content, place = text.content.decode().strip(), Place(text.source)
    arguments = split_command_line(content, text.source) if is_command_line(content) else ["-cpu", content]
    command = parse_arguments(arguments, place)
    is_alone = len(arguments) == len(("-cpu", "VALUE"))
    return replace(command, accelerator=Accelerator.KVM) if is_alone else command


# The kinds that are told apart by content, in the order in which they are tried.
KINDS = (
    Kind(DOMAIN_XML, _is_domain, _lint_domain, by_map=True),
    Kind(CPU_MAP, _is_map, _lint_map, by_map=False),
    Kind(NOVA_CONF, _is_nova, _lint_nova, by_map=True, is_joined=True),
    Kind(CPU_STRING, _is_cpu, _lint_cpu, by_map=False, by_qemu=True),
)


def lint(paths: Sequence[str], basis: Basis, read: Callable[[str], Text]) -> LintReport:
    """Lint files and folders; one that cannot be read does not keep the others from it.

    Args:
        paths: Files, folders of a map or of configuration files, or - for standard input.
        basis: What they are judged by.
        read: Gives the content of a file.
    """
    files: list[LintedFile] = []
    unread: list[VcpuidError] = []
    together: dict[Kind, list[Text]] = {}
    for path in paths:
        try:
            if path != "-" and Path(path).is_dir() and not _is_conf_folder(path):
                files.append(LintedFile(path, CPU_MAP, read_and_lint(path), by_map=False))
                continue
            for text in map(read, _files_of(path)):
                kind = kind_of(text)
                if kind.is_joined:
                    together.setdefault(kind, []).append(text)
                else:
                    files.append(_linted(text, kind, kind.lint((text,), basis)))
        except VcpuidError as error:
            unread.append(error)
        except OSError as error:
            unread.append(InputError(f"cannot be read: {error.strerror}", source=path))
    for kind, texts in together.items():
        try:
            findings = kind.lint(texts, basis)
        except VcpuidError as error:
            unread.append(error)
        else:
            files += [_linted(text, kind, findings) for text in texts]
    return LintReport(tuple(files), tuple(unread), basis)


def _is_conf_folder(path: str) -> bool:
    """Tell whether a folder is one that Nova reads with --config-dir, and no map's."""
    folder = Path(path)
    return not (folder / "index.xml").exists() and any(folder.glob("*.conf"))


def _files_of(path: str) -> list[str]:
    is_folder = path != "-" and Path(path).is_dir()
    return sorted(str(own) for own in Path(path).glob("*.conf")) if is_folder else [path]


def _linted(text: Text, kind: Kind, findings: Sequence[Finding]) -> LintedFile:
    own = tuple(finding for finding in findings if not kind.is_joined or finding.place.source == text.source)
    return LintedFile(text.source, kind.name, own, kind.by_map, kind.by_qemu)


def lint_text(text: Text, basis: Basis | None = None) -> LintedFile:
    """Lint one text by the kind that its content shows.

    Args:
        text: The text.
        basis: What it is judged by; None for the installed map of libvirt, else the shipped one, and no host.

    Raises:
        InputError: It is of no kind that is known, or not well-formed and no map.

    Examples:
        >>> from vcpuid import LintText, lint_text
        >>> [finding] = lint_text(LintText(b"Haswell,avx2=perhaps", "-cpu")).findings
        >>> finding.message
        "QEMU expects 'on' or 'off' for avx2"
    """
    kind = kind_of(text)
    return _linted(text, kind, kind.lint((text,), basis or Basis(choose_map())))


def kind_of(text: Text) -> Kind:
    """Give the kind that a text's content shows.

    Raises:
        InputError: It is of none that is known, or not well-formed and no map.
    """
    if not text.content.strip():
        raise InputError("empty", source=text.source, expected=_expected())
    is_markup = text.content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    try:
        root = _root_of(text) if is_markup else None
    except InputError:
        if not _is_meant_for_a_map(text):
            raise
        return next(kind for kind in KINDS if kind.name == CPU_MAP)  # its linter says where it is damaged
    for kind in KINDS:
        if kind.is_like(text, root):
            return kind
    first = text.content.strip().splitlines()[0][:60].decode(errors="replace")
    found = repr(first) if root is None else f"<{root.tag!s}>"
    raise InputError("no kind of file that can be linted", source=text.source, found=found, expected=_expected())


def _is_meant_for_a_map(text: Text) -> bool:
    first = _FIRST_TAG.match(text.content[:SIZE_LIMIT_BYTES])
    return first is not None and first[1].decode() in _MAP_TAGS


def _root_of(text: Text) -> etree._Element:
    """Give the root of XML; of a piece of a map, whose elements have none around them, the first of them."""
    try:
        return parse_xml(text.content, text.source)
    except InputError:
        pieces = parse_fragment(text.content, text.source)
        if not pieces:
            raise
        return pieces[0]


def _expected() -> str:
    return f"{' or '.join(f'a {kind.name}' for kind in KINDS)}; a <cpu> by itself serves too"


def choose_qemu(version: str | None, hosts: Sequence[LintHost]) -> Qemu | None:
    """Give the QEMU that -cpu is judged by: a version's, the first host's, or None for the newest.

    Raises:
        UsageError: The text is no version.
    """
    if version is not None:
        if not version_of(version):
            expected = f"a release, as in {known_versions()[-1]}"
            raise UsageError("no version of QEMU", found=repr(version), expected=expected)
        return load_qemu(version)
    theirs = next((host.qemu for host in hosts if host.qemu and version_of(host.qemu)), None)
    return load_qemu(theirs) if theirs else None
