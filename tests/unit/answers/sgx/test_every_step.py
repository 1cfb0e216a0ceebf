"""Every conclusion of the doctor's table is drawn once, from evidence that calls for it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest

from sgx_hosts import CHANGES, DEVICE, LEAF_12, MIB, ROWS, capabilities, process, sgx_host, sources_of
from snapshots import AUTHENTIC_AMD, Data, cpuid, document, failed, qemu, qmp
from vcpuid.answers.sgx.doctor import Diagnosis, Examined, examine
from vcpuid.answers.sgx.step import Purpose, StepState, rows, steps
from vcpuid.evidence import Evidence
from vcpuid.snapshot import Snapshot

Key = str | int
Changes = dict[tuple[Key, ...], Any]
VEPC = "/dev/sgx_vepc"
CPU = ("cpuid", "cpus", 0, "rows")
LEAF_7 = (*CPU, "00000007.0")
WITHOUT_SGX, WITHOUT_FLC = "00000000 f2bf27eb 40405f4e bc000410", "00000000 f2bf27ef 00405f4e bc000410"
ICE_LAKE_SERVER = "000606a6 00100800 7ffafbbf bfebfbff"
DROP = ...  # copies of it are itself
UNREAD = failed("x", "not there", "Look again.")


@dataclass(frozen=True)
class Case:
    """A host by its name, with members of its sources replaced, and a conclusion that it calls for."""

    rule: str
    host: str = "ready"
    changes: Changes = field(default_factory=dict)
    purpose: Purpose = Purpose.GUESTS
    euid: int = 0


def put(sources: dict[str, Data], path: tuple[Key, ...], value: object) -> None:
    place: Any = sources
    for key in path[:-1]:
        place = place[key]
    if value is DROP:
        del place[path[-1]]
    else:
        place[path[-1]] = value


def host_of(case: Case) -> Evidence:
    sources = sources_of(case.host)
    for path, value in case.changes.items():
        put(sources, path, copy.deepcopy(value))
    made = document(**sources)
    made["collector"]["euid"] = case.euid
    return Evidence(Snapshot.of(made, case.host))


NO_OFFER: Changes = {("libvirt", "domain_capabilities"): [capabilities("<sgx supported='no'/>")]}
NO_SECTIONS: Changes = {(*CPU, "00000012.2"): DROP, (*CPU, "00000012.3"): DROP}
OLD_MEMORY: Changes = {("sgx", "numa"): {}, ("libvirt", "domain_capabilities"): []}
QUOTES = Purpose.QUOTES

CASES = [
    Case("cpu.has"),
    Case("cpu.has-virtual", changes={(*CPU, "00000001.0"): "000706e5 00100800 fffafbbf bfebfbff"}),
    Case("cpu.lacks", changes={LEAF_7: WITHOUT_SGX}),
    Case(
        "cpu.lacks-virtual",
        changes={LEAF_7: WITHOUT_SGX, (*CPU, "00000001.0"): "000706e5 00100800 fffafbbf bfebfbff"},
    ),
    Case("cpu.other-vendor", changes={(*CPU, "00000000.0"): AUTHENTIC_AMD}),
    Case("cpu.hidden", "bios-off", {LEAF_7: WITHOUT_SGX, (*CPU, "00000001.0"): ICE_LAKE_SERVER}),
    Case("cpu.some", changes={("cpuid",): cpuid(dict(ROWS), dict(ROWS) | {"00000007.0": WITHOUT_SGX})}),
    Case("cpu.unread", changes={("cpuid",): UNREAD}),
    Case("bios.memory"),
    Case("bios.on", changes=NO_SECTIONS),
    Case("bios.no-memory", changes={(*CPU, "00000012.2"): "0 0 0 0", (*CPU, "00000012.3"): "0 0 0 0"}),
    Case("bios.off", "bios-off"),
    Case("bios.off-by-log", "bios-off", {("msr",): UNREAD}),
    Case("bios.unproven", "bios-off", {LEAF_7: WITHOUT_SGX}),
    Case("bios.unread", changes={**NO_SECTIONS, ("msr",): UNREAD}),
    Case("launch-control.flexible"),
    Case("launch-control.in-cpuid", changes={("msr",): UNREAD, ("sgx", "devices", "/dev/sgx_enclave"): None}),
    Case("launch-control.locked", changes={("msr", "cpus", "0", "0000003a"): "0000000000040005"}),
    Case("launch-control.absent", changes={LEAF_7: WITHOUT_FLC}),
    Case("launch-control.unread", changes={("cpuid",): UNREAD}),
    Case("parameter.none"),
    Case("parameter.off", "nosgx"),
    Case("parameter.unread", changes={("kernel",): UNREAD}),
    Case("kernel.new"),
    Case("kernel.backported", changes={("kernel", "release"): "4.18.0-553.el8.x86_64"}),
    Case("kernel.host-only", "no-vepc"),
    Case("kernel.host-only-is-enough", "no-vepc", purpose=QUOTES),
    Case("kernel.old", "no-vepc", {("kernel", "release"): "5.4.0"}),
    Case("kernel.unread", changes={("kernel",): UNREAD}),
    Case("epc.agrees"),
    Case("epc.nodes-unknown", changes=OLD_MEMORY),
    Case("epc.by-libvirt", changes={**NO_SECTIONS, ("sgx", "numa"): {}}),
    Case("epc.differs", changes={("sgx", "numa"): {"0": 188 * MIB, "1": 100 * MIB}}),
    Case("epc.unused", "nosgx"),
    Case("epc.none", "bios-off"),
    Case("epc.unread", changes={**OLD_MEMORY, **NO_SECTIONS, ("sgx",): UNREAD}),
    Case("vepc.there"),
    Case("vepc.missing", "no-vepc"),
    Case("vepc.unread", changes={("sgx",): UNREAD}),
    Case("access.proven"),
    Case("access.open", changes=NO_OFFER),
    Case("access.own", changes={**NO_OFFER, ("sgx", "users"): {}}, euid=1000),
    Case("access.denied", "no-permission"),
    Case("access.missing", "no-vepc"),
    Case("access.unknown", changes={**NO_OFFER, ("sgx", "users"): {}}),
    Case("kvm.gives"),
    Case("kvm.no-leaf", changes={("kvm", "supported_cpuid", "00000012.0"): DROP}),
    Case("kvm.lacks", "no-vepc"),
    Case("kvm.unread", changes={("kvm",): UNREAD}),
    Case("provisioning.gives"),
    Case("provisioning.lacks", "nosgx"),
    Case("provisioning.unread", changes={("kvm",): UNREAD}),
    Case("qemu.new"),
    Case("qemu.old", "old-qemu"),
    Case("qemu.before-libvirt", changes={("qemu",): qemu("6.2.0")}),
    Case("qemu.none", changes={("qemu",): {"binaries": []}}),
    Case("qemu.unversioned", changes={("qemu",): qemu(None)}),
    Case("qemu.unread", changes={("qemu",): UNREAD}),
    Case("qemu-answer.sees", changes={("qmp",): qmp(sgx_capabilities={"sgx": True}, sgx_error=None)}),
    Case("qemu-answer.opens", "nosgx", {("qmp",): qmp(sgx_capabilities={"sgx": False}, sgx_error=None)}),
    Case("qemu-answer.refuses", "nosgx", {("qmp",): qmp(sgx_error="SGX is not enabled in KVM")}),
    Case("qemu-answer.unasked"),
    Case("libvirt.new"),
    Case("libvirt.old", "libvirt-without-sgx"),
    Case("libvirt.unread", changes={("libvirt",): UNREAD}),
    Case("libvirt-answer.offers"),
    Case(
        "libvirt-answer.no-memory",
        "bios-off",
        {("libvirt", "domain_capabilities"): [capabilities("<sgx supported='yes'><flc>no</flc></sgx>")]},
    ),
    Case(
        "libvirt-answer.stale",
        changes={
            **NO_OFFER,
            ("libvirt", "cache"): [
                {"file": "1.xml", "emulator": "/usr/bin/qemu-system-x86_64", "emulator_newer": True}
            ],
        },
    ),
    Case("libvirt-answer.lacks", changes=NO_OFFER),
    Case("libvirt-answer.silent", "libvirt-without-sgx"),
    Case("libvirt-answer.unread", changes={("libvirt", "domain_capabilities"): []}),
    Case("free.some"),
    Case(
        "free.full",
        changes={("processes", "processes"): [process(1, "a", f"memory-backend-epc,id=m,size={376 * MIB}")]},
    ),
    Case(
        "free.over",
        changes={("processes", "processes"): [process(1, "a", "memory-backend-epc,id=m,size=1G")]},
    ),
    Case("free.unread", changes={("processes",): UNREAD}),
    Case("free.nothing", "bios-off"),
    Case("cgroup.none", "nosgx"),
    Case("cgroup.whole"),
    Case("cgroup.less", changes={("sgx", "misc_cgroup"): {"sgx_epc": "1048576"}}),
    Case("cgroup.unread", changes={("sgx",): UNREAD}),
    Case("driver.there", purpose=QUOTES),
    Case("driver.missing", "bios-off", purpose=QUOTES),
    Case("driver.unread", changes={("sgx",): UNREAD}, purpose=QUOTES),
    Case("provision.there", purpose=QUOTES),
    Case("provision.missing", "bios-off", purpose=QUOTES),
    Case("provision.unread", changes={("sgx",): UNREAD}, purpose=QUOTES),
    Case("pccs.set", changes={("sgx", "quotes", "qcnl", "use_secure_cert"): "true"}, purpose=QUOTES),
    Case("pccs.any-certificate", purpose=QUOTES),
    Case("pccs.unset", changes={("sgx", "quotes", "qcnl", "pccs_url"): DROP}, purpose=QUOTES),
    Case("pccs.none", "tdx", purpose=QUOTES),
    Case("pccs.unread", changes={("sgx", "quotes"): DROP}, purpose=QUOTES),
    Case("service.listens", purpose=QUOTES),
    Case("service.silent", "tdx", purpose=QUOTES),
    Case("service.unread", changes={("sgx", "quotes"): DROP}, purpose=QUOTES),
    Case("registration.quiet", purpose=QUOTES),
    Case("registration.pending", "tdx", purpose=QUOTES),
    Case("registration.no-variables", changes={("sgx", "quotes", "registration"): []}, purpose=QUOTES),
    Case("registration.unread", changes={("sgx", "quotes", "registration"): None}, purpose=QUOTES),
]


def step_of(answer: Diagnosis, name: str) -> Examined:
    return next(one for one in answer.steps if one.step.name == name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_the_conclusion(case: Case) -> None:
    found = step_of(examine(host_of(case), case.purpose), case.rule.partition(".")[0])
    assert found.rule == case.rule
    assert found.state is rows()[case.rule].state
    assert "{" not in found.means + found.mend
    assert found.means.endswith(".")


def test_every_row_is_drawn() -> None:
    assert [case.rule for case in CASES] == list(rows())


def test_what_is_broken_says_what_to_do() -> None:
    # What only follows from another step is mended there.
    assert {name for name, row in rows().items() if row.state is StepState.BROKEN and not row.mend} == {
        "access.missing"
    }
    assert all(row.source and row.means for row in rows().values())


def test_consequences_are_of_steps_before_them() -> None:
    order = [step.name for step in steps()]
    for name, row in rows().items():
        own = order.index(name.partition(".")[0])
        assert all(order.index(cause) < own for cause in row.follows), name


BREAKS = {
    "ready": None,
    "bios-off": "bios",
    "nosgx": "parameter",
    "no-vepc": "kernel",
    "old-qemu": "qemu",
    "libvirt-without-sgx": "libvirt",
    "no-permission": "access",
    "tdx": None,
    "unprivileged": None,
}


@pytest.mark.parametrize("name", CHANGES)
def test_one_thing_changed_is_one_fault(name: str) -> None:
    answer = examine(sgx_host(name))
    assert [fault.step.name for fault in answer.faults] == [BREAKS[name]] * (BREAKS[name] is not None)
    assert answer.is_ready is (BREAKS[name] is None)
    assert all(one.follows.name == BREAKS[name] for one in answer.steps if one.follows)


def test_two_faults_are_told_as_two() -> None:
    answer = examine(sgx_host("bios-off", qemu=qemu("5.2.0")))
    assert [fault.step.name for fault in answer.faults] == ["bios", "qemu"]


def test_a_host_of_which_nothing_is_known_is_undecided() -> None:
    answer = examine(Evidence(Snapshot.of(document(), "nothing")))
    assert answer.is_ready is None
    assert answer.is_tdx is None
    assert not answer.faults


def test_an_unknown_step_that_does_not_decide_leaves_the_answer() -> None:
    assert examine(host_of(Case("", changes={("kernel",): UNREAD}))).is_ready is True
    assert examine(host_of(Case("", changes={("kvm",): UNREAD}))).is_ready is None


def test_quotes_need_neither_kvm_nor_qemu() -> None:
    answer = examine(sgx_host("old-qemu", kvm=UNREAD), Purpose.QUOTES)
    assert answer.is_ready is True
    assert step_of(answer, "qemu").state is StepState.NOT_NEEDED
    assert step_of(answer, "qemu").seen is StepState.BROKEN


def test_a_tdx_host_that_is_ready_for_guests_may_lack_what_its_quotes_need() -> None:
    host = sgx_host("tdx")
    assert (examine(host).is_tdx, examine(host).is_ready) == (True, True)
    for_quotes = examine(host, Purpose.QUOTES)
    assert [fault.step.name for fault in for_quotes.faults] == ["pccs"]


def test_a_user_is_let_in_by_the_first_class_that_fits() -> None:
    """An owner without the right is refused, even if his group has it: so the kernel does."""
    device = {**DEVICE, "mode": "0060", "uid": 64055}
    case = Case("", changes={**NO_OFFER, ("sgx", "devices", VEPC): device})
    assert step_of(examine(host_of(case)), "access").rule == "access.denied"


def test_leaf_12_of_kvm_is_read_only_below_its_maximum() -> None:
    leaves = {"00000000.0": "0000000d 756e6547 6c65746e 49656e69", "00000007.0": ROWS["00000007.0"]}
    case = Case("", changes={("kvm", "supported_cpuid"): {**leaves, "00000012.0": LEAF_12}})
    assert step_of(examine(host_of(case)), "kvm").rule == "kvm.no-leaf"
