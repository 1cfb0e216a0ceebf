"""Silicon: does the CPU have it, as CPUID shows it to this kernel?"""

from __future__ import annotations

from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.cpuid import CpuidEvidence
from vcpuid.evidence.guest import Guest
from vcpuid.layers.rule import name_fields, rule, unread
from vcpuid.layers.special import counterpart, is_made_by_linux
from vcpuid.layers.words import has_all, has_msr_bits, is_paravirtual, show_words, word_evidence
from vcpuid.terms.dump import Cpu
from vcpuid.terms.feature import Feature
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.verdict import Layer, Provenance, Verdict


def judge(feature: Feature, evidence: Evidence, guest: Guest | None) -> Verdict:
    """Judge the feature on every CPU that was read."""
    for conclusion, applies, summary in (
        ("tcg", guest is not None and guest.accelerator is Accelerator.TCG, "TCG guest"),
        ("made-by-linux", is_made_by_linux(feature), "a flag that Linux makes itself"),
        ("no-bit", not feature.bits, feature.why_no_bit),
        ("paravirtual", is_paravirtual(feature), "a hypervisor's bit"),
    ):
        if applies:
            return rule(f"silicon.{conclusion}").verdict(summary)
    if isinstance(evidence.cpuid, Gap):
        return unread(Layer.SILICON, evidence.cpuid)
    other = _of_other_vendor(feature, evidence.cpuid)
    if other is not None:
        return other
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


def _of_other_vendor(feature: Feature, cpuid: CpuidEvidence) -> Verdict | None:
    vendor = cpuid.vendor
    if not feature.vendors or vendor is None or vendor in feature.vendors:
        return None
    other = counterpart(feature)
    return rule("silicon.other-vendor").verdict(
        f"only {'/'.join(sorted(feature.vendors))} CPUs have it, this one is {vendor}'s",
        [Provenance("CPUID.00H", f"vendor {vendor}")],
        vendor=vendor,
        other=f" What serves the same end there is {other}." if other else "",
        **name_fields(feature),
    )


def with_msrs(cpus: tuple[Cpu, ...], evidence: Evidence) -> tuple[Cpu, ...] | Gap:
    """Give the CPUs whose MSRs were read, with those; the MSRs of one CPU speak for its package."""
    if isinstance(evidence.msr, Gap):
        return evidence.msr
    msrs = evidence.msr.cpus
    read = tuple(Cpu(cpu.number, cpu.rows, msrs[cpu.number], cpu.missing) for cpu in cpus if cpu.number in msrs)
    return read or Gap("MSRs", "of no CPU in the evidence")
