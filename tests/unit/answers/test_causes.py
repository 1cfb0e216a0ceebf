"""Every test of a cause: evidence on which it holds, on which it does not, and on which nobody can tell."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from snapshots import (
    AUTHENTIC_AMD,
    QEMU_PATH,
    VIRTUAL,
    cpu_map,
    cpuid,
    domain_xml,
    domains,
    evidence,
    failed,
    kernel,
    kvm,
    libvirt,
    msr,
    nova,
    processes,
    qemu,
    row,
    rows,
    sgx,
)
from vcpuid.answers.causes import OF_HOST, OF_TEXT, run_test
from vcpuid.answers.causes.case import Case, Holding
from vcpuid.answers.diagnose import named
from vcpuid.evidence.guest import guest_of_domain
from vcpuid.terms.feature import Dialect

YES, NO, UNKNOWN, UNTESTED = Holding.HOLDS, Holding.HOLDS_NOT, Holding.UNKNOWN, Holding.UNTESTED
SGX, VMX = 1 << 2, 1 << 5
WITH_SGX = rows(_1_0=row(ecx=VMX), _7_0=row(ebx=SGX))
WITHOUT = rows(_1_0=row(), _7_0=row())
AMD = {**rows(_1_0=row(), _7_0=row()), "00000000.0": AUTHENTIC_AMD}
V2 = rows(
    _1_0=row(ecx=1 | 1 << 9 | 1 << 13 | 1 << 19 | 1 << 20 | 1 << 23, edx=0x0783FBFF),
    _80000000_0=row(eax=0x80000001),
    _80000001_0=row(ecx=1, edx=1 << 29 | 1 << 11),
)
SPOILT = cpu_map().copy()
SPOILT["files"] = {
    name: text.replace("ebx='0x00000004'", "ebx='0x029c6fbf'") for name, text in SPOILT["files"].items()
}
BROKEN = {**cpu_map(), "files": {"index.xml": "<cpus>"}}
NEW, OLD = ({"file": "1.xml", "emulator": QEMU_PATH, "emulator_newer": is_newer} for is_newer in (False, True))


def guest(cpu: str, *, type_: str = "kvm", more: str = "") -> dict[str, Any]:
    return {"domains": domains(inactive=domain_xml(cpu, type_=type_, more=more))}


class Trial(NamedTuple):
    """A test, what it is put to, and what it finds."""

    test: str
    holding: Holding
    sources: dict[str, Any]
    argument: str = ""
    names: tuple[str, ...] = ()
    values: dict[str, str] = {}  # noqa: RUF012 - a tuple's default, never written to
    dialect: Dialect = Dialect.LIBVIRT


MODEL = {"model": "Nosuch"}
QEMU64 = "<cpu mode='custom'><model>qemu64</model></cpu>"
SKYLAKE = "<cpu mode='custom'><model>Skylake</model></cpu>"
VENDORED = cpu_map(
    models="<cpus><model name='Base'><vendor name='AMD'/></model>"
    "<model name='Skylake'><model name='Base'/></model></cpus>"
)
PASSED = "<qemu:commandline><qemu:arg value='-cpu'/><qemu:arg value='host'/></qemu:commandline>"
REPLACED = processes("-cpu", "host")
REPLACED["processes"][0]["deleted"] = True
TRIALS = [
    Trial("breaks-at", YES, {"cpuid": cpuid(WITH_SGX), "kvm": kvm(WITHOUT)}, "kvm", ("sgx",)),
    Trial("breaks-at", NO, {"cpuid": cpuid(WITHOUT), "kvm": kvm(WITHOUT)}, "kvm", ("sgx",)),
    Trial("breaks-at", YES, {"cpuid": cpuid(WITHOUT), "kvm": kvm(WITHOUT)}, "silicon", ("sgx",)),
    Trial("breaks-at", UNKNOWN, {"cpuid": cpuid(WITH_SGX)}, "kvm", ("sgx",)),
    Trial("breaks-at", UNTESTED, {}, "kvm", ("nosuch",)),
    Trial("breaks-anywhere", YES, {"cpuid": cpuid(WITHOUT), "kvm": kvm(WITHOUT)}, "avx"),
    Trial("breaks-anywhere", NO, {"cpuid": cpuid(WITH_SGX), "kvm": kvm(WITH_SGX)}, "vmx"),
    Trial("breaks-anywhere", UNKNOWN, {}, "avx"),
    Trial("firmware-off", YES, {"cpuid": cpuid(WITH_SGX), "msr": msr(_3a=1)}, "sgx"),
    Trial("firmware-off", NO, {"cpuid": cpuid(WITH_SGX), "msr": msr(_3a=1 | 1 << 18)}, "sgx"),
    Trial("firmware-off", UNKNOWN, {"cpuid": cpuid(WITH_SGX)}, "sgx"),
    Trial("virtualisation-off", YES, {"cpuid": cpuid(WITH_SGX), "msr": msr(_3a=1)}),
    Trial("virtualisation-off", NO, {"cpuid": cpuid(WITH_SGX), "msr": msr(_3a=5)}),
    Trial("virtualisation-off", UNKNOWN, {}),
    Trial("no-virtualisation", YES, {"cpuid": cpuid(WITHOUT)}),
    Trial("no-virtualisation", NO, {"cpuid": cpuid(WITH_SGX)}),
    Trial("no-virtualisation", UNKNOWN, {}),
    Trial("virtual-host", YES, {"cpuid": cpuid(rows(_1_0=VIRTUAL))}),
    Trial("virtual-host", NO, {"cpuid": cpuid(WITHOUT)}),
    Trial("virtual-host", UNKNOWN, {}),
    Trial("host-has", YES, {"cpuid": cpuid(WITH_SGX)}, "vmx"),
    Trial("host-has", NO, {"cpuid": cpuid(WITHOUT)}, "vmx"),
    Trial("host-has", UNKNOWN, {}, "vmx"),
    Trial("level", YES, {"cpuid": cpuid(WITHOUT)}, values={"level": "2"}),
    Trial("level", NO, {"cpuid": cpuid(V2)}, values={"level": "2"}),
    Trial("level", NO, {"cpuid": cpuid(V2)}, values={"level": "X86_V2"}),
    Trial("level", YES, {"cpuid": cpuid(V2)}, values={"level": "3"}),
    Trial("level", UNKNOWN, {}),
    Trial("tsx-taken", YES, {"cpuid": cpuid(WITHOUT), "kernel": kernel("tsx=off")}),
    Trial("tsx-taken", YES, {"cpuid": cpuid(WITHOUT), "msr": msr(_122=3)}),
    Trial("tsx-taken", YES, {"cpuid": cpuid(rows(_7_0=row(edx=1 << 11)))}),
    Trial("tsx-taken", NO, {"cpuid": cpuid(rows(_7_0=row(ebx=1 << 11))), "kernel": kernel("tsx=off")}),
    Trial("tsx-taken", UNKNOWN, {"cpuid": cpuid(WITHOUT), "kernel": kernel(), "msr": msr(_122=0)}),
    Trial("nested-off", YES, {"cpuid": cpuid(WITH_SGX)}, names=("svm",)),
    Trial("nested-off", YES, {"cpuid": cpuid(WITH_SGX), "kernel": kernel(modules={"kvm_intel": {"nested": "N"}})}),
    Trial("nested-off", NO, {"cpuid": cpuid(AMD), "kernel": kernel(modules={"kvm_amd": {"nested": "1"}})}),
    Trial("nested-off", UNKNOWN, {"cpuid": cpuid(WITH_SGX), "kernel": kernel()}, names=("vmx",)),
    Trial("no-kvm", YES, {"kvm": failed("/dev/kvm", "No such file or directory")}, "missing"),
    Trial("no-kvm", NO, {"kvm": failed("/dev/kvm", "Permission denied")}, "missing"),
    Trial("no-kvm", YES, {"kvm": failed("/dev/kvm", "Permission denied")}, "denied"),
    Trial("no-kvm", NO, {"kvm": kvm(WITHOUT)}),
    Trial("no-kvm", UNKNOWN, {"kvm": kvm(WITHOUT)}, "denied"),
    Trial("no-kvm", UNKNOWN, {}),
    Trial("parameter", YES, {"kernel": kernel("nosgx")}, "nosgx"),
    Trial("parameter", NO, {"kernel": kernel("quiet")}, "nosgx"),
    Trial("parameter", UNKNOWN, {}, "nosgx"),
    Trial("device-missing", YES, {"sgx": sgx(vepc=False)}, "/dev/sgx_vepc"),
    Trial("device-missing", NO, {"sgx": sgx(vepc=True)}, "/dev/sgx_vepc"),
    Trial("device-missing", UNKNOWN, {"sgx": sgx(vepc=True)}, "/dev/sgx_provision"),
    Trial("device-present", NO, {"sgx": sgx(vepc=False)}, "/dev/sgx_vepc"),
    Trial("device-present", UNKNOWN, {"sgx": sgx(vepc=True)}, "/dev/sgx_vepc"),
    Trial("no-epc", YES, {"cpuid": cpuid(rows(_7_0=row(ebx=SGX), _12_2=row()))}),
    Trial("no-epc", NO, {"cpuid": cpuid(rows(_7_0=row(ebx=SGX), _12_2=row(eax=1, ecx=0x1000)))}),
    Trial("no-epc", NO, {"sgx": {**sgx(vepc=True), "numa": {"0": 1 << 26}}}),
    Trial("no-epc", UNKNOWN, {}),
    Trial("stale-cache", YES, {"libvirt": libvirt(cache=[NEW, OLD])}),
    Trial("stale-cache", NO, {"libvirt": libvirt(cache=[NEW])}),
    Trial("stale-cache", UNKNOWN, {"libvirt": libvirt()}),
    Trial("wrong-mask", YES, {"libvirt": libvirt(map_=SPOILT)}),
    Trial("wrong-mask", NO, {"libvirt": libvirt(map_=cpu_map())}, names=("sgx",)),
    Trial("wrong-mask", UNKNOWN, {"libvirt": libvirt()}),
    Trial("map-damaged", YES, {"libvirt": libvirt(map_=BROKEN)}),
    Trial("map-damaged", YES, {"libvirt": libvirt(map_=SPOILT)}),
    Trial("map-damaged", NO, {"libvirt": libvirt(map_=cpu_map())}),
    Trial("map-damaged", UNKNOWN, {}),
    Trial("unknown-in-map", YES, {"libvirt": libvirt(map_=cpu_map())}, names=("sgx2",)),
    Trial("unknown-in-map", NO, {"libvirt": libvirt(map_=cpu_map())}, names=("sgx",)),
    Trial("unknown-in-map", UNKNOWN, {"libvirt": libvirt(map_=BROKEN)}, names=("sgx",)),
    Trial("model-unknown", YES, {"libvirt": libvirt(map_=cpu_map())}, values=MODEL),
    Trial("model-unknown", NO, {"libvirt": libvirt(map_=cpu_map())}, values={"model": "qemu64"}),
    Trial("model-unknown", UNKNOWN, {"libvirt": libvirt()}, values=MODEL),
    Trial("model-unknown", YES, {"qemu": qemu("1:7.2+dfsg-7")}, values=MODEL, dialect=Dialect.QEMU),
    Trial("model-unknown", NO, {"qemu": qemu()}, values={"model": "EPYC-Milan"}, dialect=Dialect.QEMU),
    Trial("model-unknown", UNKNOWN, {"qemu": qemu("6.2.0")}, values=MODEL, dialect=Dialect.QEMU),
    Trial("model-unknown", UNKNOWN, {}, values=MODEL, dialect=Dialect.QEMU),
    Trial("foreign-model", YES, {**guest(SKYLAKE), "cpuid": cpuid(WITHOUT), "libvirt": libvirt(map_=VENDORED)}),
    Trial("foreign-model", NO, {**guest(SKYLAKE), "cpuid": cpuid(AMD), "libvirt": libvirt(map_=VENDORED)}),
    Trial("foreign-model", NO, {**guest(QEMU64), "cpuid": cpuid(AMD), "libvirt": libvirt(map_=cpu_map())}),
    Trial("foreign-model", UNKNOWN, {"cpuid": cpuid(AMD), "libvirt": libvirt(map_=VENDORED)}),
    Trial("second-cpu", YES, {"processes": processes("-cpu", "a", "-cpu", "b")}),
    Trial("second-cpu", YES, {**guest(QEMU64, more=PASSED), "processes": {"processes": []}}),
    Trial("second-cpu", NO, {"processes": processes("-cpu", "a")}),
    Trial("second-cpu", UNKNOWN, {}),
    Trial("binary-replaced", YES, {"processes": REPLACED}),
    Trial("binary-replaced", NO, {"processes": processes("-cpu", "a")}),
    Trial("binary-replaced", UNKNOWN, {}),
    Trial("tcg", YES, guest(QEMU64, type_="qemu")),
    Trial("tcg", YES, {}, values={"type": "qemu"}),
    Trial("tcg", NO, guest(QEMU64)),
    Trial("tcg", UNKNOWN, {}),
    Trial("default-model", YES, guest("<cpu/>")),
    Trial("default-model", YES, guest(QEMU64)),
    Trial("default-model", NO, guest(SKYLAKE)),
    Trial("default-model", UNKNOWN, {}),
    Trial("nova-mode-none", YES, {"nova": nova(cpu_mode="none")}),
    Trial("nova-mode-none", NO, {"nova": nova(cpu_mode="host-model")}),
    Trial("nova-mode-none", UNKNOWN, {}),
    Trial("qemu-lacks-name", YES, {"qemu": qemu("6.1.0")}, names=("sgx",)),
    Trial("qemu-lacks-name", NO, {"qemu": qemu("7.2.22")}, names=("sgx",)),
    Trial("qemu-lacks-name", UNKNOWN, {}, names=("sgx",)),
    Trial("qemu-lacks-name", UNTESTED, {}, names=("nosuch",)),
    Trial("at-least", YES, {"qemu": qemu("10.0.13 (Debian 1:10.0.13+ds-0+deb13u1)")}, "qemu 10.0"),
    Trial("at-least", NO, {"qemu": qemu("9.2.4")}, "qemu 10.0"),
    Trial("at-least", UNKNOWN, {"qemu": qemu(None)}, "qemu 10.0"),
    Trial("older", YES, {"qemu": qemu("1:6.2+dfsg-2ubuntu6")}, "qemu 7.0"),
    Trial("older", NO, {"qemu": qemu("1:7.2+dfsg-7+deb12u7")}, "qemu 7.0"),
    Trial("older", NO, {"libvirt": libvirt()}, "libvirt 8.10"),
    Trial("older", UNKNOWN, {"qemu": qemu(None)}, "qemu 7.0"),
    Trial("misspelt", YES, {}, names=("sqx",)),
    Trial("misspelt", NO, {}, names=("sgx",)),
    Trial("old-name", YES, {}, "arch-facilities arch-capabilities", names=("arch-facilities",)),
    Trial("old-name", NO, {}, "arch-facilities arch-capabilities", names=("arch-capabilities",)),
    Trial("other-dialect", YES, {}, names=("sha_ni",)),
    Trial("other-dialect", NO, {}, names=("sha-ni",)),
    Trial("other-dialect", NO, {}, names=("sqx",)),
    Trial("underscore", YES, {}, names=("spec_ctrl",)),
    Trial("underscore", NO, {}, names=("spec-ctrl",)),
]
# What is decided by the text, or decides nothing by design.
NEVER = {
    ("device-present", YES): "the collector's permissions are not those of QEMU's user",
    **{(name, UNKNOWN): "the text decides" for name in OF_TEXT if name != "tcg"},
}


def case_of(trial: Trial) -> Case:
    host = evidence(**trial.sources)
    domain = "web-1" if "domains" in trial.sources else None
    return Case(
        trial.argument,
        tuple(named(name, trial.dialect) for name in trial.names),
        trial.values,
        trial.dialect,
        host,
        guest_of_domain(host, domain) if domain else None,
        domain,
    )


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"{trial.test} {trial.holding.value}")
def test_a_cause_is_judged_by_the_evidence(trial: Trial) -> None:
    tested = run_test(trial.test, case_of(trial))
    assert tested.holding is trial.holding, tested
    if tested.holding in (YES, NO):
        assert tested.found
    assert not tested.would_tell or tested.holding is UNKNOWN


@pytest.mark.parametrize("name", [*OF_HOST, *OF_TEXT])
def test_every_test_is_tried_each_way(name: str) -> None:
    tried = {trial.holding for trial in TRIALS if trial.test == name}
    assert tried | {holding for test, holding in NEVER if test == name} >= {YES, NO, UNKNOWN}


@pytest.mark.parametrize("name", OF_HOST)
def test_without_a_host_nothing_is_known(name: str) -> None:
    tested = run_test(name, Case("kvm", (), {}, Dialect.LIBVIRT, None))
    assert tested.holding is UNKNOWN
    assert "--host" in tested.would_tell


def test_a_second_cpu_of_another_domain_is_no_cause() -> None:
    sources = {**guest(QEMU64), "processes": processes("-cpu", "a", "-cpu", "b", pid=99)}
    assert run_test("second-cpu", case_of(Trial("second-cpu", NO, sources))).holding is NO
