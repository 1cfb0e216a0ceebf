"""P1: a guest does not start or migrate any more, after QEMU, libvirt, the kernel or microcode has changed.

kubevirt#16386 and harvester#11615 (ht), harvester#11358 (pdcm), help.univention.com t/16041 (TSX), RHBZ 1867127
(arch-facilities).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journeys.conftest import BOOKWORM, EXAMPLES, NODES, TRIXIE, Say
from programs import needs_libvirt, refusal_of_libvirt
from story.conftest import Vcpuid

HT = "error: operation failed: guest CPU doesn't match specification: extra features: ht"
DOMAIN = """<domain type='qemu'><name>vcpuid-journey</name><memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <cpu mode='custom' match='exact' check='full'><model fallback='forbid'>Nehalem</model>
  <feature policy='require' name='{}'/></cpu></domain>"""


def causes(document: dict[str, Any]) -> dict[str, str]:
    """Give the causes of the only message in their order, with whether each holds."""
    (diagnosis,) = document["diagnoses"]
    return {cause["cause"]: cause["holding"] for cause in diagnosis["causes"]}


# A live migration from Debian 12 to Debian 13 -------------------------------------------------------------


def test_the_pasted_message_names_the_feature_and_the_incident_first(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("diagnose", HT)
    assert status == 0
    assert [name["text"] for name in document["diagnoses"][0]["names"]] == ["ht"]
    assert next(iter(causes(document))) == "ht-qemu-10"


@pytest.mark.parametrize(("host", "holds"), [(TRIXIE, "holds"), (BOOKWORM, "does-not-hold")])
def test_the_target_s_qemu_decides(host: str, holds: str, vcpuid: Vcpuid) -> None:
    _, document = vcpuid("diagnose", HT, "--host", host)
    assert causes(document)["ht-qemu-10"] == holds


def test_the_mend_is_the_one_that_worked_between_the_two(say: Say) -> None:
    _, told, _ = say("diagnose", HT, "--host", TRIXIE)
    assert "check='full' needs <feature policy='require' name='ht'/>" in told
    assert "qemu 10.0.13" in told


def test_the_guest_was_started_without_ht(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("why", "ht", "--host", BOOKWORM, "--domain", "web")
    (answer,) = document["answers"]
    assert (status, answer["got"]) == (1, "absent")


def test_the_refusal_is_foreseen_of_the_one_guest(say: Say) -> None:
    status, told, _ = say("compare", BOOKWORM, TRIXIE, "--domain", "web")
    assert status == 1
    assert "QEMU 10.0.13 tells of ht where a socket has several CPUs" in told
    assert "forbidden, and there: ht" in told


def test_the_refusal_is_foreseen_of_the_fleet(say: Say, tmp_path: Path) -> None:
    store = str(tmp_path / "fleet")
    assert say("fleet", "ingest", BOOKWORM, "--store", store)[0] == 0
    status, told, _ = say("fleet", "precheck", "--target", TRIXIE, "--store", store)
    assert status == 1
    assert "cannot migrate there: bookworm/web" in told
    assert "QEMU 10.0.13 tells of ht" in told
    assert "cannot start there" not in told


def test_the_versions_are_told_beside_the_features(say: Say) -> None:
    _, told, _ = say("compare", BOOKWORM, TRIXIE, "--domain", "web")
    assert "QEMU version QEMU 7.2.22 and QEMU 10.0.13" in told


# What a real libvirt says today ---------------------------------------------------------------------------


@needs_libvirt()
@pytest.mark.parametrize(
    ("feature", "incident"),
    [("pdcm", "pdcm-pmu"), ("waitpkg", "waitpkg-new"), ("arch-facilities", "arch-facilities")],
)
def test_the_message_of_the_installed_libvirt_is_understood(feature: str, incident: str, vcpuid: Vcpuid) -> None:
    status, document = vcpuid("diagnose", refusal_of_libvirt(DOMAIN.format(feature)))
    assert status == 0
    assert feature in [name["text"] for name in document["diagnoses"][0]["names"]]
    assert next(iter(causes(document))) == incident


# Microcode has taken TSX away -----------------------------------------------------------------------------


def test_lost_tsx_is_found_in_a_line_with_extra_and_missing_features(vcpuid: Vcpuid) -> None:
    text = "guest CPU doesn't match specification: extra features: x2apic, missing features: hle,rtm"
    status, document = vcpuid("diagnose", text, "--host", str(EXAMPLES / "updated/node-1.json"))
    assert status == 0
    assert [name["text"] for name in document["diagnoses"][0]["names"]] == ["x2apic", "hle", "rtm"]
    assert causes(document)["cpu-lacks"] == "holds"


def test_what_the_update_took_is_shown(say: Say) -> None:
    status, told, _ = say("diff", NODES[0], str(EXAMPLES / "updated/node-1.json"))
    assert (status, told.endswith("- hle rtm")) == (1, True)


def test_before_the_next_host_is_updated(say: Say, tmp_path: Path) -> None:
    store = str(tmp_path / "fleet")
    assert say("fleet", "ingest", *NODES, "--store", store, "--at", "2026-01-31")[0] == 0
    status, told, _ = say("fleet", "precheck", "--target", str(EXAMPLES / "updated/node-1.json"), "--store", store)
    assert status == 1
    assert "cannot migrate there: 2 guests like node-1/web the host lacks features that are required" in told
    assert "hle (silicon), rtm (silicon)" in told
