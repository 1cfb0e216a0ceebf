"""What a snapshot holds is linted by the host's own map and QEMU, and for that host."""

from __future__ import annotations

from pathlib import Path

from snapshots import (
    QEMU_PATH,
    Data,
    cpu_map,
    cpuid,
    domain_xml,
    domains,
    evidence,
    kvm,
    libvirt,
    nova,
    processes,
    rows,
    whole_host,
)
from vcpuid.answers.lint_snapshot import lint_snapshot
from vcpuid.evidence import Evidence
from vcpuid.snapshot import Snapshot

EXAMPLES = Path(__file__).parents[3] / "docs/examples"
XML = domain_xml(
    "<cpu mode='custom' check='none'><model>Skylake</model><feature policy='require' name='sgx'/></cpu>"
)


def rules(**sources: Data) -> dict[str, list[str]]:
    """Give the rules that are drawn, by what they are drawn for."""
    report = lint_snapshot(evidence(**sources))
    assert report.unread == ()
    return {file.source: [finding.rule for finding in file.findings] for file in report.files}


def test_a_domain_is_linted_for_its_host() -> None:
    found = lint_snapshot(Evidence(Snapshot.read(EXAMPLES / "h07.json")))
    by_rule = {finding.rule: finding for finding in found.findings}
    assert by_rule["domain.host-lacks-feature"].host == "h07"
    assert by_rule["domain.check-none"].place.source == "domain web-1"
    assert [file.kind for file in found.files] == ["domain XML", "CPU map of libvirt"]
    assert found.basis.cpu_map.version == "9.0.0"


def test_a_domain_is_linted_as_it_starts_next() -> None:
    live = domain_xml("<cpu mode='custom'><model>Skylake</model></cpu>")
    assert "domain.check-none" in rules(domains=domains(inactive=XML, live=live))["domain web-1"]
    assert "domain.check-none" not in rules(domains=domains(inactive=live, live=XML))["domain web-1"]
    assert "domain.check-none" in rules(domains=domains(live=XML))["domain web-1"]


def test_a_process_is_linted_by_the_qemu_that_it_runs() -> None:
    arguments = processes("-accel", "kvm", "-cpu", "Haswell,avx2=perhaps")
    binary = {"path": QEMU_PATH, "version": "6.2.0", "found_by": ["process 4711"]}
    report = lint_snapshot(evidence(processes=arguments, qemu={"binaries": [binary]}))
    (file,) = report.files
    assert (file.source, file.kind, file.by_qemu) == ("process 4711", "-cpu string", True)
    assert [finding.rule for finding in file.findings] == ["cpu.grammar"]


def test_what_kvm_cannot_give_to_a_process_is_told() -> None:
    arguments = processes("-accel", "kvm", "-cpu", "qemu64,+avx2")
    found = rules(processes=arguments, kvm=kvm(rows(_1_0="000506e3 00000000 00000000 00000000")))
    assert "cpu.accelerator-lacks" in found["process 4711"]


def test_the_process_of_a_domain_is_of_libvirts_making() -> None:
    arguments = processes("-accel", "kvm", "-cpu", "Haswell,avx2=perhaps")
    assert "process 4711" not in rules(processes=arguments, domains=domains(inactive=XML, pid=4711))


def test_nova_conf_is_linted_by_its_lines() -> None:
    sources = whole_host() | {
        "nova": nova(cpu_mode="custom", cpu_models="Skylake", cpu_model_extra_flags="sgx-lc")
    }
    report = lint_snapshot(evidence(**sources))
    (conf,) = (file for file in report.files if file.kind == "nova.conf")
    places = {finding.rule: str(finding.place) for finding in conf.findings}
    assert places["nova.unknown-flag"] == "/etc/nova/nova.conf:13"


def test_a_map_with_a_fault_is_told() -> None:
    twice = "<cpus><feature name='fpu'><cpuid eax_in='0x01' edx='0x00000001'/></feature></cpus>"
    found = rules(libvirt=libvirt(map_=cpu_map(models=twice)))
    assert "map.duplicate-name" in found["/usr/share/libvirt/cpu_map"]


def test_nothing_known_is_nothing_to_lint() -> None:
    report = lint_snapshot(evidence(cpuid=cpuid(rows())))
    assert (report.files, report.unread) == ((), ())
