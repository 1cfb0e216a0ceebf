"""Plans of enclave memory, and the files that carry them out."""

from __future__ import annotations

import shlex
import subprocess

import pytest
import yaml
from lxml import etree

from sgx_hosts import MIB, capabilities, process, sgx_host
from snapshots import cpuid, document, domain_xml, domains, rows
from vcpuid.answers.sgx.files import Target, write_files
from vcpuid.answers.sgx.memory import KnownBy, Use, read_memory
from vcpuid.answers.sgx.plan import PAGE_BYTES, Plan, Request, make_plan, parse_request, parse_size
from vcpuid.errors import UndecidedError, UsageError
from vcpuid.evidence import Evidence
from vcpuid.guest.libvirt import parse_domain
from vcpuid.guest.qemu import parse_arguments
from vcpuid.snapshot import Snapshot
from vcpuid.terms.place import Place

READY = sgx_host("ready")
HERE = Place("here")
EPC = (
    "<memory model='sgx-epc'><source><nodemask>{nodes}</nodemask></source>"
    "<target><size unit='MiB'>{size}</size></target></memory>"
)


def plan_of(*texts: str, **choices: bool | int) -> Plan:
    return make_plan(READY, [parse_request(text) for text in texts], **choices)  # type: ignore[arg-type]


