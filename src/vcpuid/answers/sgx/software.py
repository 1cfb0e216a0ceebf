"""The doctor's steps from the kernel to libvirt, and the memory that is left."""

from __future__ import annotations

import re

from vcpuid.answers.sgx.hardware import judge
from vcpuid.answers.sgx.memory import offer_of_libvirt
from vcpuid.answers.sgx.step import Conclusion, Purpose, conclude, unread
from vcpuid.answers.sgx.subject import Subject
from vcpuid.decode.rows import EAX, EBX, read_row
from vcpuid.decode.words import describe_size
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.kernel import KernelEvidence
from vcpuid.evidence.sgx import Device, SgxEvidence
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.verdict import Layer, Provenance

VEPC = "/dev/sgx_vepc"
_DRIVER_SINCE, _GUESTS_SINCE = (5, 11), (5, 13)
_QEMU_SINCE, _QEMU_FOR_LIBVIRT, _LIBVIRT_SINCE = (6, 2), (7, 0), (8, 10)
_SGX, _SGX_LEAF = 2, 0x12
_VERSION = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})(?![0-9])")


def judge_parameter(subject: Subject) -> Conclusion:
    """Judge whether a parameter of the kernel takes SGX away."""
    evidence = subject.evidence
    if isinstance(evidence.kernel, Gap):
        return unread("parameter", evidence.kernel)
    for name in ("sgx", "sgxlc"):
        verdict = judge(Layer.KERNEL, name, evidence)
        if verdict.rule == "kernel.parameter":
            return conclude("parameter.off", verdict.summary, verdict.evidence, token=verdict.evidence[0].value)
    line = " ".join(evidence.kernel.command_line) or "(nothing about CPUs)"
    return conclude("parameter.none", "none", [Provenance("/proc/cmdline", line)])


def judge_kernel(subject: Subject) -> Conclusion:
    """Judge the kernel's version, which counts for nothing where the device is there all the same."""
    evidence, purpose = subject.evidence, subject.purpose
    if isinstance(evidence.kernel, Gap):
        return unread("kernel", evidence.kernel)
    kernel = evidence.kernel
    proof = [Provenance("/proc/sys/kernel/osrelease", kernel.release)]
    return conclude(f"kernel.{_kernel_conclusion(evidence, kernel, purpose)}", kernel.release, proof)


def _kernel_conclusion(evidence: Evidence, kernel: KernelEvidence, purpose: Purpose) -> str:
    version = kernel.version or _GUESTS_SINCE
    if version >= _GUESTS_SINCE:
        return "new"
    if not isinstance(evidence.sgx, Gap) and evidence.sgx.devices.get(VEPC) is not None:
        return "backported"
    if version >= _DRIVER_SINCE:
        return "host-only" if purpose is Purpose.GUESTS else "host-only-is-enough"
    return "old"


def judge_vepc(subject: Subject) -> Conclusion:
    """Judge whether the device for guests' memory is there."""
    evidence = subject.evidence
    if isinstance(evidence.sgx, Gap):
        return unread("vepc", evidence.sgx)
    device = evidence.sgx.devices.get(VEPC)
    if device is None:
        return conclude("vepc.missing", f"no {VEPC}", [Provenance(VEPC, "not there")])
    return conclude("vepc.there", VEPC, [Provenance(VEPC, str(device))])


def judge_access(subject: Subject) -> Conclusion:
    """Judge whether QEMU may open the device."""
    evidence = subject.evidence
    if isinstance(evidence.sgx, Gap):
        return conclude("access.unknown", str(evidence.sgx))
    device = evidence.sgx.devices.get(VEPC)
    if device is None:
        return conclude("access.missing", f"no {VEPC}")
    proof = [Provenance(VEPC, str(device))]
    offer = offer_of_libvirt(evidence)
    if offer is not None:
        return conclude("access.proven", "libvirt's QEMU has opened it", proof)
    return _judge_users(
        evidence.sgx, device, proof, is_root=evidence.snapshot.root["collector"]["euid"].number() == 0
    )


