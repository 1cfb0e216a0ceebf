"""What is wrong in the configurations that a snapshot holds: domains, nova.conf, -cpu options, libvirt's map."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from vcpuid.answers.lint import (
    CPU_MAP,
    CPU_STRING,
    NOVA_CONF,
    Basis,
    LintedFile,
    LintReport,
    Text,
    choose_qemu,
    lint_command_line,
    lint_nova_files,
    lint_text,
)
from vcpuid.answers.lint_host import host_of
from vcpuid.errors import VcpuidError
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.nova import read_nova_files
from vcpuid.evidence.running import ProcessEvidence
from vcpuid.rules.libvirt.map_lint import lint_map
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.qemu.knowledge import load_qemu, version_of

_Lint = Callable[[], Iterable[LintedFile]]


def lint_snapshot(evidence: Evidence) -> LintReport:
    """Lint what stands in a host's snapshot, by that host's own libvirt and QEMU, and for that host.

    A domain is linted as it will start next. A process that libvirt started has a -cpu of libvirt's making, which
    nobody configured: it is left out. What cannot be linted keeps nothing else from it.

    Raises:
        InputError: The evidence is damaged.
    """
    host = host_of(evidence)
    basis = Basis(host.cpu_map or shipped_map(), (host,), choose_qemu(None, (host,)))
    linters: list[_Lint] = [
        *(_LintDomain(name, xml, basis) for name, xml in _domains(evidence)),
        *(_LintProcess(process, _basis_of(process, evidence, basis)) for process in _own_processes(evidence)),
        lambda: _lint_nova(evidence, basis),
        lambda: _lint_map(evidence),
    ]
    files: list[LintedFile] = []
    unread: list[VcpuidError] = []
    for lint in linters:
        try:
            files += lint()
        except VcpuidError as error:
            unread.append(error)
    return LintReport(tuple(files), tuple(unread), basis)


@dataclass(frozen=True, slots=True)
class _LintDomain:
    """Lints one domain when it is called."""

    name: str
    xml: str
    basis: Basis

    def __call__(self) -> Iterable[LintedFile]:
        return (lint_text(Text(self.xml.encode(errors="replace"), f"domain {self.name}"), self.basis),)


@dataclass(frozen=True, slots=True)
class _LintProcess:
    """Lints one process's -cpu when it is called."""

    process: ProcessEvidence
    basis: Basis

    def __call__(self) -> Iterable[LintedFile]:
        command = self.process.command
        findings = lint_command_line(command, self.basis)
        return (LintedFile(str(command.place), CPU_STRING, tuple(findings), by_map=False, by_qemu=True),)


def _domains(evidence: Evidence) -> Iterator[tuple[str, str]]:
    data = evidence.snapshot.record("domains").data
    for node in data["domains"] if data else ():
        xml = node.get("inactive") or node.get("started") or node.get("live")
        if xml is not None:
            yield node["name"].text(), xml.text()


def _own_processes(evidence: Evidence) -> Iterator[ProcessEvidence]:
    """Walk the processes that libvirt did not start."""
    domains = () if isinstance(evidence.domains, Gap) else evidence.domains
    processes = () if isinstance(evidence.processes, Gap) else evidence.processes
    known = {domain.pid for domain in domains}
    return (process for process in processes if process.pid not in known)


def _basis_of(process: ProcessEvidence, evidence: Evidence, basis: Basis) -> Basis:
    """Judge a process by the QEMU that it runs, where that is known."""
    binaries = () if isinstance(evidence.qemu, Gap) else evidence.qemu
    version = next((binary.version for binary in binaries if process.pid in binary.pids), None)
    return replace(basis, qemu=load_qemu(version)) if version and version_of(version) else basis


def _lint_nova(evidence: Evidence, basis: Basis) -> Iterator[LintedFile]:
    data = evidence.snapshot.record("nova").data
    files = read_nova_files(data) if data else ()
    findings = lint_nova_files(files, basis) if files else ()
    for file in files:
        own = tuple(finding for finding in findings if finding.place.source == file.source)
        yield LintedFile(file.source, NOVA_CONF, own, by_map=True)


def _lint_map(evidence: Evidence) -> Iterator[LintedFile]:
    libvirt = evidence.snapshot.record("libvirt").data
    node = libvirt and libvirt.get("map")
    if node is not None:
        source = node["directory"].text()
        files = {name: text.text().encode(errors="replace") for name, text in node["files"].members()}
        yield LintedFile(source, CPU_MAP, lint_map(files, source), by_map=False)
