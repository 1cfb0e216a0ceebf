"""Every guest of a host: each rule of the audit is drawn by a host made by hand."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

import vcpuid
from snapshots import (
    Data,
    cpu_map,
    cpuid,
    document,
    domain_xml,
    domains,
    evidence,
    failed,
    kvm,
    libvirt,
    monitor,
    processes,
    qemu,
    row,
    rows,
)
from vcpuid.answers.audit import Audit, audit
from vcpuid.answers.party import Party, read_parties
from vcpuid.snapshot import Snapshot

TABLE = Path(vcpuid.__file__).parent / "answers" / "tables" / "audit_rules.toml"
MODEL = "<model>Skylake</model><vendor>Intel</vendor>"
SKYLAKE = f"<cpu mode='custom'>{MODEL}</cpu>"
SGX = "<feature policy='{}' name='sgx'/>"
WITH_SGX = f"<cpu mode='custom'>{MODEL}{SGX.format('require')}</cpu>"
LOST_SGX = f"<cpu mode='custom'>{MODEL}{SGX.format('disable')}</cpu>"
EPC = (
    "<devices><memory model='sgx-epc'><target><size unit='MiB'>64</size></target></memory></devices>"
    "<memory unit='GiB'>1</memory>"
)
PROTECTED = (
    "<cpus><feature name='fpu'><cpuid eax_in='0x01' edx='0x00000001'/></feature>"
    "<feature name='md-clear'><cpuid eax_in='0x07' ecx_in='0x00' edx='0x00000400'/></feature>"
    "<feature name='movbe'><cpuid eax_in='0x01' ecx='0x00400000'/></feature>"
    "<feature name='avx2'><cpuid eax_in='0x07' ecx_in='0x00' ebx='0x00000020'/></feature>"
    "<vendor name='Intel' string='GenuineIntel'/></cpus>"
)
HOST = {"libvirt": libvirt(MODEL, map_=cpu_map()), "kvm": kvm(rows())}


def running(xml: str, live: str | None = None, *args: str, inactive: str | None = None) -> dict[str, Data]:
    return {
        "domains": domains(inactive=inactive or xml, started=xml, live=live or xml, pid=4711),
        "processes": processes("-accel", "kvm", *(args or ("-cpu", "Skylake"))),
    }


def peer(model: str) -> Party:
    text = json.dumps({**document(libvirt=libvirt(model, map_=cpu_map())), "host": {"name": "h08"}})
    (party,) = read_parties(text.encode(), "h08.json")
    return party


def replaced(data: Data) -> Data:
    return {"processes": [{**process, "deleted": True} for process in data["processes"]]}


CASES: dict[str, tuple[dict[str, Data], list[Party]]] = {
    "second-cpu": (running(domain_xml(SKYLAKE), None, "-cpu", "Nehalem", "-cpu", "Skylake"), []),
    "passthrough-cpu": (
        {
            "domains": domains(
                inactive=domain_xml(
                    SKYLAKE,
                    more="<qemu:commandline><qemu:arg value='-cpu'/><qemu:arg value='x'/></qemu:commandline>",
                )
            )
        },
        [],
    ),
    "dropped": (running(domain_xml(WITH_SGX), domain_xml(LOST_SGX)), []),
    "dropped-by-prediction": (
        {"processes": processes("-accel", "kvm", "-cpu", "base,+sgx"), "qemu": qemu()},
        [],
    ),
    "not-migratable-mode": (
        running(domain_xml("<cpu mode='host-passthrough'/>"), None, "-cpu", "host"),
        [],
    ),
    "default-model": ({"processes": processes("-accel", "kvm")}, []),
    "emulated": ({"processes": processes("-accel", "tcg", "-cpu", "Skylake")}, []),
    "mitigations": (
        {
            **running(domain_xml(SKYLAKE)),
            "libvirt": libvirt(
                f"{MODEL}<feature policy='require' name='md-clear'/>", map_=cpu_map(features=PROTECTED)
            ),
        },
        [],
    ),
    "mitigations-by-prediction": (
        {
            "processes": processes("-accel", "kvm", "-cpu", "base"),
            "qemu": qemu(),
            "libvirt": libvirt(
                f"{MODEL}<feature policy='require' name='md-clear'/>", map_=cpu_map(features=PROTECTED)
            ),
        },
        [],
    ),
    "peer-lacks": (running(domain_xml(WITH_SGX)), [peer(MODEL)]),
    "changed-since-start": (running(domain_xml(SKYLAKE), inactive=domain_xml(WITH_SGX)), []),
    "binary-replaced": (
        {
            **running(domain_xml(SKYLAKE)),
            "processes": replaced(processes("-accel", "kvm", "-cpu", "Skylake")),
        },
        [],
    ),
    "epc": (running(domain_xml(SKYLAKE, more=EPC)), []),
    "module-decides": (running(domain_xml(SKYLAKE, more="<launchSecurity type='tdx'/>")), []),
}


def answer_of(name: str) -> Audit:
    sources, peers = CASES[name]
    return audit(evidence(**{**HOST, **sources}), peers)


def rules_of(answer: Audit) -> set[str]:
    return {finding.rule for finding in answer.findings}


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == set(tomllib.loads(TABLE.read_text("utf-8")))


@pytest.mark.parametrize("name", CASES)
def test_each_rule_is_drawn_alone(name: str) -> None:
    assert rules_of(answer_of(name)) == {f"audit.{name}"}


def test_a_guest_that_is_fine_has_no_finding() -> None:
    answer = audit(evidence(**HOST, **running(domain_xml(SKYLAKE))), [peer(MODEL)])
    (guest,) = answer.guests
    assert not guest.findings
    assert (guest.name, guest.pid, guest.given, guest.reported_by) == ("web-1", 4711, "Skylake", "live XML")


def test_a_second_cpu_makes_the_definition_void() -> None:
    (finding,) = answer_of("second-cpu").findings
    assert "Nehalem" in finding.consequence
    assert "Skylake" in finding.consequence


def test_what_the_monitor_says_outranks_the_live_xml() -> None:
    sources = {**HOST, **running(domain_xml(WITH_SGX)), "monitor": monitor({"avx2": True}, ("sgx",))}
    (guest,) = audit(evidence(**sources)).guests
    assert (guest.dropped, guest.reported_by) == (("sgx",), "QMP")


def test_what_nobody_reports_is_predicted_by_the_qemu_that_runs_it() -> None:
    sources = {"processes": processes("-accel", "tcg", "-cpu", "Haswell,+rdseed"), "kvm": kvm(rows())}
    old = qemu("7.2.22")["binaries"][0]
    new = {**old, "version": "11.1.3", "found_by": ["process 4711"]}
    (guest,) = audit(evidence(**sources, qemu={"binaries": [old, new]})).guests
    assert (guest.reported_by, guest.predicted_by) == (None, "the rules of QEMU 11.1")
    assert "rdseed" not in guest.dropped  # TCG gives it by then
    assert "invpcid" in guest.dropped
    (guest,) = audit(evidence(**sources, qemu={"binaries": [old]})).guests
    assert "rdseed" in guest.dropped


def test_what_is_not_decided_is_not_predicted_as_lost() -> None:
    sources = {**HOST, "kvm": failed("KVM_GET_SUPPORTED_CPUID", "denied"), "qemu": qemu()}
    (guest,) = audit(evidence(**sources, processes=processes("-accel", "kvm", "-cpu", "base,+sgx"))).guests
    assert guest.predicted_by is not None
    assert not guest.dropped
    assert not guest.findings


def test_the_remedy_names_a_process_by_its_number_and_quotes_a_domain() -> None:
    (finding,) = answer_of("dropped-by-prediction").findings
    assert "vcpuid why sgx --pid 4711 " in finding.mend
    (finding,) = answer_of("dropped").findings
    assert "vcpuid why sgx --domain web-1 " in finding.mend


def test_a_peer_that_fits_by_dump_alone_is_no_finding() -> None:
    text = json.dumps(document(cpuid=cpuid(rows(_1_0=row(ecx=1 << 22, edx=1), _7_0=row(ebx=1 << 5 | 1 << 2)))))
    (dump,) = read_parties(text.encode(), "h08.json")
    assert not audit(evidence(**HOST, **running(domain_xml(WITH_SGX))), [dump]).findings


def test_the_hosts_own_cpu_is_compared_with_the_peer() -> None:
    sources = {**HOST, "libvirt": libvirt(MODEL + SGX.format("require"), map_=cpu_map())}
    passthrough = running(domain_xml("<cpu mode='host-passthrough'/>"), None, "-cpu", "host")
    answer = audit(evidence(**{**sources, **passthrough}), [peer(MODEL)])
    assert rules_of(answer) == {"audit.not-migratable-mode", "audit.peer-lacks"}


def test_a_guest_without_a_definition_is_compared_with_the_peer_by_its_process() -> None:
    by_hand = processes("-accel", "kvm", "-cpu", "Skylake,+sgx,+hypervisor")
    (finding,) = audit(evidence(**HOST, processes=by_hand), [peer(MODEL)]).findings
    assert (finding.rule, finding.message) == ("audit.peer-lacks", "h08 cannot run it: it lacks sgx")
    # What QEMU has dropped is needed nowhere.
    told = monitor({}, ("sgx",))
    answer = audit(evidence(**HOST, processes=by_hand, monitor=told), [peer(MODEL)])
    assert rules_of(answer) == {"audit.dropped"}


def test_every_trouble_is_told_and_the_same_once() -> None:
    record = {"state": "partial", "took_ms": 1, "data": {"guests": []}}
    troubles = [
        {"what": f"QMP socket of process {pid}", "why": why, "remedy": ""}
        for pid, why in enumerate(["denied", "no answer", *["denied"] * 4])
    ]
    raw = document(processes={"processes": []}, domains={"domains": []})
    raw["sources"]["monitor"] = {**record, "problems": troubles}
    raw["sources"]["qmp"] = {
        **record,
        "data": None,
        "state": "failed",
        "problems": [troubles[1] | {"what": "QEMU"}],
    }
    answer = audit(Snapshot.of(raw, "h07.json"))
    assert answer.gaps == (
        "QMP socket of process 0, QMP socket of process 2, QMP socket of process 3 and 2 more: denied",
        "QMP socket of process 1, QEMU: no answer",
    )
    assert not answer.is_decided


def test_processes_of_one_name_are_told_apart() -> None:
    both = [processes("-cpu", "Skylake", pid=pid)["processes"][0] for pid in (1, 2)]
    names = [guest.name for guest in audit(evidence(processes={"processes": both})).guests]
    assert names == ["web-1", "web-1 (2)"]


def test_guests_that_could_not_be_seen_leave_it_undecided() -> None:
    answer = audit(evidence(domains=failed("virsh list", "no answer"), processes=failed("/proc", "denied")))
    assert not answer.is_decided
    assert answer.gaps == ("virsh list: no answer", "/proc: denied")


def test_no_guests_are_no_fault() -> None:
    assert audit(evidence(domains={"domains": []}, processes={"processes": []})).is_decided


def test_two_hundred_processes_each_have_a_row() -> None:
    many = [processes("-accel", "kvm", "-cpu", "Skylake", pid=pid)["processes"][0] for pid in range(1, 201)]
    answer = audit(evidence(**HOST, processes={"processes": many}))
    assert len({guest.name for guest in answer.guests}) == 200
    assert not answer.findings


def test_a_domain_whose_process_has_just_ended_keeps_its_row() -> None:
    xml = domain_xml(SKYLAKE)
    sources = {**HOST, "domains": domains(inactive=xml, started=xml, live=xml, pid=4711)}
    (guest,) = audit(evidence(**sources, processes={"processes": []})).guests
    assert (guest.name, guest.pid, guest.given) == ("web-1", 4711, None)
