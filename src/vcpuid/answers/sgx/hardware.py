"""The doctor's steps below the kernel: the CPU, its firmware, launch control, and enclave memory."""

from __future__ import annotations

from collections.abc import Iterator

from vcpuid.answers.sgx.memory import KnownBy, offer_of_libvirt, sections_in_cpuid
from vcpuid.answers.sgx.step import Conclusion, conclude, unread
from vcpuid.answers.sgx.subject import Subject
from vcpuid.atlas import Atlas
from vcpuid.decode.words import describe_size
from vcpuid.evidence import Evidence, Gap
from vcpuid.layers import JUDGES
from vcpuid.terms.address import MsrRegister
from vcpuid.terms.feature import Feature
from vcpuid.terms.verdict import Layer, Provenance, State, Verdict

_FEATURE_CONTROL, _LOCK, _LAUNCH_CONTROL = 0x3A, 0, 17
_KEY_HASH = range(0x8C, 0x90)
_DRIVER = "/dev/sgx_enclave"
_SILICON = {
    "silicon.set": "has",
    "silicon.set-virtual": "has-virtual",
    "silicon.some": "some",
    "silicon.clear-virtual": "lacks-virtual",
    "silicon.other-vendor": "other-vendor",
}
_FIRMWARE = {
    "firmware.memory": "memory",
    "firmware.no-memory": "no-memory",
    "firmware.on": "on",
    "firmware.off": "off",
    "firmware.off-known-model": "off",
    "firmware.off-unproven": "unproven",
}
_OFF_IN_THE_LOG = ("disabled by bios", "disabled or unsupported by bios")
_SECTION_IN_THE_LOG = "epc section"
_LOCKED_IN_THE_LOG = "launch control is locked"


def feature(name: str) -> Feature:
    """Give a feature of the atlas."""
    return Atlas.load().find(name).feature


def judge(layer: Layer, name: str, evidence: Evidence) -> Verdict:
    """Ask a hop of `why` for its verdict, without a guest."""
    return JUDGES[layer](feature(name), evidence, None)


def log_lines(evidence: Evidence, *parts: str) -> list[Provenance]:
    """Give the kernel log's lines about SGX that have one of these parts, in whichever case."""
    lines = () if isinstance(evidence.kernel, Gap) else evidence.kernel.sgx_log or ()
    return [Provenance("the kernel log", line) for line in lines if any(part in line.lower() for part in parts)]


def judge_cpu(subject: Subject) -> Conclusion:
    """Judge whether every CPU has SGX."""
    evidence = subject.evidence
    verdict = judge(Layer.SILICON, "sgx", evidence)
    if isinstance(evidence.cpuid, Gap):
        return unread("cpu", evidence.cpuid)
    conclusion = _SILICON.get(verdict.rule, "lacks")
    if conclusion == "lacks" and judge(Layer.FIRMWARE, "sgx", evidence).rule == "firmware.off-known-model":
        conclusion = "hidden"
    return conclude(f"cpu.{conclusion}", verdict.summary, verdict.evidence)


def judge_bios(subject: Subject) -> Conclusion:
    """Judge whether firmware has SGX on: by enclave memory, by the register, by the kernel's words."""
    evidence = subject.evidence
    verdict = judge(Layer.FIRMWARE, "sgx", evidence)
    said = log_lines(evidence, *_OFF_IN_THE_LOG)
    proof = (*verdict.evidence, *said)
    if verdict.rule in _FIRMWARE:
        return conclude(f"bios.{_FIRMWARE[verdict.rule]}", verdict.summary, proof)
    if said:
        return conclude("bios.off-by-log", said[0].value, proof)
    return conclude("bios.unread", verdict.summary, proof, remedy=verdict.mend)


def judge_launch_control(subject: Subject) -> Conclusion:
    """Judge whether software may choose who starts enclaves."""
    evidence = subject.evidence
    in_cpu = judge(Layer.SILICON, "sgxlc", evidence)
    if isinstance(evidence.cpuid, Gap):
        return unread("launch-control", evidence.cpuid)
    proof = [*in_cpu.evidence, *_launch_registers(evidence)]
    if in_cpu.state is not State.PRESENT:
        return conclude("launch-control.absent", in_cpu.summary, proof)
    value = None if isinstance(evidence.msr, Gap) else evidence.msr.value(_FEATURE_CONTROL)
    said = log_lines(evidence, _LOCKED_IN_THE_LOG)
    if said:
        return conclude("launch-control.locked", said[0].value, [*proof, *said])
    if value is not None and value >> _LOCK & 1:
        is_set = value >> _LAUNCH_CONTROL & 1
        summary = (
            f"{MsrRegister(_FEATURE_CONTROL)}={value:x}: bit {_LAUNCH_CONTROL} {'set' if is_set else 'clear'}"
        )
        return conclude(f"launch-control.{'flexible' if is_set else 'locked'}", summary, proof)
    if not isinstance(evidence.sgx, Gap) and evidence.sgx.devices.get(_DRIVER) is not None:
        summary = f"{_DRIVER} is there, which takes it"
        return conclude("launch-control.flexible", summary, [*proof, Provenance(_DRIVER, "there")])
    return conclude("launch-control.in-cpuid", in_cpu.summary, proof)


def _launch_registers(evidence: Evidence) -> Iterator[Provenance]:
    for index in (_FEATURE_CONTROL, *_KEY_HASH):
        value = None if isinstance(evidence.msr, Gap) else evidence.msr.value(index)
        if value is not None:
            yield Provenance(f"/dev/cpu/N/msr {MsrRegister(index)}", f"{value:016x}")


def judge_epc(subject: Subject) -> Conclusion:
    """Judge whether there is enclave memory, and whether all tell the same of it."""
    evidence, memory = subject.evidence, subject.memory
    sections = sections_in_cpuid(evidence)
    proof = [Provenance("CPUID.12H, subleaves 2 and up", describe_size(size)) for size in sections or ()]
    if memory.known_by is not None:
        source = memory.known_by.value
        proof += [
            Provenance(source, f"node {node.number}: {describe_size(node.size_bytes)}") for node in memory.nodes
        ]
    proof += log_lines(evidence, _SECTION_IN_THE_LOG)
    in_cpuid = sum(sections or ())
    if memory.known_by is None:
        if sections is None and isinstance(evidence.sgx, Gap):
            return unread("epc", evidence.sgx)
        return conclude("epc.none", "none", proof)
    spread = ", ".join(f"node {node.number} {describe_size(node.size_bytes)}" for node in memory.nodes)
    if memory.known_by is KnownBy.CPUID:
        return _judge_unshown(evidence, spread, proof)
    if not in_cpuid:
        return conclude("epc.by-libvirt" if offer_of_libvirt(evidence) else "epc.agrees", spread, proof)
    if in_cpuid != memory.size_bytes:
        return conclude("epc.differs", f"{spread}; CPUID {describe_size(in_cpuid)}", proof)
    return conclude("epc.agrees", spread, proof)


def _judge_unshown(evidence: Evidence, spread: str, proof: list[Provenance]) -> Conclusion:
    """Judge memory that CPUID has and the kernel's nodes do not show, as before Linux 5.17, or by nosgx."""
    devices = {} if isinstance(evidence.sgx, Gap) else evidence.sgx.devices
    if devices and not any(devices.values()):
        return conclude("epc.unused", f"{spread}, and no SGX device", proof)
    return conclude("epc.nodes-unknown", spread, proof)