def where(plan: Plan) -> list[list[list[tuple[int, int]]]]:
    return [
        [[(node, size // MIB) for node, size in guest.parts] for guest in outcome.placed]
        for outcome in plan.outcomes
    ]


@pytest.mark.parametrize(
    ("text", "name", "size_bytes", "copies"),
    [
        ("64M", "64M", 64 * MIB, 1),
        ("64mib x", "", 0, 0),
        ("64MiBx10", "64M", 64 * MIB, 10),
        ("1g", "1G", 1024 * MIB, 1),
        ("vault=128Mx2", "vault", 128 * MIB, 2),
        ("4K", "4K", 4096, 1),
        ("64", "", 0, 0),
        ("0M", "", 0, 0),
        ("64Mx0", "", 0, 0),
        ("64Mx99999", "", 0, 0),
        ("-1M", "", 0, 0),
        ("", "", 0, 0),
    ],
)
def test_requests(text: str, name: str, size_bytes: int, copies: int) -> None:
    if not copies:
        with pytest.raises(UsageError, match="no size of enclave memory"):
            parse_request(text)
    else:
        assert parse_request(text)[:3] == (name, size_bytes, copies)


def test_sizes_that_are_kept() -> None:
    assert (parse_size("0", "--reserve"), parse_size("8M", "--reserve")) == (0, 8 * MIB)
    for text in ("8", "x=8M", "8Mx2", "many"):
        with pytest.raises(UsageError, match="--reserve: no size"):
            parse_size(text, "--reserve")


def test_each_guest_is_on_one_node_where_that_can_be() -> None:
    # 188 and 124 MiB are free: the two of 62 fill node 1, and the others node 0.
    assert where(plan_of("62Mx2", "94Mx2")) == [[[(1, 62)], [(1, 62)]], [[(0, 94)], [(0, 94)]]]


def test_where_it_cannot_be_one_is_made_of_parts() -> None:
    plan = plan_of("120M", "64Mx3")
    assert plan.fits
    assert sum(len(guest) > 1 for kind in where(plan) for guest in kind) == 1
    assert set(plan.left.values()) == {0}


def test_or_not_if_that_is_forbidden() -> None:
    plan = plan_of("120M", "64Mx3", one_node=True)
    assert where(plan)[1] == [[(1, 64)], [(0, 64)], [(0, 64)]]
    assert plan.outcomes[0].why == "no room for one of them: no node has 120 MiB left, the most is 60 MiB"
    assert [outcome.alone for outcome in plan.outcomes] == [2, 3]


def test_what_does_not_fit_says_why() -> None:
    plan = plan_of("100Mx5")
    assert len(plan.outcomes[0].placed) == plan.outcomes[0].alone == 3
    assert plan.outcomes[0].why == "no room for 2 of them: each takes 100 MiB, and 12 MiB are left"


def test_sizes_are_whole_granules() -> None:
    """libvirt 9.0 made 2 MiB of 1, 4 of 3, and 64 of 63; QEMU takes whole pages."""
    sizes = [outcome.size_bytes // MIB for outcome in plan_of("1M", "3M", "63M", "64M").outcomes]
    assert sizes == [2, 4, 64, 64]
    assert plan_of("5K", granule_bytes=PAGE_BYTES).outcomes[0].size_bytes == 2 * PAGE_BYTES


def test_a_reserve_is_of_each_node() -> None:
    assert plan_of("2M", reserved_bytes=10 * MIB).left == {0: 178 * MIB, 1: 112 * MIB}
    assert plan_of("2M", reserved_bytes=200 * MIB).outcomes[0].placed == ()


def test_a_host_without_enclave_memory_has_no_room() -> None:
    plan = make_plan(sgx_host("bios-off"), [parse_request("64M")])
    assert plan.outcomes[0].why == "no room for one of them: the host has no enclave memory"
    assert plan.diagnosis.faults[0].step.name == "bios"
    assert write_files(plan, sgx_host("bios-off")) == ()


def test_a_host_that_was_not_looked_at_is_undecided() -> None:
    with pytest.raises(UndecidedError, match="nobody told"):
        make_plan(Evidence(Snapshot.of(document(), "x")), [parse_request("64M")])


def test_there_are_not_too_many_guests() -> None:
    with pytest.raises(UsageError, match="too many guests"):
        make_plan(READY, [Request("a", MIB, 4000), Request("b", MIB, 4000)])


# What guests have


def test_a_domain_that_runs_counts_once_and_one_that_does_not_is_told() -> None:
    xml = domain_xml("<cpu mode='host-passthrough'/>", more=f"<devices>{EPC.format(nodes='0', size=32)}</devices>")
    backend = f"memory-backend-epc,id=m,size={32 * MIB},host-nodes=0"
    runs = sgx_host(
        "ready",
        domains=domains(inactive=xml, started=xml, live=xml, pid=9),
        processes={"processes": [process(9, "web-1", backend)]},
    )
    assert read_memory(runs).uses == (Use("web-1", 32 * MIB, frozenset({0}), runs=True),)
    unseen = sgx_host("ready", domains=domains(inactive=xml, live=xml, pid=9), processes={"processes": []})
    assert read_memory(unseen).used_bytes == 32 * MIB
    sleeps = sgx_host("ready", domains=domains(inactive=xml), processes={"processes": []})
    assert read_memory(sleeps).used_bytes == 0
    assert read_memory(sleeps).uses[0].runs is False


def test_a_guest_that_may_be_on_any_node_counts_at_each() -> None:
    host = sgx_host("ready", processes={"processes": [process(9, "a", "memory-backend-epc,id=m,size=100M")]})
    memory = read_memory(host)
    assert [node.free_bytes // MIB for node in memory.nodes] == [88, 88]
    assert memory.free_bytes == 176 * MIB


@pytest.mark.parametrize(
    ("changed", "known_by", "sizes"),
    [
        ({}, KnownBy.KERNEL, {0: 188, 1: 188}),
        ({"sgx": {"devices": {}, "numa": {}}}, KnownBy.LIBVIRT, {0: 188, 1: 188}),
        (
            {
                "sgx": {"devices": {}, "numa": {}},
                "libvirt": {"domain_capabilities": [capabilities("<sgx supported='no'/>")]},
            },
            KnownBy.CPUID,
            {0: 188, 1: 188},
        ),
        ({"sgx": {"devices": {}, "numa": {}}, "libvirt": {}, "cpuid": cpuid(rows())}, None, {}),
    ],
    ids=["the kernel", "libvirt", "CPUID", "nobody"],
)
def test_who_tells_of_nodes(
    changed: dict[str, dict[str, object]], known_by: KnownBy | None, sizes: dict[int, int]
) -> None:
    memory = read_memory(sgx_host("ready", **changed))
    assert (memory.known_by, {node.number: node.size_bytes // MIB for node in memory.nodes}) == (known_by, sizes)


# Files


def files_of(plan: Plan, target: Target, **choices: bool) -> dict[str, str]:
    return {file.name: file.text for file in write_files(plan, READY, **choices) if file.target is target}


def test_the_domain_has_the_memory_where_the_plan_has_it() -> None:
    for name, text in files_of(plan_of("62Mx2", "big=200M"), Target.LIBVIRT).items():
        definition = parse_domain(text, name)
        wanted = {"sgx-62M-node1.xml": [("1", 62)], "sgx-big-node0-node1-188-12.xml": [("0", 188), ("1", 12)]}
        assert [(epc.host_nodes, epc.size_bytes // MIB) for epc in definition.epc] == wanted[name]
        assert definition.max_memory is not None
        assert definition.max_memory.slots == len(definition.epc)
        assert definition.cpu.cells
        assert {request.name for request in definition.cpu.requests} == {"sgx", "sgx1", "sgx2", "sgxlc"}


def test_a_flavors_name_cannot_leave_the_folder_or_the_xml() -> None:
    plan = make_plan(READY, [Request("../a<b>&'$(x)", 2 * MIB, is_flavor=True)])
    files = write_files(plan, READY)
    assert not any("/" in file.name or "<" in file.name for file in files)
    etree.fromstring(files[0].text)
    commands = next(file.text for file in files if file.name == "openstack.sh")
    line = commands.splitlines()[-1]
    assert shlex.split(line)[-1] == "../a<b>&'$(x)"


def test_qemus_arguments_have_it_too() -> None:
    (text,) = files_of(plan_of("200M"), Target.QEMU, provisioning=True).values()
    words = shlex.split(text)
    assert words[:2] == ["-cpu", "host,+sgx-provisionkey"]
    assert [(epc.size_bytes // MIB, epc.host_nodes) for epc in parse_arguments(words, HERE).epc] == [
        (188, "0"),
        (12, "1"),
    ]


def test_placement_gets_the_steps_and_limits_of_libvirt() -> None:
    text = files_of(plan_of("62M", reserved_bytes=9 * MIB), Target.NOVA)["provider.yaml"]
    document = yaml.safe_load(text)
    assert document["meta"] == {"schema_version": "1.0"}
    (provider,) = document["providers"]
    assert provider["identification"] == {"uuid": "$COMPUTE_NODE"}
    assert provider["inventories"]["additional"] == [
        {
            "CUSTOM_SGX_EPC_MB": {
                "total": 356,  # 179 MiB a node, which is 178 in steps of 2
                "reserved": 0,
                "min_unit": 2,
                "max_unit": 178,
                "step_size": 2,
                "allocation_ratio": 1.0,
            }
        }
    ]
    assert "64 MiB" in text


def test_a_flavor_that_has_everything_needs_no_command() -> None:
    flavor = Request("have", 64 * MIB, asks_for_trait=True, is_flavor=True)
    odd = Request("odd", 63 * MIB, asks_for_trait=True, is_flavor=True)
    plan = make_plan(READY, [flavor, odd])
    lines = files_of(plan, Target.NOVA)["openstack.sh"].splitlines()
    assert not any("have" in line for line in lines)
    assert lines[-1] == "openstack flavor set --property resources:CUSTOM_SGX_EPC_MB=64 odd"


def test_nova_is_told_in_its_own_words() -> None:
    text = files_of(plan_of("2M"), Target.NOVA)["nova.conf"]
    assert text == (
        "[libvirt]\nvirt_type = kvm\ncpu_mode = host-passthrough\ncpu_model_extra_flags = sgx, sgx1, sgx2, sgxlc\n"
    )


def test_the_commands_are_a_shells() -> None:
    plan = make_plan(READY, [Request("it's; rm -rf /", 2 * MIB, is_flavor=True), Request("64M", 64 * MIB)])
    text = files_of(plan, Target.NOVA)["openstack.sh"]
    done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    traced = f"openstack() {{ printf '<%s>' \"$@\"; echo; }}\n{text}"
    said = subprocess.run(["sh"], input=traced, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[-3].endswith("<--property><trait:HW_CPU_X86_SGX=required><it's; rm -rf />")
    assert said[-2].endswith("<sgx-64M>")
