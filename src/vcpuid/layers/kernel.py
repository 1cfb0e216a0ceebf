"""Kernel: does Linux use the feature itself, and did anything on its side take it away?"""

from __future__ import annotations

from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.guest import Guest
from vcpuid.evidence.kernel import CpuinfoEvidence, KernelEvidence
from vcpuid.layers.rule import load_layer_table, rule, unread
from vcpuid.layers.special import is_made_by_linux
from vcpuid.layers.words import is_paravirtual
from vcpuid.terms.address import CpuidRegister
from vcpuid.terms.feature import Dialect, Feature
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.verdict import Layer, Provenance, Verdict

_VEPC = "/dev/sgx_vepc"
_SGX_LEAF = 0x12


def judge(feature: Feature, evidence: Evidence, guest: Guest | None) -> Verdict:
    """Judge by /proc/cpuinfo, the command line, the kernel's own words, XCR0, and SGX's device."""
    if guest is not None and guest.accelerator is Accelerator.TCG:
        return rule("kernel.tcg").verdict("TCG guest")
    if (not feature.bits and not is_made_by_linux(feature)) or is_paravirtual(feature):
        return rule("kernel.paravirtual").verdict("a hypervisor's bit")
    if _is_other_vendors(feature, evidence):
        return rule("kernel.other-vendor").verdict("the flag is made from the other vendor's bit")
    shown = _is_shown(feature, evidence.cpuinfo)
    if isinstance(evidence.kernel, KernelEvidence) and not shown:
        taken_away = _taken_away(feature, evidence.kernel)
        if taken_away is not None:
            return taken_away
    if _is_sgx(feature) and not isinstance(evidence.sgx, Gap):
        present = evidence.sgx.devices.get(_VEPC) is not None
        proof = [Provenance(_VEPC, "there" if present else "not there")]
        if present:
            return rule("kernel.device").verdict(_VEPC, proof)
        return rule("kernel.no-device").verdict(f"no {_VEPC}", proof)
    if isinstance(evidence.cpuinfo, Gap):
        return unread(Layer.KERNEL, evidence.cpuinfo)
    return _judge_flag(feature, evidence.cpuinfo)


def _is_other_vendors(feature: Feature, evidence: Evidence) -> bool:
    vendor = None if isinstance(evidence.cpuid, Gap) else evidence.cpuid.vendor
    return bool(feature.vendors) and vendor is not None and vendor not in feature.vendors


def _is_shown(feature: Feature, cpuinfo: CpuinfoEvidence | Gap) -> bool:
    """Tell whether /proc/cpuinfo shows the feature: that outweighs any parameter, which a kernel may not know."""
    return not isinstance(cpuinfo, Gap) and bool(feature.spellings(Dialect.LINUX) & cpuinfo.flags)


def _judge_flag(feature: Feature, cpuinfo: CpuinfoEvidence) -> Verdict:
    flags = sorted(feature.spellings(Dialect.LINUX))
    if not flags:
        return rule("kernel.no-name").verdict("/proc/cpuinfo has no name for it")
    for flag in flags:
        if flag in cpuinfo.flags:
            return rule("kernel.flag").verdict(f"flag {flag}", [Provenance("/proc/cpuinfo", flag)])
        if flag in cpuinfo.some_flags:
            return rule("kernel.flag-some").verdict(
                f"flag {flag} on some CPUs only", [Provenance("/proc/cpuinfo", f"{flag} on some CPUs")]
            )
    return rule("kernel.flag-absent").verdict(
        f"no flag {flags[0]}, which proves nothing", [Provenance("/proc/cpuinfo", f"no {flags[0]}")]
    )


def _taken_away(feature: Feature, kernel: KernelEvidence) -> Verdict | None:
    tables = load_layer_table("parameters")
    names = {feature.name, *feature.spellings(Dialect.LINUX), *_kernel_numbers(feature, tables["word"])}
    for row in tables["parameter"]:
        if row["token"] in kernel.command_line and feature.name in row["features"]:
            return _parameter(row["token"])
    for token in kernel.command_line:
        key, _, value = token.partition("=")
        if key == "clearcpuid" and names & set(value.split(",")):
            return _parameter(token)
    for row in tables["vulnerability"]:
        sentence = kernel.vulnerabilities.get(row["file"], "")
        if row["contains"] in sentence and feature.name in row["features"]:
            proof = [Provenance(f"/sys/devices/system/cpu/vulnerabilities/{row['file']}", sentence)]
            return rule("kernel.disabled").verdict(sentence, proof, mend=f"The kernel decided: {sentence}.")
    missing = _missing_state(feature, kernel.xcr0, tables["state"])
    if missing is not None:
        proof = [Provenance("XGETBV", f"XCR0={kernel.xcr0:016x}")]
        return rule("kernel.xcr0").verdict(f"XCR0 lacks bit {missing}", proof)
    return None


def _kernel_numbers(feature: Feature, words: list[dict[str, str | int]]) -> set[str]:
    """Give the feature's numbers in clearcpuid=: 32 times the kernel's word, plus the bit."""
    numbers = {str(row["register"]): int(row["number"]) for row in words}
    return {str(32 * numbers[bits.word.plain] + bits.low) for bits in feature.bits if bits.word.plain in numbers}


def _parameter(token: str) -> Verdict:
    return rule("kernel.parameter").verdict(
        f"{token} on the command line",
        [Provenance("/proc/cmdline", token)],
        mend=f"Remove {token} from the kernel's command line and restart the host.",
    )


def _missing_state(feature: Feature, xcr0: int | None, states: list[dict[str, list[int]]]) -> int | None:
    if xcr0 is None:
        return None
    for row in states:
        if feature.name.startswith(tuple(map(str, row["prefixes"]))):
            for bit in row["bits"]:
                if not xcr0 >> bit & 1:
                    return bit
    return None


def _is_sgx(feature: Feature) -> bool:
    in_leaf = any(isinstance(bits.word, CpuidRegister) and bits.word.leaf == _SGX_LEAF for bits in feature.bits)
    return in_leaf or feature.name == "sgx"
