"""Firmware: did the BIOS switch it on? Read from the registers that it sets and locks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from vcpuid.decode.sgx import epc_sections
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.cpuid import CpuidEvidence
from vcpuid.evidence.guest import Guest
from vcpuid.layers import silicon
from vcpuid.layers.rule import load_layer_table, rule, unread
from vcpuid.terms.address import MsrRegister
from vcpuid.terms.feature import Feature
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.verdict import Layer, Provenance, State, Verdict


@dataclass(frozen=True, slots=True)
class Switch:
    """One choice of the firmware's, and the register bit that shows it."""

    msr: int
    lock: int | None
    bit: int
    on_when_set: bool
    words: str
    mend: str

    def is_on(self, value: int) -> bool:
        """Tell from the register's value; an unlocked register leaves the choice to the kernel."""
        if self.lock is not None and not value >> self.lock & 1:
            return True
        return bool(value >> self.bit & 1) is self.on_when_set


@cache
def switches() -> dict[str, Switch]:
    """Give the switch of each feature that has one, by the feature's name."""
    return {
        name: Switch(
            msr=row["msr"],
            lock=row.get("lock"),
            bit=row.get("set", row.get("clear")),
            on_when_set="set" in row,
            words=row["words"],
            mend=row["mend"],
        )
        for row in load_layer_table("switches")["switch"]
        for name in row["features"]
    }


def judge(feature: Feature, evidence: Evidence, guest: Guest | None) -> Verdict:
    """Judge the feature by the register that firmware sets for it."""
    if guest is not None and guest.accelerator is Accelerator.TCG:
        return rule("firmware.tcg").verdict("TCG guest")
    switch = switches().get(feature.name)
    if switch is None:
        return rule("firmware.no-switch").verdict("no switch known")
    in_silicon = silicon.judge(feature, evidence, guest).state
    by_register = _judge_register(feature, evidence, switch, in_silicon)
    # A register that is on, or not read, says less than the enclave memory that anybody can see.
    if feature.name == "sgx" and in_silicon is State.PRESENT and by_register.state is not State.ABSENT:
        return _judge_memory(evidence) or by_register
    return by_register


def _judge_memory(evidence: Evidence) -> Verdict | None:
    if not isinstance(evidence.cpuid, CpuidEvidence):
        return None
    sections = epc_sections(evidence.cpuid.dump.cpus[0])
    if sections is None:
        return None
    source = "CPUID.12H, subleaves 2 and up"
    if not sections:
        return rule("firmware.no-memory").verdict("SGX without EPC", [Provenance(source, "no valid section")])
    total_mib = sum(section.size_bytes for section in sections) >> 20
    proof = [Provenance(source, f"{section.size_bytes >> 20} MiB at {section.base:#x}") for section in sections]
    return rule("firmware.memory").verdict(f"EPC of {total_mib} MiB", proof)


def _judge_register(feature: Feature, evidence: Evidence, switch: Switch, in_silicon: State) -> Verdict:
    if isinstance(evidence.msr, Gap):
        return unread(Layer.FIRMWARE, evidence.msr)
    value = evidence.msr.value(switch.msr)
    register = str(MsrRegister(switch.msr))
    if value is None:
        return unread(Layer.FIRMWARE, Gap(register, "the CPU has no such register, or it was not read"))
    proof = [Provenance(f"/dev/cpu/N/msr {register}", f"{value:016x} ({switch.words}, bit {switch.bit})")]
    setting = "set" if value >> switch.bit & 1 else "clear"
    summary = f"{register}={value:x}: bit {switch.bit} {setting}"
    if switch.is_on(value):
        return rule("firmware.on").verdict(summary, proof)
    if in_silicon is State.PRESENT:
        return rule("firmware.off").verdict(summary, proof, mend=switch.mend)
    source = _known_to_have(feature, evidence)
    if in_silicon is State.ABSENT and source is not None:
        proof.append(Provenance("table of CPU models", source))
        return rule("firmware.off-known-model").verdict(summary, proof, mend=switch.mend)
    return rule("firmware.off-unproven").verdict(summary, proof)


def _known_to_have(feature: Feature, evidence: Evidence) -> str | None:
    """Give the source that says that this CPU model has the feature, or None."""
    if isinstance(evidence.cpuid, Gap) or evidence.cpuid.signature is None:
        return None
    family, model, _ = evidence.cpuid.signature
    vendor = evidence.cpuid.vendor
    for row in load_layer_table("switches")["known"]:
        same_cpu = (row["vendor"], row["family"]) == (vendor, family) and model in row["models"]
        if same_cpu and feature.name in row["features"]:
            return str(row["source"])
    return None