def _judge_users(sgx: SgxEvidence, device: Device, proof: list[Provenance], *, is_root: bool) -> Conclusion:
    for user in sgx.users or ():
        groups = ",".join(map(str, sorted(user.gids)))
        proof.append(Provenance(f"the user {user.name}", f"uid {user.uid}, groups {groups}"))
    refused = [user for user in sgx.users or () if not device.opens_for(user.uid, user.gids)]
    if refused:
        group = device.group or str(device.gid)
        summary = f"{device}; {refused[0].name} may not"
        return conclude("access.denied", summary, proof, user=refused[0].name, group=group)
    if sgx.users:
        return conclude("access.open", f"{device}; {sgx.users[0].name} may", proof)
    if device.openable and not is_root:
        return conclude("access.own", str(device), proof)
    return conclude("access.unknown", str(device), proof)


def judge_kvm(subject: Subject) -> Conclusion:
    """Judge what KVM lists for guests."""
    evidence = subject.evidence
    if isinstance(evidence.kvm, Gap):
        return unread("kvm", evidence.kvm)
    features, leaf = (read_row(evidence.kvm.supported, number) for number in (7, _SGX_LEAF))
    has_bit = features is not None and bool(features[EBX] >> _SGX & 1)
    proof = [
        Provenance("KVM_GET_SUPPORTED_CPUID 07H.0", _row(features)),
        Provenance("KVM_GET_SUPPORTED_CPUID 12H.0", _row(leaf)),
    ]
    if not has_bit:
        return conclude("kvm.lacks", f"07H.0 ebx={features[EBX]:08x}" if features else "no leaf 07H", proof)
    if leaf is None or not leaf[EAX] & 1:
        return conclude("kvm.no-leaf", "leaf 12H is empty", proof)
    return conclude(
        "kvm.gives", f"07H.0 ebx={features[EBX] if features else 0:08x}, 12H.0 eax={leaf[EAX]:x}", proof
    )


def _row(row: tuple[int, int, int, int] | None) -> str:
    return "not listed" if row is None else " ".join(f"{register:08x}" for register in row)


def judge_provisioning(subject: Subject) -> Conclusion:
    """Judge whether KVM can give a guest the provisioning key."""
    evidence = subject.evidence
    answer = None if isinstance(evidence.kvm, Gap) else evidence.kvm.capabilities.get("sgx_attribute")
    if answer is None:
        return conclude("provisioning.unread", "not asked")
    proof = [Provenance("KVM_CHECK_EXTENSION KVM_CAP_SGX_ATTRIBUTE", str(answer))]
    return conclude(f"provisioning.{'gives' if answer else 'lacks'}", f"KVM_CAP_SGX_ATTRIBUTE={answer}", proof)


def judge_qemu(subject: Subject) -> Conclusion:
    """Judge the newest QEMU of the host, by its version."""
    evidence = subject.evidence
    if isinstance(evidence.qemu, Gap):
        return unread("qemu", evidence.qemu)
    if not evidence.qemu:
        return conclude("qemu.none", "none found")
    proof = [Provenance(binary.path, binary.version or "no version in it") for binary in evidence.qemu]
    known = [(numbers_of(binary.version), binary) for binary in evidence.qemu if binary.version]
    if not known:
        return conclude("qemu.unversioned", evidence.qemu[0].path, proof)
    version, newest = max(known, key=lambda pair: pair[0])
    summary = f"{newest.version} ({newest.path})"
    if version < _QEMU_SINCE:
        return conclude("qemu.old", summary, proof)
    if version < _QEMU_FOR_LIBVIRT and not isinstance(evidence.libvirt, Gap) and evidence.libvirt.version:
        return conclude("qemu.before-libvirt", summary, proof)
    return conclude("qemu.new", summary, proof)


