"""The whole text of `why` and `explain` for a few hosts made by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from snapshots import (
    ICE_LAKE_SIGNATURE,
    QEMU_PATH,
    Data,
    cpu_map,
    cpuid,
    cpuinfo,
    domain_xml,
    domains,
    evidence,
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
from vcpuid.answers.explain import explain
from vcpuid.answers.why import why
from vcpuid.render.explain import render_explain
from vcpuid.render.why import render_why

Check = Callable[[str, str], None]

ASKS_SGX = "<cpu mode='custom'>\n<model>Skylake</model>\n<feature policy='require' name='sgx'/></cpu>"
LOST_SGX = "<cpu mode='custom'>\n<model>Skylake</model>\n<feature policy='disable' name='sgx'/></cpu>"
LEAF_7 = row(eax=1, ebx=0x029C6FBF, ecx=0x40000000, edx=0xBC000600)
WITHOUT_SGX = row(eax=1, ebx=0x029C6FBB, edx=0xBC000600)
SKYLAKE = "<model>Skylake</model>"


@dataclass(frozen=True)
class Case:
    """A host, and what is asked of it."""

    sources: dict[str, Data]
    features: tuple[str, ...]
    guest: str | None = None
    verbose: bool = False


def running(cpu: str, live: str, *args: str) -> dict[str, Data]:
    xml = domain_xml(cpu)
    return {
        "domains": domains(inactive=xml, started=xml, live=domain_xml(live), pid=4711),
        "processes": processes("-accel", "kvm", *args),
    }


BIOS_OFF: dict[str, Data] = {
    "cpuid": cpuid(rows(_7_0=LEAF_7)),
    "msr": msr(_3a=5),
    "cpuinfo": cpuinfo("fpu avx2"),
    "kernel": kernel(),
    "sgx": sgx(vepc=False),
    "kvm": kvm(rows(_7_0=WITHOUT_SGX)),
    "qemu": qemu(),
    "qmp": qmp(expansions={"host": {"sgx": False, "avx2": True}}),
    "libvirt": libvirt(SKYLAKE, map_=cpu_map()),
    "nova": nova(cpu_mode="custom", cpu_models="Skylake", cpu_model_extra_flags="sgx"),
    **running(ASKS_SGX, LOST_SGX, "-cpu", "Skylake,sgx=on"),
}
ALL_FINE: dict[str, Data] = {
    **BIOS_OFF,
    "cpuid": cpuid(rows(_7_0=LEAF_7, _12_2=row(eax=0x80200001, ecx=0x05E00001))),
    "msr": msr(_3a=0x60005),
    "sgx": sgx(vepc=True),
    "kvm": kvm(rows(_7_0=LEAF_7)),
    "qmp": qmp(expansions={"host": {"sgx": True, "avx2": True}}),
    "libvirt": libvirt(SKYLAKE + "<feature policy='require' name='sgx'/>", map_=cpu_map()),
    **running(ASKS_SGX, ASKS_SGX, "-cpu", "Skylake,sgx=on"),
}

WHY = {
    "sgx-off-in-the-bios": Case(BIOS_OFF, ("sgx",), "web-1"),
    "sgx-off-in-the-bios-verbose": Case(BIOS_OFF, ("sgx",), "web-1", verbose=True),
    "all-fine": Case(ALL_FINE, ("sgx", "avx2"), "web-1"),
    "all-fine-without-a-guest": Case(ALL_FINE, ("sgx",)),
    "kvm-emulates": Case(
        {
            "cpuid": cpuid(rows(_7_0=row())),
            "cpuinfo": cpuinfo("fpu"),
            "kvm": kvm(rows(_7_0=row(edx=1 << 29))),
            "qemu": qemu(),
            "qmp": qmp(expansions={"host": {"arch-capabilities": True}}),
        },
        ("arch-capabilities",),
    ),
    "a-second-cpu-option": Case(
        ALL_FINE
        | running(ASKS_SGX, LOST_SGX, "-cpu", "Skylake,sgx=on", "-cpu", "Nehalem")
        | {"monitor": monitor({"avx2": False, "sgx": False})},
        ("sgx",),
        "web-1",
    ),
    "not-asked-for": Case(
        ALL_FINE | {"domains": domains(inactive=domain_xml("<cpu mode='custom'><model>qemu64</model></cpu>"))},
        ("avx2",),
        "web-1",
    ),
    "a-map-with-a-wrong-mask": Case(
        {
            **ALL_FINE,
            "libvirt": libvirt(
                SKYLAKE,
                map_=cpu_map("<cpus>\n<feature name='sgx'><cpuid eax_in='7' ebx='0x029c6fbf'/></feature></cpus>"),
            ),
        },
        ("sgx",),
    ),
    "a-stale-cache": Case(
        {
            **ALL_FINE,
            "libvirt": libvirt(
                SKYLAKE, map_=cpu_map(), cache=[{"file": "1.xml", "emulator": QEMU_PATH, "emulator_newer": True}]
            ),
        },
        ("sgx",),
    ),
    "a-known-model-with-sgx-hidden": Case(
        {
            "cpuid": cpuid(rows(_1_0=f"{ICE_LAKE_SIGNATURE} 00000000 00000000 00000000", _7_0=row())),
            "msr": msr(_3a=5),
        },
        ("sgx",),
    ),
    "an-outer-hypervisor": Case({"cpuid": cpuid(rows(_1_0=row(ecx=1 << 31), _7_0=row()))}, ("sgx",)),
    "a-kernel-parameter": Case(
        {"cpuid": cpuid(rows(_7_0=LEAF_7)), "kernel": kernel("clearcpuid=avx2"), "cpuinfo": cpuinfo("fpu")},
        ("avx2",),
    ),
    "nothing-known": Case({}, ("sgx",)),
}
EXPLAIN = {
    "bits-of-fields": ("27.0.edx.1", "1.eax.5", "40000103.0.eax.1", "7ffe.0.eax.3"),
    "sgx": ("sgx",),
    "names-in-other-dialects": ("sgx_lc", "HW_CPU_X86_SHA", "Avx2"),
    "an-amd-bit": ("svm",),
    "an-msr-bit": ("rdctl-no",),
    "a-moved-bit": ("vmx-ept",),
    "several-bits": ("kvmclock",),
    "a-switch": ("pmu",),
    "a-mirror": ("80000001.0.edx.0",),
    "values": ("0x12.1.eax=0x36", "7.0.ebx=0x029c6fbf", "1.eax=0x000506e3", "MSR 0x3a=0x60005"),
    "a-hypervisors-word": ("0x40000001.eax=0x43", "40000003.0.edx"),
    "a-word": ("12.0.eax",),
}


@pytest.mark.parametrize("name", WHY)
def test_why(name: str, golden: Check) -> None:
    case = WHY[name]
    host = evidence(**case.sources)
    answers = [why(feature, host, case.guest) for feature in case.features]
    golden(f"why/{name}", render_why(answers, verbose=case.verbose).plain())


@pytest.mark.parametrize("name", EXPLAIN)
def test_explain(name: str, golden: Check) -> None:
    golden(f"explain/{name}", render_explain([explain(text) for text in EXPLAIN[name]]).plain())
