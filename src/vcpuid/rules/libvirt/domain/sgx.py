"""SGX: the features, the EPC memory that they need, and what libvirt wants for it."""

from __future__ import annotations

from collections.abc import Iterator

from vcpuid.atlas import Atlas
from vcpuid.rules.libvirt.domain.subject import Subject, rule
from vcpuid.terms.address import CpuidRegister
from vcpuid.terms.feature import Dialect
from vcpuid.terms.finding import Finding, Severity
from vcpuid.terms.guest import CpuMode, FeatureRequest

_SGX, _LAUNCH_CONTROL, _SGX_LEAF = "sgx", "sgxlc", 0x12
_PAGE_BYTES = 4096
_KIB = 1024
_PC = ("pc", "q35")


def lint(subject: Subject) -> Iterator[Finding]:
    """Give the findings of SGX."""
    if subject.cpu.is_host:
        return
    yield from _lint_features(subject)
    if subject.definition.epc:
        yield from _lint_epc(subject)
        yield from _lint_memory(subject)


def _lint_features(subject: Subject) -> Iterator[Finding]:
    asked = [request for request in subject.asked.values() if _is_sgx(request)]
    is_whole_cpu = subject.cpu.mode in (CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM, CpuMode.HOST_MODEL)
    if _SGX not in subject.asked and not is_whole_cpu:
        for request in asked:
            yield rule("sgx-flag-without-sgx").finding(request.place, name=request.name)
    if asked and subject.definition.is_whole and not subject.definition.epc:
        names = " ".join(request.name for request in asked)
        yield rule("sgx-without-epc").finding(asked[0].place, name=names)
    if subject.definition.epc and not asked and not is_whole_cpu:
        yield rule("epc-without-sgx").finding(subject.definition.epc[0].place)


def _is_sgx(request: FeatureRequest) -> bool:
    feature = Atlas.load().named(Dialect.LIBVIRT, request.name)
    words = [bits.word for bits in feature.bits] if feature else []
    is_in_leaf = any(isinstance(word, CpuidRegister) and word.leaf == _SGX_LEAF for word in words)
    return is_in_leaf or request.name in (_SGX, _LAUNCH_CONTROL)


def _lint_epc(subject: Subject) -> Iterator[Finding]:
    definition = subject.definition
    first = definition.epc[0].place
    machine = definition.machine
    if machine is not None and not machine.startswith(_PC):
        yield rule("epc-machine").finding(first, machine, "q35 or pc", machine=machine)
    if subject.is_tcg:
        yield rule("epc-tcg").finding(first)
    if not subject.cpu.cells:
        finding = rule("epc-without-cell").finding(first, last=(definition.max_vcpus or 1) - 1)
        yield subject.weighed(finding, Severity.ERROR)
    for section in definition.epc:
        if section.size_bytes % _PAGE_BYTES:
            yield rule("epc-size").finding(section.place, size=section.size_bytes)


def _lint_memory(subject: Subject) -> Iterator[Finding]:
    definition = subject.definition
    slots = len(definition.epc)
    size_bytes = (definition.memory_bytes or 0) + sum(section.size_bytes for section in definition.epc)
    if subject.cpu.cells:
        # libvirt takes the cells for the memory, and not <memory>.
        cells = sum(cell.memory_bytes for cell in subject.cpu.cells)
        size_bytes = cells + sum(section.size_bytes for section in definition.epc)
    size = -(-size_bytes // _KIB)
    maximum = definition.max_memory
    if maximum is None:
        yield rule("epc-without-max-memory").finding(definition.epc[0].place, slots=slots, size=size)
        return
    if maximum.slots is None:
        finding = rule("max-memory-without-slots").finding(maximum.place, slots=slots)
        yield subject.weighed(finding, Severity.ERROR)
    if maximum.size_bytes < size_bytes:
        yield rule("max-memory-too-small").finding(
            maximum.place, f"{maximum.size_bytes // _KIB} KiB", f"{size} KiB", size=size
        )