def numbers_of(version: str) -> tuple[int, int]:
    """Give the first two numbers of a version; zeros where it has none."""
    found = _VERSION.match(version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def judge_qemu_answer(subject: Subject) -> Conclusion:
    """Judge what QEMU itself said when it was asked."""
    evidence = subject.evidence
    answers = () if isinstance(evidence.qmp, Gap) else evidence.qmp
    asked = [answer for answer in answers if answer.sgx is not None or answer.sgx_error is not None]
    if not asked:
        return conclude("qemu-answer.unasked", "not asked")
    first = next((answer for answer in asked if answer.accelerator is Accelerator.KVM), asked[0])
    said = first.sgx_error or f"sgx: {str(first.sgx).lower()}"
    proof = [Provenance(f"query-sgx-capabilities of {first.path} under {first.accelerator.value}", said)]
    conclusion = "refuses" if first.sgx is None else "sees" if first.sgx else "opens"
    return conclude(f"qemu-answer.{conclusion}", said, proof)


def judge_libvirt(subject: Subject) -> Conclusion:
    """Judge libvirt's version."""
    evidence = subject.evidence
    if isinstance(evidence.libvirt, Gap):
        return unread("libvirt", evidence.libvirt)
    version = evidence.libvirt.version
    if not version:
        return unread("libvirt", evidence.failure("libvirt") or Gap("libvirt", "its version is not known"))
    conclusion = "new" if numbers_of(version) >= _LIBVIRT_SINCE else "old"
    return conclude(f"libvirt.{conclusion}", version, [Provenance("virsh version --daemon", version)])


def judge_libvirt_answer(subject: Subject) -> Conclusion:
    """Judge what libvirt offers domains."""
    evidence = subject.evidence
    if isinstance(evidence.libvirt, Gap):
        return unread("libvirt-answer", evidence.libvirt)
    answer = evidence.libvirt.capabilities_for(Accelerator.KVM, None)
    source = "virsh domcapabilities --virttype kvm"
    if answer is None:
        gap = evidence.problem("libvirt", "domcapabilities") or evidence.problem("libvirt", "domain capabilities")
        return unread("libvirt-answer", gap or Gap(source, "not in the snapshot"))
    if answer.sgx is None:
        return conclude("libvirt-answer.silent", "no <sgx>", [Provenance(source, "no <sgx>")])
    if answer.sgx_offer is None:
        is_stale = any(cache.stale and cache.emulator == answer.emulator for cache in evidence.libvirt.cache)
        proof = [Provenance(source, "<sgx supported='no'/>")]
        return conclude(f"libvirt-answer.{'stale' if is_stale else 'lacks'}", "<sgx supported='no'/>", proof)
    offer = answer.sgx_offer
    names = [name for name, has in (("flc", offer.flc), ("sgx1", offer.sgx1), ("sgx2", offer.sgx2)) if has]
    sections = ", ".join(f"node {node} {describe_size(size)}" for node, size in sorted(offer.sections.items()))
    proof = [Provenance(source, f"<sgx supported='yes'>: {' '.join(names)}; {sections or 'no sections'}")]
    if not offer.sections and not offer.size_bytes:
        return conclude("libvirt-answer.no-memory", "supported, without memory", proof)
    return conclude("libvirt-answer.offers", " ".join(names), proof)


def judge_free(subject: Subject) -> Conclusion:
    """Judge whether there is enclave memory for one guest more."""
    evidence, memory = subject.evidence, subject.memory
    if not memory.nodes:
        return conclude("free.nothing", "none")
    running = [use for use in memory.uses if use.runs]
    proof = [Provenance(f"guest {use.guest}", f"{describe_size(use.size_bytes)}") for use in running]
    summary = f"{describe_size(memory.free_bytes)} of {describe_size(memory.size_bytes)}"
    if memory.used_bytes > memory.size_bytes:
        given = f"{describe_size(memory.used_bytes)} given, {describe_size(memory.size_bytes)} there"
        return conclude("free.over", given, proof)
    gap = evidence.failure("processes") or (evidence.processes if isinstance(evidence.processes, Gap) else None)
    if gap is not None:
        return unread("free", gap)
    return conclude(f"free.{'some' if memory.free_bytes else 'full'}", summary, proof)


def judge_cgroup(subject: Subject) -> Conclusion:
    """Judge the misc control group's capacity of enclave memory."""
    evidence, memory = subject.evidence, subject.memory
    if isinstance(evidence.sgx, Gap):
        return conclude("cgroup.unread", str(evidence.sgx))
    limit = evidence.sgx.limit_bytes
    if limit is None:
        return conclude("cgroup.none", "no sgx_epc in misc.capacity")
    proof = [Provenance("misc.capacity", f"sgx_epc {limit}")]
    return conclude(f"cgroup.{'less' if limit < memory.size_bytes else 'whole'}", f"{describe_size(limit)}", proof)
