"""P7: a guest sees what nobody asked for, uses it, and dies with SIGILL on the next host.

firecracker#2795, #5380, #5690; cloud-hypervisor#8659.
"""

from __future__ import annotations

from pathlib import Path

from tools.compare_cpu_strings import INSTALLED, version_of

from journeys.conftest import BOOKWORM, EVIDENCE, EXAMPLES, NODES, Say
from programs import needs
from story.conftest import Vcpuid

OLD, NEW = (str(EVIDENCE / f"epyc-qemu-{version}.json") for version in ("7.2", "10.0"))
BESIDES = ["rdseed", "sha-ni", "3dnowprefetch"]
TRAP = "traps: node[1234] trap invalid opcode ip:55d0c0de1234 sp:7ffc0ffee000 error:0 in node[55d0c0a00000+1000]"


def test_the_trap_leads_to_a_feature_that_was_lost(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("diagnose", TRAP)
    causes = {cause["cause"]: cause["mend"] for cause in document["diagnoses"][0]["causes"]}
    assert status == 0
    assert "start the program anew" in causes["instruction-unknown"]


def test_one_definition_and_two_versions_of_qemu_are_two_cpus(say: Say) -> None:
    status, told, _ = say("diff", NEW, OLD)
    assert (status, told.split(" - ")[-1].split()) == (1, BESIDES)


def test_the_way_back_is_refused_before_anybody_dies(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("compare", NEW, OLD)
    assert status == 1
    assert [one["feature"] for one in document["there"]["missing"]] == BESIDES
    assert document["back"]["missing"] == []


def test_what_the_guest_sees_outranks_what_was_predicted(vcpuid: Vcpuid) -> None:
    got = {}
    for inside in (OLD, NEW):
        _, document = vcpuid("why", "rdseed", "--host", BOOKWORM, "--cpu", "EPYC", "--inside", inside)
        got[inside] = document["answers"][0]["got"]
    assert got == {OLD: "absent", NEW: "present"}


@needs("qemu-system-x86_64", package="qemu-system-x86")
def test_the_installed_qemu_s_guest_is_the_one_that_was_recorded_or_told_apart(tmp_path: Path, say: Say) -> None:
    path = str(tmp_path / "guest.json")
    assert say("probe", "EPYC", "--accel", "tcg", "--to", "json", "-o", path)[0] == 0
    status, told, _ = say("diff", path, NEW)
    if version_of(INSTALLED) == "10.0":  # the one that was recorded
        assert status == 0
    else:
        assert (status, told.split(" + ")[-1].split()) == (1, BESIDES)


def test_a_guest_with_the_host_s_own_cpu_is_named(say: Say) -> None:
    _, told, _ = say("audit", "--host", str(EXAMPLES / "h10.json"))
    assert "[audit.not-migratable-mode]" in told
    assert "Mend: Use a named model where guests must move" in told


def test_a_peer_that_lacks_what_the_guest_sees_is_a_warning(say: Say) -> None:
    words = ("audit", "--host", NODES[0], "--peer", str(EXAMPLES / "updated/node-1.json"))
    status, told, _ = say(*words)
    assert status == 0
    assert "cannot run it: it lacks hle, rtm [audit.peer-lacks]" in told
    assert say(*words, "--strict")[0] == 1
