"""KVM: does the kernel's hypervisor offer it to guests?"""

from __future__ import annotations

from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.guest import Guest
from vcpuid.evidence.kernel import KernelEvidence
from vcpuid.evidence.kvm import KvmEvidence
from vcpuid.layers.rule import name_fields, rule, unread
from vcpuid.layers.special import always_given, beside_cpuid, by_object
from vcpuid.layers.words import has_all, show_words, word_evidence
from vcpuid.rules.qemu.supply import added_since
from vcpuid.terms.address import CpuidRegister, MsrRegister
from vcpuid.terms.dump import Cpu
from vcpuid.terms.feature import Feature
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.verdict import Layer, Provenance, Verdict

_VMX_MSRS = range(0x480, 0x492)
_SVM_LEAF, _ARCH_CAPABILITIES = 0x8000000A, 0x10A
_OFF = ("N", "0")


def judge(feature: Feature, evidence: Evidence, guest: Guest | None) -> Verdict:
    """Judge by KVM's own lists, asked after the permission for AMX state."""
    if guest is not None and guest.accelerator is Accelerator.TCG:
        return rule("kvm.tcg").verdict("TCG guest")
    beside = beside_cpuid(feature)
    if beside is not None and not by_object(feature):
        return rule("kvm.beside").verdict(beside)
    if not feature.bits or always_given(feature, Accelerator.KVM):
        return rule("kvm.by-qemu").verdict("QEMU's part")
    if guest is not None and guest.launch_security:
        return rule("kvm.launch-security").verdict(f"launch security {guest.launch_security}")
    if isinstance(evidence.kvm, Gap):
        return unread(Layer.KVM, evidence.kvm)
    return _judge_lists(feature, evidence, evidence.kvm)


def _judge_lists(feature: Feature, evidence: Evidence, kvm: KvmEvidence) -> Verdict:
    supported = Cpu(0, kvm.supported.rows, kvm.msr_features, kvm.supported.missing)
    found = has_all(supported, feature)
    proof = list(word_evidence("KVM_GET_SUPPORTED_CPUID", supported, feature))
    if any(isinstance(bits.word, MsrRegister) for bits in feature.bits):
        proof = list(word_evidence("KVM_GET_MSRS", supported, feature))
    shown = show_words(supported, feature)
    if found:
        return rule("kvm.supported").verdict(shown, proof)
    kernel = evidence.kernel if isinstance(evidence.kernel, KernelEvidence) else None
    module = _nested_module(feature)
    nested = kernel.modules.get(module, {}).get("nested") if kernel else None
    if nested in _OFF:
        proof.append(Provenance(f"/sys/module/{module}/parameters/nested", str(nested)))
        return rule("kvm.nested-off").verdict(f"{module}.nested={nested}", proof, module=module)
    if found is None:
        return rule("kvm.unlisted").verdict(shown, proof)
    if kvm.emulated is not None and has_all(kvm.emulated, feature):
        proof += word_evidence("KVM_GET_EMULATED_CPUID", kvm.emulated, feature)
        return rule("kvm.emulated-only").verdict("only emulated, which QEMU does not ask for", proof)
    if kvm.permission_denied and feature.name.startswith("amx-"):
        return rule("kvm.permission").verdict("AMX permission refused", proof)
    since = added_since(feature.name)
    if since is not None:
        return rule("kvm.absent-qemu-adds").verdict(shown, proof, since=since, **name_fields(feature))
    release = kernel.release if kernel else "(unknown version)"
    conclusion = "immunity" if _is_immunity(feature) else "absent"
    return rule(f"kvm.{conclusion}").verdict(shown, proof, kernel=release, **name_fields(feature))


def _nested_module(feature: Feature) -> str:
    """Give the module whose nested parameter rules the feature; empty for a feature of no nested guest."""
    words = {bits.word for bits in feature.bits}
    if feature.name == "vmx" or any(isinstance(word, MsrRegister) and word.index in _VMX_MSRS for word in words):
        return "kvm_intel"
    if feature.name == "svm" or any(isinstance(word, CpuidRegister) and word.leaf == _SVM_LEAF for word in words):
        return "kvm_amd"
    return ""


def _is_immunity(feature: Feature) -> bool:
    in_register = any(bits.word == MsrRegister(_ARCH_CAPABILITIES) for bits in feature.bits)
    return in_register and feature.name.endswith("-no")
