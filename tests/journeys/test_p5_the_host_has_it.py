"""P5: the host has a feature, and the guest has not.

docker-library/mongo#583 (AVX), chainguard images#1658 and wazuh-packages#3007 (x86-64-v2), RHEL 9 on qemu64
(openstack-discuss, 2022), libvirt#92 (amx-bf16).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from journeys.conftest import EXAMPLES, Say
from programs import needs, needs_libvirt
from story.conftest import StartDomain, Vcpuid
from vcpuid.decode.levels import features_of_level

GLIBC = "Fatal glibc error: CPU does not support x86-64-v2"
H07 = str(EXAMPLES / "h07.json")
QEMU64_LACKS = {"popcnt", "sse4.1", "sse4.2", "ssse3"}
DOMAIN = """<domain type='qemu'><name>{{name}}</name><memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>{cpu}</domain>"""
NEHALEM = "<cpu mode='custom' match='exact' check='none'><model fallback='forbid'>Nehalem</model></cpu>"


# "Fatal glibc error" ----------------------------------------------------------------------------------------


def test_the_message_leads_to_the_default_model(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("diagnose", GLIBC)
    first = document["diagnoses"][0]["causes"][0]
    assert (status, first["cause"]) == (0, "default-model")
    assert "Nehalem or newer" in first["mend"]
    assert "vcpuid why x86-64-v2 --domain NAME" in first["mend"]


def test_the_host_is_not_to_blame(vcpuid: Vcpuid) -> None:
    _, document = vcpuid("diagnose", GLIBC, "--host", H07)
    holding = {cause["cause"]: cause["holding"] for cause in document["diagnoses"][0]["causes"]}
    assert holding["host-level"] == "does-not-hold"


def test_a_level_is_all_its_features(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("why", "x86-64-v2", "--host", H07, "--cpu", "qemu64")
    answers = {answer["feature"]["name"]: answer for answer in document["answers"]}
    assert status == 1
    assert set(answers) == set(features_of_level("x86-64-v2"))
    assert {name for name, answer in answers.items() if answer["got"] == "absent"} == QEMU64_LACKS
    for name in QEMU64_LACKS:
        assert (answers[name]["available"], answers[name]["broken_at"]["demand"]) == ("present", "process")


def test_the_model_of_the_mend_reaches_the_level(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("why", "x86-64-v2", "--host", H07, "--cpu", "Nehalem")
    assert (status, {answer["got"] for answer in document["answers"]}) == (0, {"present"})


def test_a_level_is_no_feature_and_its_features_are_suggested(say: Say) -> None:
    status, _, error = say("explain", "x86-64-v2")
    assert status == 2
    assert "popcnt" in error


@needs("qemu-system-x86_64", package="qemu-system-x86")
@pytest.mark.parametrize(("model", "level"), [("qemu64", "x86-64-v1"), ("Nehalem", "x86-64-v2")])
def test_a_real_guest_tells_its_level(model: str, level: str, tmp_path: Path, say: Say) -> None:
    path = str(tmp_path / "guest.json")
    assert say("probe", model, "--accel", "tcg", "--to", "json", "-o", path)[0] == 0
    _, told, _ = say("decode", path)
    assert f"level {level}; the next level lacks" in told


@needs_libvirt()
def test_a_domain_without_a_cpu_gets_the_default(start_domain: StartDomain, vcpuid: Vcpuid) -> None:
    poor, better = (start_domain(DOMAIN.format(cpu=cpu)) for cpu in ("", NEHALEM))
    status, document = vcpuid("why", "x86-64-v2", "--domain", poor)
    lost = {answer["feature"]["name"] for answer in document["answers"] if answer["got"] != "present"}
    assert (status, lost) == (1, QEMU64_LACKS)
    assert vcpuid("why", "x86-64-v2", "--domain", better)[0] == 0


# "requires a CPU with AVX" ----------------------------------------------------------------------------------


def test_mongodb_s_message_is_tested_on_the_guest(vcpuid: Vcpuid) -> None:
    text = "MongoDB 5.0+ requires a CPU with AVX support, and your current system does not appear to have that!"
    status, document = vcpuid("diagnose", text, "--host", H07)
    assert status == 0
    assert "avx-missing" in [cause["cause"] for cause in document["diagnoses"][0]["causes"]]


def test_avx_is_there_to_be_asked_for(say: Say) -> None:
    status, told, _ = say("why", "avx", "--host", H07, "--cpu", "qemu64")
    assert status == 1
    assert "Demand breaks at process" in told
    assert "Mend: Ask for it: +avx in the -cpu option" in told


# A feature that libvirt has no name for ---------------------------------------------------------------------


def test_a_name_that_this_libvirt_lacks_breaks_at_libvirt(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("why", "vmx-posted-intr", "--host", H07)
    (answer,) = document["answers"]
    assert (status, answer["broken_at"]["supply"]) == (1, "libvirt")
    assert "Use a newer libvirt" in " ".join(answer["mend"])
