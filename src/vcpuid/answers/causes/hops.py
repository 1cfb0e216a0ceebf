"""Tests of causes by the hops of supply: silicon, firmware, kernel, KVM."""

from __future__ import annotations

from vcpuid.answers.causes.case import BY_GUEST, Case, Holding, Tested, some, unread, yes_or_no
from vcpuid.atlas import Atlas
from vcpuid.decode.facts import decode_facts
from vcpuid.decode.sgx import epc_sections
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.cpuid import CpuidEvidence
from vcpuid.evidence.kernel import KernelEvidence
from vcpuid.layers import JUDGES
from vcpuid.terms.address import parse_bit
from vcpuid.terms.feature import Feature
from vcpuid.terms.verdict import Layer, State

_TSX_CTRL, _TSX_CTRL_OFF = 0x122, 0b11  # Intel SDM vol. 4: RTM_DISABLE, TSX_CPUID_CLEAR
_RTM, _RTM_ALWAYS_ABORT = parse_bit("7.0.ebx.11"), parse_bit("7.0.edx.11")


def breaks_at(case: Case, evidence: Evidence) -> Tested:
    """Does supply break at one hop for some feature of the text?"""
    hop = Layer(case.argument)
    if not case.features:
        return Tested(Holding.UNTESTED, "the text names no feature")
    broken, unknown, others = [], [], []
    for feature in case.features:
        answer = case.why(feature, evidence)
        verdict = answer.verdicts[hop]
        if answer.broken_at.supply is hop:
            broken.append(f"{feature.name}: {verdict.summary}")
        elif answer.broken_at.supply is not None:
            others.append(f"{feature.name} is lost at {answer.broken_at.supply.value}")
        elif verdict.state is State.UNKNOWN:
            unknown.append(verdict)
    if broken:
        return Tested(Holding.HOLDS, some(broken))
    if unknown:
        return Tested(Holding.UNKNOWN, unknown[0].summary, next((one.mend for one in unknown if one.mend), ""))
    return Tested(Holding.HOLDS_NOT, some(others) or "no feature of the text is lost at this hop")


def breaks_anywhere(case: Case, evidence: Evidence) -> Tested:
    """Is one feature, whatever the text names, not to be had or not given to the guest?"""
    feature = Atlas.load().find(case.argument).feature
    answer = case.why(feature, evidence)
    if answer.outcome is State.UNKNOWN:
        told = next((verdict for verdict in answer.decisive if verdict.state is State.UNKNOWN), None)
        return Tested(Holding.UNKNOWN, told.summary if told else "", (told.mend if told else "") or BY_GUEST)
    broken = [hop.value for hop in (answer.broken_at.supply, answer.broken_at.demand) if hop is not None]
    found = f"{feature.name} is lost at {' and '.join(broken)}" if broken else f"{feature.name} can be given"
    return yes_or_no(found, holds=answer.outcome is State.ABSENT)


def firmware_off(case: Case, evidence: Evidence) -> Tested:
    """Has firmware switched off the feature that the row names?"""
    feature = Atlas.load().find(case.argument).feature
    return _firmware(feature, case, evidence)


def _firmware(feature: Feature, case: Case, evidence: Evidence) -> Tested:
    verdict = JUDGES[Layer.FIRMWARE](feature, evidence, case.guest)
    if not verdict.state.decided:
        return Tested(Holding.UNKNOWN, verdict.summary, verdict.mend)
    return yes_or_no(verdict.summary, holds=verdict.state is State.ABSENT)


def virtualisation_off(case: Case, evidence: Evidence) -> Tested:
    """Has firmware switched off the CPU's own virtualisation?"""
    if isinstance(evidence.cpuid, Gap):
        return unread(evidence.cpuid)
    name = "vmx" if evidence.cpuid.vendor == "intel" else "svm"
    return _firmware(Atlas.load().find(name).feature, case, evidence)


def no_virtualisation(_case: Case, evidence: Evidence) -> Tested:
    """Has the CPU neither VMX nor SVM?"""
    cpuid = evidence.cpuid
    if isinstance(cpuid, Gap):
        return unread(cpuid)
    has = [name for name in ("vmx", "svm") if _has(cpuid, Atlas.load().find(name).feature)]
    return yes_or_no(f"CPUID has {has[0]}" if has else "CPUID has neither vmx nor svm", holds=not has)


def _has(cpuid: CpuidEvidence, feature: Feature) -> bool:
    return all(cpu.has(bits) for cpu in cpuid.dump.cpus[:1] for bits in feature.bits)


def virtual_host(_case: Case, evidence: Evidence) -> Tested:
    """Is the host itself a virtual machine?"""
    if isinstance(evidence.cpuid, Gap):
        return unread(evidence.cpuid)
    is_virtual = evidence.cpuid.under_hypervisor
    return yes_or_no(f"CPUID's hypervisor bit is {'set' if is_virtual else 'clear'}", holds=is_virtual)


def host_has(case: Case, evidence: Evidence) -> Tested:
    """Has the host's CPU the feature that the row names?"""
    verdict = JUDGES[Layer.SILICON](Atlas.load().find(case.argument).feature, evidence, None)
    if not verdict.state.decided:
        return Tested(Holding.UNKNOWN, verdict.summary, verdict.mend)
    return yes_or_no(f"the host: {verdict.summary}", holds=verdict.state is State.PRESENT)


def level(case: Case, evidence: Evidence) -> Tested:
    """Is the host's own CPU below the level that the text asks for?"""
    if isinstance(evidence.cpuid, Gap):
        return unread(evidence.cpuid)
    digits = [letter for letter in case.values.get("level", "") if letter in "234"]
    wanted = int(digits[-1]) if digits else 2
    has = decode_facts(evidence.cpuid.dump.cpus[0]).level
    return yes_or_no(f"the host's CPU is {has.name or 'below x86-64-v1'}", holds=has.number < wanted)


