"""Silicon: does the CPU have it, as CPUID shows it to this kernel?"""

from __future__ import annotations

from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.guest import Guest
from vcpuid.layers.rule import name_fields, rule, unread
from vcpuid.layers.words import has_all, has_msr_bits, is_paravirtual, show_words, word_evidence
from vcpuid.terms.dump import Cpu
from vcpuid.terms.feature import Feature
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.verdict import Layer, Verdict


def judge(feature: Feature, evidence: Evidence, guest: Guest | None) -> Verdict:
    """Judge the feature on every CPU that was read."""
    if guest is not None and guest.accelerator is Accelerator.TCG:
        return rule("silicon.tcg").verdict("TCG guest")
    if not feature.bits:
        return rule("silicon.no-bit").verdict("no CPUID or MSR bit")
    if is_paravirtual(feature):
        return rule("silicon.paravirtual").verdict("a hypervisor's bit")
    if isinstance(evidence.cpuid, Gap):
        return unread(Layer.SILICON, evidence.cpuid)
    cpus = with_msrs(evidence.cpuid.dump.cpus, evidence) if has_msr_bits(feature) else evidence.cpuid.dump.cpus
    if isinstance(cpus, Gap):
        return unread(Layer.SILICON, cpus)
    if not cpus:
        return unread(Layer.SILICON, Gap("CPUID", "of no CPU in the evidence"))
    found = [has_all(cpu, feature) for cpu in cpus]
    virtual = evidence.cpuid.under_hypervisor
    shown = next((cpu for cpu, has in zip(cpus, found, strict=True) if not has), cpus[0])
    proof = tuple(word_evidence(evidence.cpuid.dump.origin, shown, feature))
    if all(found):
        suffix = " (shown by an outer hypervisor)" if virtual else ""
        return rule("silicon.set-virtual" if virtual else "silicon.set").verdict(
            show_words(shown, feature) + suffix, proof
        )
    if False not in found:
        return unread(Layer.SILICON, Gap("CPUID", f"{feature.address} is not in the evidence"))
    if True in found:
        having = found.count(True)
        return rule("silicon.some").verdict(f"on {having} of {len(found)} CPUs", proof)
    return rule("silicon.clear-virtual" if virtual else "silicon.clear").verdict(
        show_words(shown, feature), proof, **name_fields(feature)
    )


def with_msrs(cpus: tuple[Cpu, ...], evidence: Evidence) -> tuple[Cpu, ...] | Gap:
    """Give the CPUs whose MSRs were read, with those; the MSRs of one CPU speak for its package."""
    if isinstance(evidence.msr, Gap):
        return evidence.msr
    msrs = evidence.msr.cpus
    read = tuple(Cpu(cpu.number, cpu.rows, msrs[cpu.number], cpu.missing) for cpu in cpus if cpu.number in msrs)
    return read or Gap("MSRs", "of no CPU in the evidence")
