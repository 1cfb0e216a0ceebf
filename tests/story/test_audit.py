"""The audit of running guests, against real domains and a QEMU that libvirt does not know."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from programs import LIBVIRT_URI, needs, needs_libvirt
from story.conftest import StartDomain, Vcpuid
from vcpuid.cli import run

pytestmark = [
    needs_libvirt(),
    needs("qemu-system-x86_64", package="qemu-system-x86"),
]

DOMAIN = """<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{{name}}</name><memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <cpu mode='custom' match='exact' check='none'><model fallback='forbid'>Nehalem</model>{features}</cpu>
  <qemu:commandline>{arguments}</qemu:commandline>
</domain>"""
SECOND_CPU = "<qemu:arg value='-cpu'/><qemu:arg value='Haswell'/>"
PCID = "<feature policy='require' name='pcid'/>"  # TCG lacks it


@pytest.fixture
def strange_qemu() -> Iterator[int]:
    """Start a QEMU by hand, and give its process."""
    words = ["qemu-system-x86_64", "-name", "strange", "-machine", "pc", "-accel", "tcg", "-S", "-nodefaults"]
    with subprocess.Popen(
        [*words, "-display", "none", "-cpu", "qemu64,+avx2"], stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def audited(vcpuid: Vcpuid, *words: str) -> dict[str, dict[str, Any]]:
    _, document = vcpuid("audit", "--uri", LIBVIRT_URI, *words)
    return {guest["name"]: guest for guest in document["guests"]}


def rules(guest: dict[str, Any]) -> set[str]:
    return {finding["rule"].removeprefix("audit.") for finding in guest["findings"]}


def test_what_was_asked_given_and_got(start_domain: StartDomain, strange_qemu: int, vcpuid: Vcpuid) -> None:
    second = start_domain(DOMAIN.format(features="", arguments=SECOND_CPU))
    dropped = start_domain(DOMAIN.format(features=PCID, arguments=""))
    guests = audited(vcpuid)
    assert "second-cpu" in rules(guests[second])
    assert guests[second]["given"] == "Haswell"
    assert guests[second]["replaced"][0].startswith("Nehalem")
    assert guests[dropped]["dropped"] == ["pcid"]
    assert "dropped" in rules(guests[dropped])
    assert (guests["strange"]["pid"], guests["strange"]["is_domain"]) == (strange_qemu, False)
    assert guests["strange"]["given"] == "qemu64,+avx2"


def test_the_monitor_tells_what_the_guest_has(start_domain: StartDomain, vcpuid: Vcpuid) -> None:
    name = start_domain(DOMAIN.format(features=PCID, arguments=""))
    guest = audited(vcpuid, "--monitor")[name]
    assert guest["reported_by"] == "QMP"
    assert "pcid" in guest["dropped"]


def test_a_prediction_for_a_guest_without_a_monitor_is_what_its_monitor_says(
    tmp_path: Path, vcpuid: Vcpuid
) -> None:
    words = ["qemu-system-x86_64", "-name", "asked", "-accel", "tcg", "-S", "-nodefaults", "-display", "none"]
    socket = tmp_path / "qmp"
    with subprocess.Popen(
        [*words, "-cpu", "Skylake-Server,+sgx", "-qmp", f"unix:{socket},server=on,wait=off"],
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            while not socket.exists():
                assert process.poll() is None
                time.sleep(0.01)
            predicted = audited(vcpuid)["asked"]
            seen = audited(vcpuid, "--monitor")["asked"]
        finally:
            process.kill()
    assert predicted["predicted_by"].startswith("the rules of QEMU ")
    assert seen["reported_by"] == "QMP"
    assert predicted["dropped"] == seen["dropped"]
    assert "sgx" in seen["dropped"]


def test_metrics_in_a_file(start_domain: StartDomain, tmp_path: Path) -> None:
    name = start_domain(DOMAIN.format(features="", arguments=SECOND_CPU))
    path = tmp_path / "vcpuid.prom"
    assert run(["audit", "--uri", LIBVIRT_URI, "--format", "prometheus", "-o", str(path)]) == 1
    values = {
        (sample.name, sample.labels.get("guest"), sample.labels.get("severity")): sample.value
        for family in text_string_to_metric_families(path.read_text(encoding="utf-8"))
        for sample in family.samples
    }
    assert values["vcpuid_guest_cpu_options", name, None] == 2
    assert values["vcpuid_guest_findings", name, "error"] == 1
    assert [left.name for left in tmp_path.iterdir() if left.suffix not in (".prom", ".xml")] == []
