"""Every row of the layers' table is drawn by a small host made for it: a rule that nobody can draw is a fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from snapshots import (
    ICE_LAKE_SIGNATURE,
    MAP_FEATURES,
    QEMU_PATH,
    SKYLAKE_SIGNATURE,
    VIRTUAL,
    Data,
    cpu_map,
    cpuid,
    cpuinfo,
    domain_xml,
    domains,
    evidence,
    failed,
    kernel,
    kvm,
    libvirt,
    monitor,
    msr,
    nova,
    processes,
    qemu,
    qmp,
    row,
    rows,
    sgx,
)
from vcpuid.answers.nova import ask_nova, nova_host
from vcpuid.atlas import Atlas
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.guest import Guest, guest_of_domain, guest_of_process
from vcpuid.guest.nova.flavor import Flavor
from vcpuid.layers import JUDGES
from vcpuid.layers.exposure import judge_exposure
from vcpuid.layers.rule import rules
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.terms.verdict import Layer, State, Verdict

SGX, AVX2 = 1 << 2, 1 << 5
EPC_SECTION = row(eax=0x80200001, ebx=0, ecx=0x05E00001, edx=0)
LOCKED, LOCKED_WITH_SGX = 0x5, 0x40005
HOST_MODEL = "<model>Skylake</model>"
TCG_DOMAIN = domains(inactive=domain_xml("<cpu mode='host-model'/>", type_="qemu"))
SECURE_DOMAIN = domains(inactive=domain_xml("<cpu/>", more="<launchSecurity type='sev-snp'/>"))


@dataclass(frozen=True)
class Case:
    """A feature, a host, and the guest that is asked about: a domain, a process, a nova.conf, or none."""

    rule: str
    feature: str
    sources: Data
    guest: str = "none"
    inside: Data | None = None
    specs: Mapping[str, str] | None = None

    def judge(self) -> Verdict:
        host = evidence(**self.sources)
        feature = Atlas.load().find(self.feature).feature
        return JUDGES[Layer(self.rule.partition(".")[0])](feature, host, self._guest(host))

    def judge_exposure(self) -> Verdict | None:
        host = evidence(**self.sources)
        feature = Atlas.load().find(self.feature).feature
        guest = self._guest(host)
        return judge_exposure(feature, host, {hop: judge(feature, host, guest) for hop, judge in JUDGES.items()})

    def _guest(self, host: Evidence) -> Guest | None:
        if self.guest == "none":
            return None
        if self.guest == "domain":
            guest = guest_of_domain(host, "web-1")
        elif self.guest == "process":
            guest = guest_of_process(host, 4711)
        else:
            guest = Guest(label=self.guest)
            if not isinstance(host.nova, Gap):
                guest = replace(guest, nova=host.nova)
        if self.specs is not None and guest.nova is not None:
            flavor = Flavor("m1", 2, 512, self.specs)
            guest = replace(guest, nova=ask_nova(guest.nova, nova_host(host.libvirt, shipped_map()), flavor))
        if self.inside is not None:
            inside = evidence(cpuid=self.inside).cpuid
            assert not isinstance(inside, Gap)
            guest = replace(guest, inside=inside)
        return guest


WITH_AVX2 = {"trait:HW_CPU_X86_AVX2": "required"}
TWO_MODELS = nova(cpu_mode="custom", cpu_models="qemu64, Skylake")


def domain(cpu: str, **others: Data) -> Data:
    """The sources of a host with the domain web-1 shut off."""
    return {"domains": domains(inactive=domain_xml(cpu)), **others}


def live(cpu: str, **others: Data) -> Data:
    """The sources of a host with the domain web-1 running."""
    xml = domain_xml(cpu)
    return {"domains": domains(inactive=xml, started=xml, live=xml, pid=4711), **others}


def running(*args: str, **others: Data) -> Data:
    """The sources of a host with one QEMU process."""
    return {"processes": processes("-accel", "kvm", *args), **others}


TCG = ("-accel", "tcg")


def leaf7(**registers: int) -> Data:
    return rows(_7_0=row(**registers))


def ice_lake(**registers: int) -> Data:
    return rows(_1_0=f"{ICE_LAKE_SIGNATURE} 00000000 00000000 00000000", _7_0=row(**registers))


def skylake(**registers: int) -> Data:
    return rows(_1_0=f"{SKYLAKE_SIGNATURE} 00000000 00000000 00000000", _7_0=row(**registers))


def epc(section: str) -> Data:
    return cpuid(rows(_7_0=row(ebx=SGX), _12_2=section))


WRONG_MASK = MAP_FEATURES.replace("ebx='0x00000004'", "ebx='0x029c6fbf'")
REFUSED = {
    **failed("virsh domcapabilities", "no answer within 10 s", "raise --timeout"),
    "state": "partial",
    "data": libvirt(map_=cpu_map()),
}
WITHOUT_KVM = {  # what libvirt 9.0 and 11.3 say where there is no /dev/kvm
    **failed(
        "virsh domcapabilities --virttype kvm",
        "failed to get emulator capabilities: invalid argument: "
        f"the accel 'kvm' is not supported by '{QEMU_PATH}' on this host",
    ),
    "state": "partial",
    "data": libvirt(map_=cpu_map()),
}
STALE = [{"file": "1.xml", "emulator": QEMU_PATH, "emulator_newer": True}]
TWO_CPUS = ("-cpu", "Skylake-Client-IBRS,sgx=on", "-cpu", "Skylake-Client-IBRS")

SKYLAKE_CPU = "<cpu mode='custom'><model>Skylake</model></cpu>"
MAP = {"libvirt": libvirt(HOST_MODEL, map_=cpu_map())}

SUPPLY = [
    Case("silicon.tcg", "sgx", {"domains": TCG_DOMAIN, "cpuid": cpuid(leaf7(ebx=SGX))}, "domain"),
    Case("silicon.paravirtual", "kvmclock", {"cpuid": cpuid(leaf7())}),
    Case("silicon.no-bit", "pmu", {"cpuid": cpuid(leaf7())}),
    Case("silicon.set", "sgx", {"cpuid": cpuid(leaf7(ebx=SGX), leaf7(ebx=SGX))}),
    Case("silicon.set", "rdctl-no", {"cpuid": cpuid(leaf7()), "msr": msr(_10a=1)}),
    # An outer hypervisor made the answer, and says so.
    Case("silicon.set-virtual", "sgx", {"cpuid": cpuid(rows(_1_0=VIRTUAL, _7_0=row(ebx=SGX)))}),
    Case("silicon.clear-virtual", "sgx", {"cpuid": cpuid(rows(_1_0=VIRTUAL, _7_0=row()))}),
    # A hybrid machine: the efficient cores lack it.
    Case("silicon.some", "avx2", {"cpuid": cpuid(leaf7(ebx=AVX2), leaf7(ebx=AVX2), leaf7())}),
    Case("silicon.clear", "sgx", {"cpuid": cpuid(leaf7())}),
    # Leaf 12H lies above the maximum: what the CPU answers there is another leaf's data.
    Case("silicon.clear", "sgx1", {"cpuid": cpuid({"00000000.0": row(eax=0xD), "00000012.0": row(eax=7)})}),
    Case("silicon.unread", "sgx", {}),
    Case("silicon.unread", "sgx", {"cpuid": cpuid()}),
    Case("silicon.unread", "rdctl-no", {"cpuid": cpuid(leaf7())}),
    Case("firmware.tcg", "sgx", {"domains": TCG_DOMAIN}, "domain"),
    Case("firmware.no-switch", "avx2", {"msr": msr(_3a=LOCKED)}),
    Case("firmware.on", "vmx", {"msr": msr(_3a=LOCKED)}),
    Case("firmware.on", "sgx", {"msr": msr(_3a=0)}),
    Case("firmware.on", "svm", {"msr": msr(_c0010114=0)}),
    Case("firmware.off", "sgx", {"cpuid": cpuid(leaf7(ebx=SGX)), "msr": msr(_3a=LOCKED)}),
    Case("firmware.off-known-model", "sgx", {"cpuid": cpuid(ice_lake()), "msr": msr(_3a=LOCKED)}),
    # The bit is clear on CPUs without SGX too: it proves nothing on a model that may lack it.
    Case("firmware.off-unproven", "sgx", {"cpuid": cpuid(skylake()), "msr": msr(_3a=LOCKED)}),
    Case("firmware.memory", "sgx", {"cpuid": epc(EPC_SECTION), "msr": msr(_3a=LOCKED_WITH_SGX)}),
    Case("firmware.no-memory", "sgx", {"cpuid": epc(row()), "msr": msr(_3a=LOCKED_WITH_SGX)}),
    Case("firmware.unread", "sgx", {"cpuid": cpuid(leaf7(ebx=SGX))}),
    Case("firmware.on", "sgx", {"cpuid": cpuid(leaf7(ebx=SGX)), "msr": msr(_3a=LOCKED_WITH_SGX)}),
    Case("firmware.off-unproven", "sgx", {"cpuid": cpuid({"00000007.0": row()}), "msr": msr(_3a=LOCKED)}),
    Case("firmware.unread", "svm", {"msr": msr(_3a=LOCKED)}),
    Case("kernel.tcg", "sgx", {"domains": TCG_DOMAIN, "cpuinfo": cpuinfo("sgx")}, "domain"),
    Case("kernel.paravirtual", "kvmclock", {"cpuinfo": cpuinfo("fpu")}),
    Case("kernel.flag", "sha-ni", {"cpuinfo": cpuinfo("fpu sha_ni", "sha_ni fpu")}),
    Case("kernel.flag-some", "avx2", {"cpuinfo": cpuinfo("fpu avx2", "fpu")}),
    Case("kernel.parameter", "sgx1", {"kernel": kernel("nosgx"), "sgx": sgx(vepc=False)}),
    Case("kernel.parameter", "avx2", {"kernel": kernel("quiet", "clearcpuid=smap,avx2")}),
    Case(
        "kernel.disabled",
        "hle",
        {"kernel": kernel(vulnerabilities={"tsx_async_abort": "Mitigation: TSX disabled"})},
    ),
    Case("kernel.xcr0", "amx-tile", {"kernel": kernel(xcr0="00000000000002e7")}),
    Case("kernel.device", "sgx", {"sgx": sgx(vepc=True), "cpuinfo": cpuinfo("fpu")}),
    Case("kernel.no-device", "sgx2", {"sgx": sgx(vepc=False), "cpuinfo": cpuinfo("fpu")}),
    # A flag that is absent proves nothing.
    Case("kernel.flag-absent", "avx2", {"cpuinfo": cpuinfo("fpu")}),
    Case("kernel.no-name", "rdctl-no", {"cpuinfo": cpuinfo("fpu")}),
    Case("kernel.unread", "avx2", {}),
    Case("kvm.tcg", "sgx", {"domains": TCG_DOMAIN, "kvm": kvm(leaf7(ebx=SGX))}, "domain"),
    Case("kvm.supported", "avx2", {"kvm": kvm(leaf7(ebx=AVX2))}),
    Case("kvm.supported", "rdctl-no", {"kvm": kvm(leaf7(), msr_features={"0000010a": "1"})}),
    # KVM emulates a bit that silicon lacks.
    Case("kvm.supported", "arch-capabilities", {"cpuid": cpuid(leaf7()), "kvm": kvm(leaf7(edx=1 << 29))}),
    Case("kvm.by-qemu", "tsc-deadline", {"kvm": kvm(leaf7())}),
    Case("kvm.by-qemu", "pmu", {"kvm": kvm(leaf7())}),
    Case(
        "kvm.emulated-only",
        "movbe",
        {"kvm": kvm(rows(_1_0=row()), emulated={"00000001.0": row(ecx=1 << 22)})},
    ),
    Case(
        "kvm.nested-off",
        "vmx",
        {"kvm": kvm(rows(_1_0=row())), "kernel": kernel(modules={"kvm_intel": {"nested": "N"}})},
    ),
    Case(
        "kvm.permission",
        "amx-tile",
        {"kvm": kvm(leaf7(), guest_permission={"asked": "40000", "granted": None})},
    ),
    Case("kvm.absent", "sgx", {"kvm": kvm(leaf7()), "kernel": kernel()}),
    Case("kvm.absent-qemu-adds", "erms", {"kvm": kvm(leaf7()), "kernel": kernel()}),
    Case(
        "kvm.absent",
        "amx-tile",
        {"kvm": kvm(leaf7(), guest_permission={"asked": "40000", "granted": "60207"})},
    ),
    Case("kvm.unlisted", "rdctl-no", {"kvm": kvm(leaf7(), msr_features={})}),
    Case("kvm.launch-security", "avx2", {"domains": SECURE_DOMAIN, "kvm": kvm(leaf7())}, "domain"),
    Case("kvm.unread", "avx2", {}),
    Case("qemu.adds", "hypervisor", {"qemu": qemu()}),
    Case("qemu.expands", "avx2", {"qmp": qmp(expansions={"host": {"avx2": True}})}),
    Case(
        "qemu.expands",
        "sha-ni",
        {"qmp": qmp("tcg", expansions={"max": {"sha-ni": True}}), "domains": TCG_DOMAIN},
        "domain",
    ),
    Case("qemu.expands-not", "avx2", {"qmp": qmp(expansions={"host": {"avx2": False}})}),
    Case(
        "qemu.no-sgx",
        "sgx",
        {"qmp": qmp(expansions={"host": {"sgx": True}}, sgx_error="SGX is not enabled in KVM")},
    ),
    Case("qemu.unknown-name", "fred", {"qmp": qmp(expansions={"host": {"fpu": True}}, properties=["fpu"])}),
    Case("qemu.unknown-name", "fred", {"qemu": qemu("7.2.22")}),
    Case("qemu.no-name", "aperfmperf", {"qemu": qemu()}),
    Case("qemu.name-known", "sgx", {"qemu": qemu("7.2.22")}),
    Case("qemu.version-unknown", "sgx", {"qemu": qemu(None)}),
    Case("qemu.version-unknown", "fred", {"qemu": qemu("9.2.0")}),
    Case("qemu.launch-security", "avx2", {"domains": SECURE_DOMAIN, "qemu": qemu()}, "domain"),
    Case("qemu.unread", "avx2", {}),
    Case("qemu.unread", "avx2", {"qemu": qemu(), "qmp": failed("qmp", "no answer within 10 s")}),
    Case("qemu.unread", "avx2", {"qemu": {"binaries": []}}),
    Case("libvirt.not-used", "avx2", running("-cpu", "host"), "process"),
    Case("libvirt.not-in-map", "kvmclock", {"libvirt": libvirt(map_=cpu_map())}),
    Case("libvirt.not-in-map", "pmu", {"libvirt": libvirt(map_=cpu_map())}),
    Case("libvirt.host-model", "avx2", {"libvirt": libvirt(HOST_MODEL, map_=cpu_map())}),
    Case(
        "libvirt.host-model",
        "sgx",
        {"libvirt": libvirt(HOST_MODEL + "<feature policy='require' name='sgx'/>", map_=cpu_map())},
    ),
    # The map's VMX controls stood on other bits before they moved.
    Case(
        "libvirt.host-model",
        "vmx-ept",
        {"libvirt": libvirt(HOST_MODEL + "<feature policy='require' name='vmx-ept'/>", map_=cpu_map())},
    ),
    Case("libvirt.host-model-lacks", "sgx", {"libvirt": libvirt(HOST_MODEL, map_=cpu_map())}),
    Case("libvirt.not-migratable", "invtsc", {"libvirt": libvirt(HOST_MODEL, map_=cpu_map())}),
    Case("libvirt.wrong-mask", "sgx", {"libvirt": libvirt(HOST_MODEL, map_=cpu_map(WRONG_MASK))}),
    Case("libvirt.unknown-name", "sgx1", {"libvirt": libvirt(HOST_MODEL, map_=cpu_map())}),
    Case("libvirt.stale-cache", "sgx", {"libvirt": libvirt(HOST_MODEL, map_=cpu_map(), cache=STALE)}),
    Case("libvirt.name-known", "sgx", {"libvirt": libvirt(map_=cpu_map())}),
    Case("libvirt.model-unseen", "vmx", {"libvirt": libvirt("<model>Skylake</model>")}),
    Case(
        "libvirt.launch-security",
        "avx2",
        {"domains": SECURE_DOMAIN, "libvirt": libvirt(HOST_MODEL, map_=cpu_map())},
        "domain",
    ),
    Case("libvirt.without-kvm", "avx2", {"libvirt": WITHOUT_KVM}),
    Case("libvirt.map-damaged", "avx2", {"libvirt": libvirt(map_=cpu_map("<cpus><feature"))}),
    # What domain capabilities tell by themselves needs no map.
    Case(
        "libvirt.host-model",
        "sgx",
        {"libvirt": libvirt("<feature policy='require' name='sgx'/>", map_=cpu_map("<cpus><feature"))},
    ),
    Case("libvirt.unread", "avx2", {}),
    Case("libvirt.unread", "sgx", {"libvirt": REFUSED}),
    # A bit that only another vendor's CPUs have, and a flag that Linux makes of the other vendor's bit.
    Case("silicon.other-vendor", "svm", {"cpuid": cpuid(leaf7())}),
    Case("kernel.other-vendor", "amd-stibp", {"cpuid": cpuid(leaf7()), "cpuinfo": cpuinfo("stibp")}),
    Case("silicon.made-by-linux", "rep_good", {"cpuid": cpuid(leaf7())}),
    Case("kernel.flag", "rep_good", {"cpuinfo": cpuinfo("rep_good")}),
    # A flag that is shown outweighs a parameter that this kernel may not know.
    Case("kernel.flag", "smap", {"cpuinfo": cpuinfo("smap"), "kernel": kernel("nosmap")}),
    Case("kernel.parameter", "avx2", {"kernel": kernel("clearcpuid=293")}),
    Case("kvm.beside", "osxsave", {"kvm": kvm(rows(_1_0=row()))}),
    Case("kvm.immunity", "rdctl-no", {"kvm": kvm(leaf7(), msr_features={"0000010a": "0"})}),
    Case(
        "kvm.nested-off",
        "vmx-ept",
        {"kvm": kvm(leaf7()), "kernel": kernel(modules={"kvm_intel": {"nested": "N"}})},
    ),
    Case(
        "kvm.nested-off",
        "npt",
        {"kvm": kvm(rows(_1_0=row())), "kernel": kernel(modules={"kvm_amd": {"nested": "0"}})},
    ),
    # Plain SEV leaves CPUID to the hypervisor.
    Case(
        "kvm.supported",
        "avx2",
        {
            "domains": domains(inactive=domain_xml("<cpu/>", more="<launchSecurity type='sev'/>")),
            "kvm": kvm(leaf7(ebx=AVX2)),
        },
        "domain",
    ),
    Case("qemu.on-request", "topoext", {"qmp": qmp(expansions={"host": {"topoext": False}})}),
    Case("qemu.beside", "hv-vapic", {"qmp": qmp(expansions={"host": {"hv-vapic": False}})}),
    Case("qemu.topology", "ht", {"qemu": qemu()}),
    Case(
        "qemu.not-migratable",
        "invtsc",
        {"qmp": qmp(expansions={"host": {"invtsc": False}, "host,migratable=off": {"invtsc": True}})},
    ),
    # host-passthrough never asks libvirt's map.
    Case("libvirt.passed-by", "sgx1", {**domain("<cpu mode='host-passthrough'/>"), **MAP}, "domain"),
    Case(
        "libvirt.passed-by",
        "sgx1",
        {**live(SKYLAKE_CPU), **running("-cpu", "Skylake-Client,sgx1=on"), **MAP},
        "domain",
    ),
    Case("libvirt.beside", "ht", {"libvirt": libvirt(HOST_MODEL, map_=cpu_map())}),
]

HOST = {"libvirt": libvirt(HOST_MODEL, map_=cpu_map())}
CUSTOM = "<cpu mode='custom'><model>Skylake</model>{}</cpu>"

DEMAND = [
    Case("nova.none", "sgx", {"nova": nova(cpu_mode="host-model")}),
    Case("nova.none", "sgx", domain("<cpu/>"), "domain"),
    Case("nova.require", "sgx", {"nova": nova(cpu_mode="host-model", cpu_model_extra_flags="pcid, +SGX")}, "nova"),
    Case("nova.disable", "sgx", {"nova": nova(cpu_model_extra_flags="-sgx")}, "nova"),
    Case("nova.dropped", "sgx", {"nova": nova(cpu_mode="none", cpu_model_extra_flags="sgx")}, "nova"),
    Case("nova.wrong-name", "sgxlc", {"nova": nova(cpu_model_extra_flags="sgx-lc")}, "nova"),
    Case("nova.passthrough", "sgx", {"nova": nova(cpu_mode="host-passthrough")}, "nova"),
    Case("nova.host-model", "avx2", {"nova": nova(cpu_mode="host-model"), **HOST}, "nova"),
    Case("nova.host-model-lacks", "sgx", {"nova": nova(virt_type="kvm"), **HOST}, "nova"),
    Case("nova.model", "avx2", {"nova": nova(cpu_mode="custom", cpu_models="Skylake"), **HOST}, "nova"),
    Case("nova.model-lacks", "sgx", {"nova": nova(cpu_mode="custom", cpu_models="Skylake"), **HOST}, "nova"),
    Case("nova.undecided", "sgx", {"nova": nova(cpu_mode="host-model")}, "nova"),
    Case("nova.undecided", "sgx", {"nova": nova(cpu_mode="$images_type")}, "nova"),
    Case("nova.flavor-model", "avx2", {"nova": TWO_MODELS, **HOST}, "nova", specs=WITH_AVX2),
    Case("nova.flavor-model-lacks", "avx2", {"nova": TWO_MODELS, **HOST}, "nova", specs={}),
    Case("nova.guest-refused", "avx2", {"nova": TWO_MODELS, **HOST}, "nova", specs={"hw:numa_nodes": "3"}),
    Case("nova.random", "vmx", {"nova": nova(cpu_model_extra_flags="+vmx,-vmx")}, "nova"),
    Case("nova.default", "hypervisor", {"nova": nova(cpu_mode="host-model"), **HOST}, "nova"),
    Case("nova.migratable", "invtsc", {"nova": nova(cpu_mode="host-passthrough")}, "nova"),
    Case("nova.beside", "topoext", {"nova": nova(cpu_mode="host-passthrough")}, "nova"),
    Case("nova.unknown-model", "sgx", {"nova": nova(cpu_mode="custom", cpu_models="Nosuch"), **HOST}, "nova"),
    Case("nova.refused", "sgx", {"nova": nova(cpu_mode="passthrough")}, "nova"),
    Case("nova.refused", "sgx", {"nova": nova(cpu_mode="custom")}, "nova"),
    Case("nova.refused", "sgx", {"nova": nova(cpu_mode="host-model", cpu_models="Skylake")}, "nova"),
    Case("nova.no-cpu", "sgx", {"nova": nova(cpu_mode="none"), **HOST}, "nova"),
    Case("domain.default", "kvmclock", domain(CUSTOM.format(""), **HOST), "domain"),
    Case("domain.migratable", "invtsc", domain("<cpu mode='host-passthrough'/>"), "domain"),
    Case("domain.passthrough", "invtsc", domain("<cpu mode='host-passthrough' migratable='off'/>"), "domain"),
    Case("domain.beside", "ht", domain(CUSTOM.format(""), **HOST), "domain"),
    Case("domain.unknown-model", "sgx", domain("<cpu><model>Nosuch</model></cpu>", **HOST), "domain"),
    # match='minimum' asks for the host's other features too.
    Case("domain.model", "avx2", domain("<cpu match='minimum'><model>qemu64</model></cpu>", **HOST), "domain"),
    Case(
        "domain.switch",
        "hv-vapic",
        domain("<cpu/><features><hyperv><vapic state='on'/></hyperv></features>"),
        "domain",
    ),
    Case(
        "domain.switch-off",
        "kvmclock",
        domain("<cpu/><clock><timer name='kvmclock' present='no'/></clock>"),
        "domain",
    ),
    Case("domain.switch-missing", "hv-vapic", domain(CUSTOM.format(""), **HOST), "domain"),
    # libvirt has no name for it: what its XML leaves unsaid is no refusal.
    Case("domain.undecided", "fill-mtrr-mask", domain(CUSTOM.format(""), **HOST), "domain"),
    Case("process.default", "kvmclock", running("-cpu", "Skylake-Client"), "process"),
    Case("process.disable", "kvmclock", running("-cpu", "host,kvm=off"), "process"),
    Case("process.migratable", "invtsc", running("-cpu", "host"), "process"),
    Case("process.passthrough", "invtsc", running("-cpu", "host,migratable=off"), "process"),
    Case("process.beside", "ht", running("-cpu", "host"), "process"),
    Case(
        "nova.unread", "sgx", domain("<cpu/>", nova=failed("/etc/nova/nova.conf", "permission denied")), "domain"
    ),
    Case("domain.none", "sgx", {}),
    Case("domain.none", "sgx", {"nova": nova()}, "nova"),
    Case("domain.require", "sgx", domain("<cpu><feature policy='require' name='sgx'/></cpu>"), "domain"),
    Case("domain.disable", "sgx", domain("<cpu><feature policy='disable' name='sgx'/></cpu>"), "domain"),
    Case("domain.wrong-name", "sgxlc", domain("<cpu><feature name='sgx_lc'/></cpu>"), "domain"),
    Case("domain.passthrough", "sgx", domain("<cpu mode='host-passthrough'/>"), "domain"),
    Case("domain.passthrough", "sgx", domain("<cpu mode='maximum'/>"), "domain"),
    Case("domain.host-model", "avx2", domain("<cpu mode='host-model'/>", **HOST), "domain"),
    Case("domain.host-model-lacks", "sgx", domain("<cpu mode='host-model'/>", **HOST), "domain"),
    Case("domain.model", "avx2", domain(CUSTOM.format(""), **HOST), "domain"),
    Case("domain.model-lacks", "sgx", domain(CUSTOM.format(""), **HOST), "domain"),
    # A domain without <cpu> gets QEMU's default model.
    Case("domain.model", "fpu", domain("", **HOST), "domain"),
    Case("domain.model-lacks", "avx2", domain("", **HOST), "domain"),
    Case("domain.undecided", "sgx", domain("<cpu mode='host-model'/>"), "domain"),
    Case("domain.unread", "sgx", {"domains": domains(live=domain_xml("<cpu/>"), pid=4711)}, "domain"),
    Case("process.none", "sgx", {}),
    Case("process.none", "sgx", domain("<cpu/>"), "domain"),
    Case("process.require", "sgx", running("-cpu", "Skylake-Client,sgx=on"), "process"),
    Case("process.disable", "avx2", running("-cpu", "Skylake-Client,-avx2"), "process"),
    # A second -cpu replaced the first whole.
    Case("process.replaced", "sgx", running(*TWO_CPUS), "process"),
    Case("process.replaced", "sgx", running("-cpu", "a,+sgx", "-cpu", "b,sgx=off"), "process"),
    Case("process.passthrough", "sgx", running("-cpu", "host,migratable=off"), "process"),
    Case(
        "process.model",
        "avx2",
        running("-cpu", "Skylake-Client", qmp=qmp(expansions={"Skylake-Client": {"avx2": True}})),
        "process",
    ),
    Case(
        "process.model-lacks",
        "avx2",
        running(qmp=qmp(expansions={"qemu64": {"avx2": False}})),
        "process",
    ),
    Case("process.model-by-table", "avx2", running("-cpu", "Skylake-Client", qemu=qemu()), "process"),
    Case("process.model-by-table-lacks", "avx2", running(qemu=qemu()), "process"),
    Case("process.undecided", "avx2", running("-cpu", "Skylake-Client"), "process"),
    Case("process.undecided", "avx2", running("-cpu", "no-model", qemu=qemu()), "process"),
    Case("process.unread", "avx2", live("<cpu mode='host-model'/>"), "domain"),
]

GOT = [
    Case("guest.none", "sgx", {}),
    # An emulated guest needs nothing of its host: the version of QEMU tells all.
    Case("guest.predicted", "avx2", {"processes": processes(*TCG, "-cpu", "Haswell"), "qemu": qemu()}, "process"),
    Case("guest.predicted-lacks", "avx2", {"processes": processes(*TCG), "qemu": qemu()}, "process"),
    Case("guest.none", "sgx", domain("<cpu/>"), "domain"),
    Case("guest.inside", "avx2", live("<cpu/>"), "domain", cpuid(leaf7(ebx=AVX2))),
    Case("guest.inside-lacks", "avx2", live("<cpu/>"), "domain", cpuid(leaf7(ebx=AVX2), leaf7())),
    Case("guest.monitor", "avx2", live("<cpu/>", monitor=monitor({"avx2": True})), "domain"),
    Case("guest.monitor-lacks", "avx2", live("<cpu/>", monitor=monitor({"avx2": False})), "domain"),
    Case("guest.monitor-lacks", "sgx", live("<cpu/>", monitor=monitor({"sgx": True}, ("sgx",))), "domain"),
    Case("guest.live", "avx2", live(CUSTOM.format(""), **HOST), "domain"),
    Case("guest.live", "sgx", live(CUSTOM.format("<feature policy='require' name='sgx'/>")), "domain"),
    Case("guest.live-dropped", "sgx", live(CUSTOM.format("<feature policy='disable' name='sgx'/>")), "domain"),
    Case("guest.live-lacks", "sgx", live(CUSTOM.format(""), **HOST), "domain"),
    # The live XML of host-passthrough stays unexpanded.
    Case("guest.undecided", "sgx", live("<cpu mode='host-passthrough' check='none'/>", **HOST), "domain"),
    Case("guest.undecided", "avx2", live(CUSTOM.format("")), "domain"),
    # A second -cpu makes the model in the live XML a fiction.
    Case(
        "guest.undecided",
        "avx2",
        live(
            CUSTOM.format("")
            + "<qemu:commandline><qemu:arg value='-cpu'/><qemu:arg value='Nehalem'/></qemu:commandline>",
            **HOST,
        ),
        "domain",
    ),
    # What decides nothing leaves the word to the next best.
    Case(
        "guest.monitor", "rdctl-no", live("<cpu/>", monitor=monitor({"rdctl-no": True})), "domain", cpuid(leaf7())
    ),
    Case("guest.monitor", "avx2", live("<cpu/>", monitor=monitor({"avx2": True})), "domain", cpuid()),
    Case("guest.unread", "sgx", running("-cpu", "host"), "process"),
]

CASES = SUPPLY + DEMAND + GOT

INSIDE = cpuid(leaf7(ebx=AVX2))
INSIDE_SGX = cpuid(leaf7(ebx=SGX))
SKYLAKE = nova(cpu_mode="custom", cpu_models="Skylake")
EXPOSED = [
    (
        Case("guest.exposed-nova", "sgx", {"nova": SKYLAKE, **HOST}, "nova", INSIDE_SGX),
        "cpu_model_extra_flags = -sgx",
    ),
    (
        Case("guest.exposed-domain", "sgx", live(CUSTOM.format(""), **HOST), "domain", INSIDE_SGX),
        "policy='disable' name='sgx'",
    ),
    (
        Case("guest.exposed-process", "avx2", running("-cpu", "qemu64", qemu=qemu()), "process", INSIDE),
        "-avx2 (or",
    ),
    (
        Case("guest.exposed-disabled", "avx2", running("-cpu", "Haswell,-avx2"), "process", INSIDE),
        "Cold-start the guest",
    ),
]


@pytest.mark.parametrize(("case", "mend"), EXPOSED, ids=lambda value: getattr(value, "rule", "mend"))
def test_what_nobody_asked_for_and_the_guest_has_is_exposure(case: Case, mend: str) -> None:
    verdict = case.judge_exposure()
    assert verdict is not None
    assert (verdict.rule, verdict.state) == (case.rule, State.PRESENT)
    assert mend in verdict.mend
    assert "{" not in verdict.mend


@pytest.mark.parametrize(
    "case",
    [
        Case("", "avx2", running("-cpu", "Haswell", qemu=qemu()), "process", INSIDE),
        Case("", "avx2", running("-cpu", "qemu64", qemu=qemu()), "process", cpuid(leaf7())),
        Case("", "avx2", running("-cpu", "no-model", qemu=qemu()), "process", INSIDE),
        Case("", "avx2", live("<cpu mode='host-passthrough'/>", **HOST), "domain", INSIDE),
        Case("", "avx2", {}),
    ],
    ids=["asked", "not-got", "undecided", "passthrough", "no-guest"],
)
def test_what_was_asked_for_or_is_not_there_is_no_exposure(case: Case) -> None:
    assert case.judge_exposure() is None


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}-{case.feature}")
def test_evidence_leads_to_the_rule(case: Case) -> None:
    verdict = case.judge()
    assert verdict.rule == case.rule
    assert verdict.state is rules()[case.rule].state
    assert verdict.summary
    assert "{" not in verdict.mend


def test_every_rule_is_drawn() -> None:
    assert {case.rule for case in (*CASES, *(case for case, _ in EXPOSED))} == set(rules())


def test_missing_evidence_is_never_a_loss() -> None:
    for case in CASES:
        if case.rule.endswith((".unread", ".undecided", ".version-unknown", ".name-known")):
            assert rules()[case.rule].state is State.UNKNOWN
