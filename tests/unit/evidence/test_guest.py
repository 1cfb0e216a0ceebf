"""A guest joined from all that is known of it."""

from __future__ import annotations

from typing import Any

import pytest

from snapshots import domain_xml, domains, evidence, failed, monitor, nova, processes
from vcpuid.errors import InputError
from vcpuid.evidence.guest import Guest, guest_of_domain, guest_of_process
from vcpuid.terms.guest import Accelerator, CpuMode

XML, OTHER = domain_xml("<cpu mode='host-model'/>"), domain_xml("<cpu mode='host-passthrough'/>")


def web_1(**sources: Any) -> Guest:  # noqa: ANN401 - raw JSON
    return guest_of_domain(evidence(**sources), "web-1")


def test_a_running_domain_is_joined_with_its_process_and_nova() -> None:
    guest = web_1(
        domains=domains(inactive=XML, started=XML, live=XML, pid=4711),
        processes=processes("-accel", "kvm", "-cpu", "host"),
        nova=nova(cpu_mode="host-model"),
        monitor=monitor({"avx2": True}),
    )
    assert guest.label == "domain web-1"
    assert guest.running
    assert guest.command is not None
    assert guest.monitor is not None
    assert guest.nova is not None
    assert guest.accelerator is Accelerator.KVM


def test_a_domain_is_found_by_its_uuid_too() -> None:
    host = evidence(domains=domains(inactive=XML))
    assert guest_of_domain(host, "3f0a6f6a-7d0f-4ad9-b0cb-6a3c1f0f9a11").label == "domain web-1"


def test_what_asked_is_the_xml_of_this_run() -> None:
    guest = web_1(domains=domains(inactive=OTHER, started=XML, live=XML, pid=4711))
    assert guest.definition is not None
    assert guest.definition.cpu.mode is CpuMode.HOST_MODEL
    assert guest.next_definition is not None
    assert guest.next_definition.cpu.mode is CpuMode.HOST_PASSTHROUGH


def test_a_domain_that_is_shut_off_asks_by_its_inactive_xml() -> None:
    guest = web_1(domains=domains(inactive=XML), processes=processes())
    assert not guest.running
    assert guest.definition is not None
    assert guest.command is None
    assert guest.monitor is None


def test_a_process_is_joined_with_its_domain() -> None:
    host = evidence(domains=domains(inactive=XML, live=XML, pid=4711), processes=processes("-accel", "tcg"))
    guest = guest_of_process(host, 4711)
    assert guest.label == "process 4711"
    assert guest.live is not None
    # The process is the truth about its accelerator.
    assert guest.accelerator is Accelerator.TCG


def test_a_process_without_libvirt() -> None:
    guest = guest_of_process(evidence(processes=processes("-object", "sev-snp-guest,id=x")), 4711)
    assert guest.running
    assert guest.definition is None
    assert guest.launch_security == "sev-snp-guest"


def test_launch_security_of_the_xml() -> None:
    secure = domain_xml("", more="<launchSecurity type='tdx'/>")
    assert web_1(domains=domains(inactive=secure)).launch_security == "tdx"
    assert web_1(domains=domains(inactive=XML)).launch_security is None


def test_nothing_tells_the_accelerator_of_nothing() -> None:
    assert Guest(label="x").accelerator is None
    assert Guest(label="x").emulator is None
    assert Guest(label="x").launch_security is None


def test_a_domain_that_does_not_exist() -> None:
    with pytest.raises(InputError, match="no domain 'web-2'") as caught:
        guest_of_domain(evidence(domains=domains(inactive=XML)), "web-2")
    assert caught.value.expected == "web-1"
    assert "virsh list --all" in (caught.value.next_step or "")


def test_a_host_without_any_domain() -> None:
    with pytest.raises(InputError) as caught:
        guest_of_domain(evidence(domains={"domains": []}), "web-1")
    assert "libvirt lists none" in (caught.value.expected or "")


def test_libvirt_that_gave_no_domains() -> None:
    host = evidence(domains=failed("virsh", "no answer within 10 s", "raise --timeout"))
    with pytest.raises(InputError, match="libvirt's domains are not in the evidence") as caught:
        guest_of_domain(host, "web-1")
    assert caught.value.found == "virsh: no answer within 10 s"


def test_a_process_that_is_no_qemu_or_has_ended() -> None:
    with pytest.raises(InputError, match="process 1 is no running QEMU") as caught:
        guest_of_process(evidence(processes=processes()), 1)
    assert caught.value.expected == "4711 (web-1)"


def test_processes_that_may_not_be_read() -> None:
    with pytest.raises(InputError, match="QEMU's processes are not in the evidence"):
        guest_of_process(evidence(), 4711)
