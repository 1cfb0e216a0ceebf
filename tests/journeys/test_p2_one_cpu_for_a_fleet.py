"""P2: hosts of several kinds, and one CPU is wanted that guests can have on all of them.

lxc/incus#486 and #985 (a baseline for each group), OpenNebula#7260 (may this host join?), harvester#3015.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lxml import etree

from journeys.conftest import BOOKWORM, NODES, TRIXIE, Say
from story.conftest import Vcpuid
from vcpuid.guest.libvirt import parse_cpu

HOSTS = 240


@pytest.fixture
def store(fleet_file: Path, tmp_path: Path, say: Say) -> str:
    folder = str(tmp_path / "fleet")
    status, told, _ = say("fleet", "ingest", str(fleet_file), "--store", folder, "--at", "2026-01-31")
    assert (status, told.startswith(f"{HOSTS} hosts read")) == (0, True)
    return folder


# The whole fleet ------------------------------------------------------------------------------------------


def test_two_vendors_have_no_cpu_in_common_and_the_groups_that_have_one_are_shown(store: str, say: Say) -> None:
    status, told, _ = say("fleet", "baseline", "--store", store)
    assert status == 1
    assert "no common CPU: the hosts' CPUs are of several vendors: AMD, Intel" in told
    for model in ("EPYC-Rome", "Skylake-Client-IBRS", "Snowridge"):
        assert f": {model}, with " in told


def test_each_vendor_has_its_own(store: str, vcpuid: Vcpuid) -> None:
    status, document = vcpuid("fleet", "baseline", "--by", "vendor", "--store", store)
    assert status == 0
    amd, intel = document["places"]
    assert (amd["place"], amd["baseline"]["cpu"]["model"]) == ("AMD", "EPYC-Rome")
    assert (intel["place"], intel["baseline"]["cpu"]["model"]) == ("Intel", "Skylake-Client-IBRS")
    assert amd["hosts"] + intel["hosts"] == HOSTS


def test_no_host_of_a_vendor_lacks_what_its_baseline_asks_for(store: str, vcpuid: Vcpuid, tmp_path: Path) -> None:
    _, document = vcpuid("fleet", "baseline", "--by", "vendor", "--store", store)
    for place in document["places"]:
        definition = tmp_path / "cpu.xml"
        definition.write_text(place["baseline"]["xml"])
        status, answer = vcpuid("fleet", "which-hosts", str(definition), "--store", store)
        assert (status, len(answer["unknown"])) == (4, place["hosts"])  # by KVM's list: an upper bound


def test_what_knows_cpuid_alone_is_not_called_safe(store: str, say: Say) -> None:
    _, told, _ = say("fleet", "baseline", "--by", "vendor", "--store", store)
    assert told.count("not migration-safe: of ") == 2


# A small cluster, and the definition to paste -----------------------------------------------------------------


def test_the_definition_leaves_out_what_one_host_lacks(say: Say) -> None:
    status, told, errors = say("baseline", *NODES, "--for", "libvirt")
    assert (status, errors) == (0, "")
    cpu = parse_cpu(etree.fromstring(told), "baseline")
    assert cpu.model == "Skylake-Client-IBRS"
    assert {one.name for one in cpu.requests if not one.policy.asks} == {"hle", "rtm", "mpx"}


def test_who_stands_in_the_way_of_the_better_model(tmp_path: Path, say: Say) -> None:
    store = str(tmp_path / "fleet")
    say("fleet", "ingest", *NODES, "--store", store, "--at", "2026-01-31")
    status, told, _ = say("fleet", "which-hosts", "Skylake-Client-IBRS", "--store", store)
    assert status == 0
    assert "2 hosts cannot run it: node-3, node-4" in told
    _, told, _ = say("fleet", "what-if", "--want", "Skylake-Client-IBRS", "--store", store)
    assert "or 2 features of it: hle rtm" in told


# Two real stacks ------------------------------------------------------------------------------------------------


def test_two_versions_of_qemu_on_one_machine_need_a_baseline_too(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("baseline", BOOKWORM, TRIXIE)
    assert status == 0
    assert document["is_migration_safe"]
    asked = document["xml"]
    host_model = [json.loads(Path(path).read_text())["sources"]["libvirt"]["data"] for path in (BOOKWORM, TRIXIE)]
    capabilities = [data["domain_capabilities"][0]["xml"] for data in host_model]
    assert 'name="erms"' not in capabilities[0]
    assert 'name="erms"' in capabilities[1]
    assert "name='erms'" not in asked
    assert "name='clwb'" in asked
