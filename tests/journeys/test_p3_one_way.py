"""P3: guests go from one host to another and not back, and a host cannot be emptied.

kubevirt#7672, OpenNebula#1636 (show only where it can go), XCP-ng's CANNOT_EVACUATE_HOST.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journeys.conftest import BOOKWORM, EXAMPLES, NODES, TRIXIE, Say
from story.conftest import Vcpuid


def missing(way: dict[str, Any]) -> dict[str, str | None]:
    """Give what is missing, with the layer at which it is lost."""
    return {one["feature"]: one["layer"] for one in way["missing"]}


@pytest.fixture
def cluster(tmp_path: Path, say: Say) -> str:
    folder = str(tmp_path / "fleet")
    assert say("fleet", "ingest", *NODES, "--store", folder, "--at", "2026-01-31")[0] == 0
    return folder


# Two hosts, there and back --------------------------------------------------------------------------------


def test_the_way_back_is_blamed_on_what_microcode_took(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("compare", NODES[1], NODES[2])
    assert status == 1
    assert document["there"]["compatibility"] == "incompatible"
    assert missing(document["there"]) == {"hle": "silicon", "rtm": "silicon"}
    assert document["back"]["compatibility"] == "compatible"


def test_on_one_machine_a_newer_qemu_makes_a_one_way_street(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("compare", BOOKWORM, TRIXIE)
    assert status == 1
    assert document["there"]["compatibility"] == "compatible"
    assert document["back"]["compatibility"] == "incompatible"
    lost = missing(document["back"])
    assert (lost["erms"], lost["fsrm"]) == ("kvm", "kvm")
    (mend,) = {one["mend"] for one in document["back"]["missing"] if one["feature"] == "erms"}
    assert "QEMU 10.0 or newer gives it" in mend
    assert {name for name, layer in lost.items() if layer == "qemu"} == {
        "stibp-always-on",
        "amd-psfd",
        "lfence-always-serializing",
        "gds-no",
        "rfds-no",
    }


def test_a_guest_with_a_named_model_comes_back(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("compare", NODES[2], NODES[3], "--domain", "cache")
    assert (status, document["compatibility"]) == (0, "compatible")


# A host is to be emptied ----------------------------------------------------------------------------------


def test_only_hosts_that_can_take_the_guest_are_named(cluster: str, say: Say) -> None:
    status, told, _ = say("fleet", "drain", "node-1", "--store", cluster)
    assert status == 0
    assert "web can go to 1 host: node-2" in told
    assert "Mend" not in told


def test_a_guest_that_cannot_leave_is_told_why_and_what_then(cluster: str, say: Say) -> None:
    status, told, _ = say("fleet", "drain", "node-4", "--store", cluster)
    assert status == 1
    assert "build cannot leave 3 hosts: avx-vnni" in told
    assert "Mend: A guest that cannot leave has to be stopped" in told
    assert "`vcpuid fleet baseline`" in told


def test_with_the_baseline_it_could_leave(cluster: str, tmp_path: Path, vcpuid: Vcpuid) -> None:
    _, document = vcpuid("fleet", "baseline", "--store", cluster)
    definition = tmp_path / "cpu.xml"
    definition.write_text(document["places"][0]["baseline"]["xml"])
    status, answer = vcpuid("fleet", "which-hosts", str(definition), "--store", cluster)
    assert (status, answer["incompatible"], answer["unknown"]) == (0, [], [])
    assert len(answer["compatible"]) == 4


def test_a_mistyped_host_is_not_a_host_without_guests(cluster: str, say: Say) -> None:
    status, _, error = say("fleet", "drain", "node4", "--store", cluster)
    assert status == 2
    assert "no host of this name in the fleet: found 'node4' (node-4?)" in error


def test_the_matrix_counts_the_one_way_streets(cluster: str, say: Say) -> None:
    status, told, _ = say("fleet", "matrix", "--store", cluster)
    assert status == 0
    assert "0 both ways, 1 one way only" in told
    assert "2 can receive from none: node-3, node-4" in told


# Before the guest exists ----------------------------------------------------------------------------------


def test_a_refusal_at_the_target_is_known_beforehand(cluster: str, say: Say) -> None:
    target = str(EXAMPLES / "updated/node-1.json")
    status, told, _ = say("fleet", "precheck", "--target", target, "--store", cluster)
    assert status == 1
    assert "cannot migrate there: node-4/build" in told