def tsx_taken(_case: Case, evidence: Evidence) -> Tested:
    """Has something taken TSX from the CPU?"""
    if isinstance(evidence.cpuid, Gap):
        return unread(evidence.cpuid)
    cpu = evidence.cpuid.dump.cpus[0]
    if cpu.has(_RTM):
        return Tested(Holding.HOLDS_NOT, "CPUID has rtm")
    found = []
    if cpu.has(_RTM_ALWAYS_ABORT):
        found.append("microcode makes every transaction abort (RTM_ALWAYS_ABORT)")
    if isinstance(evidence.kernel, KernelEvidence) and "tsx=off" in evidence.kernel.command_line:
        found.append("the kernel was started with tsx=off")
    control = None if isinstance(evidence.msr, Gap) else evidence.msr.value(_TSX_CTRL)
    if control is not None and control & _TSX_CTRL_OFF:
        found.append(f"IA32_TSX_CTRL (MSR 122H) is {control:x}: TSX is switched off")
    if found:
        return Tested(Holding.HOLDS, some(found))
    return Tested(
        Holding.UNKNOWN,
        "CPUID has no rtm; whether it ever had",
        "Intel's page of this CPU tells whether it was made with TSX; MSR 122H, read as root, whether it is off.",
    )


def nested_off(case: Case, evidence: Evidence) -> Tested:
    """Is nesting off, or the feature that of another vendor?"""
    if isinstance(evidence.cpuid, Gap):
        return unread(evidence.cpuid)
    asked = {feature.name for feature in case.features}
    own = "vmx" if evidence.cpuid.vendor == "intel" else "svm"
    if asked and own not in asked:
        return Tested(
            Holding.HOLDS, f"the CPU is {evidence.cpuid.vendor or 'of another vendor'}'s: its own is {own}"
        )
    if isinstance(evidence.kernel, Gap):
        return unread(evidence.kernel)
    module = "kvm_intel" if own == "vmx" else "kvm_amd"
    nested = evidence.kernel.modules.get(module, {}).get("nested")
    if nested is None:
        return Tested(Holding.UNKNOWN, f"{module} is not loaded", f"modprobe {module}, then collect anew.")
    return yes_or_no(f"{module} nested={nested}", holds=nested in ("N", "0"))


def no_kvm(case: Case, evidence: Evidence) -> Tested:
    """Is /dev/kvm missing (`missing`), closed (`denied`), or either?"""
    gap = evidence.kvm
    if not isinstance(gap, Gap):
        if case.argument == "denied":
            return Tested(
                Holding.UNKNOWN,
                "the collector could open /dev/kvm; QEMU's user may be another",
                "Run as QEMU's user: test -w /dev/kvm && echo yes.",
            )
        return Tested(Holding.HOLDS_NOT, "KVM answered")
    why = gap.why.lower()
    is_missing, is_denied = "no such" in why or "not found" in why, "permi" in why or "denied" in why
    if not is_missing and not is_denied:
        return unread(gap)
    holds = {"missing": is_missing, "denied": is_denied}.get(case.argument, True)
    return yes_or_no(str(gap), holds=holds)


def parameter(case: Case, evidence: Evidence) -> Tested:
    """Was the kernel started with the parameter that the row names?"""
    if isinstance(evidence.kernel, Gap):
        return unread(evidence.kernel)
    is_there = case.argument in evidence.kernel.command_line
    return yes_or_no(
        f"{case.argument} is {'' if is_there else 'not '}on the kernel's command line", holds=is_there
    )


def device_missing(case: Case, evidence: Evidence) -> Tested:
    """Is the device that the row names missing?"""
    there = _device(case, evidence)
    if isinstance(there, Tested):
        return there
    return yes_or_no(f"{case.argument} is {'there' if there else 'not there'}", holds=not there)


def device_present(case: Case, evidence: Evidence) -> Tested:
    """Decide only what the device's absence decides: that permissions are no matter."""
    there = _device(case, evidence)
    if isinstance(there, Tested):
        return there
    if not there:
        return Tested(Holding.HOLDS_NOT, f"{case.argument} is not there")
    tell = f"Run as QEMU's user: test -w {case.argument} && echo yes."
    return Tested(Holding.UNKNOWN, f"{case.argument} is there", tell)


def _device(case: Case, evidence: Evidence) -> bool | Tested:
    if isinstance(evidence.sgx, Gap):
        return unread(evidence.sgx)
    if case.argument not in evidence.sgx.devices:
        return Tested(Holding.UNKNOWN, would_tell=f"ls -l {case.argument}")
    return evidence.sgx.devices[case.argument] is not None


def no_epc(_case: Case, evidence: Evidence) -> Tested:
    """Has the host no enclave memory?"""
    epc_bytes = 0 if isinstance(evidence.sgx, Gap) else sum(evidence.sgx.epc_bytes.values())
    if epc_bytes:
        return Tested(Holding.HOLDS_NOT, f"{epc_bytes >> 20} MiB of EPC")
    if isinstance(evidence.cpuid, Gap):
        return unread(evidence.cpuid)
    sections = epc_sections(evidence.cpuid.dump.cpus[0])
    if sections is None:
        return Tested(Holding.UNKNOWN, "CPUID tells no EPC section", "Collect the host anew, as root.")
    total_mib = sum(section.size_bytes for section in sections) >> 20
    return yes_or_no(
        f"CPUID shows {total_mib} MiB of EPC" if sections else "CPUID shows no EPC", holds=not sections
    )
