"""Sections for Nova: the least advanced model first, and each further one reached by its trait."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from fleets import DUMPS
from schemas import check_document
from snapshots import domain_capabilities
from vcpuid.answers.nova_placement import Named, PlacementCheck, check_placement
from vcpuid.answers.nova_plan import Group, NovaPlan, plan_nova
from vcpuid.answers.party import Party, read_parties
from vcpuid.errors import InputError
from vcpuid.guest.nova import parse_ini, parse_nova_files
from vcpuid.guest.nova.flavor import Flavor
from vcpuid.guest.nova.placement import parse_placement
from vcpuid.render.nova_plan import nova_plan_document, nova_plan_text
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.nova.guest import configured_cpu
from vcpuid.rules.nova.host import NovaHost

MODELS = {"h1": "Haswell-noTSX", "h2": "Skylake-Server-noTSX-IBRS", "h3": "Skylake-Server-noTSX-IBRS"}
NEW = {**MODELS, "h4": "Icelake-Server-noTSX"}


def party(name: str, model: str, vendor: str = "Intel") -> Party:
    xml = domain_capabilities(f"<model>{model}</model><vendor>{vendor}</vendor>")["xml"]
    (one,) = read_parties(xml.encode(), name)
    return one


def plan(models: dict[str, str] | None = None) -> NovaPlan:
    return plan_nova([party(*pair) for pair in (models or NEW).items()], shipped_map())


def models_of(group: Group) -> list[str]:
    return [rung.model for rung in group.rungs]


def by_host(answer: NovaPlan) -> dict[str, Group]:
    return {member.name: group for group, member in answer.members}


def test_the_least_advanced_model_is_first_and_common_to_all() -> None:
    groups = by_host(plan())
    assert set(groups) == set(NEW)
    assert {models_of(group)[0] for group in groups.values()} == {"Haswell-noTSX"}
    assert models_of(groups["h1"]) == ["Haswell-noTSX"]
    assert groups["h2"] is groups["h3"]
    sizes = [shipped_map().models[name] for name in models_of(groups["h4"])]
    assert len(sizes) > 1
    bits = [Models(shipped_map()).models[name].bits.bit_count() for name in models_of(groups["h4"])]
    assert bits == sorted(bits)


def test_nova_takes_a_model_for_its_trait_and_the_first_for_none() -> None:
    host = NovaHost(Models(shipped_map()))
    tried = 0
    for group in plan().groups:
        for rung in group.rungs:
            specs = [{}] if not rung.traits else [{f"trait:{trait}": "required"} for trait in rung.traits]
            for spec in specs:
                cpu = configured_cpu(group.config, host, Flavor("f", 1, 1024, spec, "f"))
                assert cpu is not None
                assert cpu.model == rung.model
                tried += 1
    assert tried > 4


def test_the_text_of_one_group_is_a_configuration() -> None:
    answer = plan({"h2": MODELS["h2"], "h3": MODELS["h3"]})
    text = nova_plan_text(answer, None)
    read = parse_nova_files([parse_ini(text, "nova.conf")])
    assert [item.text for item in (read.config.models if read.config else ())] == models_of(answer.groups[0])
    assert "aggregate" not in text


def test_flags_of_hosts_that_are_known_by_cpuid_alone_are_marked() -> None:
    dump = DUMPS / "intel-coffee-lake.json"
    (one,) = read_parties(dump.read_bytes(), dump.name)
    answer = plan_nova([one], shipped_map())
    text = nova_plan_text(answer, None)
    assert "# Known by CPUID alone: intel-coffee-lake.json\n# Among the flags may be some" in text
    assert parse_nova_files([parse_ini(text, "nova.conf")]).config is not None
    assert "Known by CPUID alone" not in nova_plan_text(plan(), None)


def test_several_groups_have_aggregates() -> None:
    text = nova_plan_text(plan(), None)
    names = [group.aggregate for group in plan().groups]
    assert len(set(names)) == len(names) > 1
    for group in plan().groups:
        assert f"# openstack aggregate create --property vcpuid_cpu={group.aggregate} {group.aggregate}" in text
        for member in group.members:
            assert f"# openstack aggregate add host {group.aggregate} {member.name}" in text
    assert "# openstack flavor set --property trait:HW_CPU_X86_AVX512" in text


def test_vendors_do_not_mix() -> None:
    parties = [party("h1", "Haswell-noTSX"), party("a1", "EPYC", "AMD")]
    answer = plan_nova(parties, shipped_map())
    assert [[member.name for member in group.members] for group in answer.groups] == [["h1"], ["a1"]]


def placement(documents: dict[str, Any], answer: NovaPlan | None = None) -> PlacementCheck:
    named = [Named(source, parse_placement(json.dumps(text), source)) for source, text in documents.items()]
    return check_placement(answer or plan(), named)


def flavor(name: str, **properties: str) -> dict[str, Any]:
    return {"ID": "1", "Name": name, "RAM": 1024, "VCPUs": 1, "Properties": properties}


def traits(*names: str) -> Sequence[dict[str, str]]:
    return [{"name": name} for name in names]


def test_a_trait_that_a_host_lacks_is_wrong() -> None:
    answer = placement({"h1-traits.json": traits("HW_CPU_X86_AVX512F", "HW_CPU_X86_AVX2", "CUSTOM_OURS")})
    (claim,) = answer.claims
    assert (claim.host, claim.wrong) == ("h1", ("HW_CPU_X86_AVX512F",))
    assert "HW_CPU_X86_SSE42" in claim.absent
    assert not answer.is_fine
    assert "error: h1-traits.json: claimed, and h1 lacks HW_CPU_X86_AVX512F" in nova_plan_text(plan(), answer)


def test_a_flavor_has_the_hosts_that_have_its_traits() -> None:
    wanted = flavor("avx512", **{"trait:HW_CPU_X86_AVX512F": "required"})
    nobody = flavor("sha", **{"trait:HW_CPU_X86_AVX512F": "required", "trait1:HW_CPU_X86_AMD_SVM": "required"})
    answer = placement({"flavors.json": [wanted, flavor("plain"), nobody]})
    found = {service.flavor: service.hosts for service in answer.services}
    assert found == {"sha": (), "avx512": ("h2", "h3", "h4"), "plain": ("h1", "h2", "h3", "h4")}
    assert answer.services[0].flavor == "sha"
    assert not answer.is_fine
    reasons = {one.host: one.reason for one in answer.services[0].obstacles}
    assert reasons["h1"] == "it lacks HW_CPU_X86_AMD_SVM"


def with_flag(name: str, model: str) -> Party:
    flag = "<feature policy='require' name='vmx'/><feature policy='require' name='abm'/>"
    xml = domain_capabilities(f"<model>{model}</model><vendor>Intel</vendor>{flag}")["xml"]
    (one,) = read_parties(xml.encode(), name)
    return one


def test_what_flags_alone_give_serves_no_flavor() -> None:
    # A model after Haswell-noTSX in the ladder has abm by itself, none has vmx.
    hosts = [with_flag("h1", "Haswell-noTSX"), with_flag("h2", "Skylake-Server-noTSX-IBRS")]
    answer = plan_nova(hosts, shipped_map())
    groups = by_host(answer)
    assert {"HW_CPU_X86_VMX", "HW_CPU_X86_ABM"} <= set(groups["h1"].unmet) <= set(groups["h1"].reported)
    assert "HW_CPU_X86_VMX" in groups["h2"].unmet
    assert "HW_CPU_X86_ABM" not in groups["h2"].unmet
    rung = groups["h2"].rungs[-1]
    assert rung.traits[-1] == "HW_CPU_X86_ABM" != rung.traits[0]
    assert "# a flavor that requires it comes here and fails at spawn" in nova_plan_text(answer, None)
    flavors = [flavor(name, **{f"trait:HW_CPU_X86_{name}": "required"}) for name in ("VMX", "ABM")]
    services = {one.flavor: one for one in placement({"f.json": flavors}, answer).services}
    assert (services["VMX"].hosts, services["ABM"].hosts) == ((), ("h2",))
    reasons = {one.host: one.reason for one in services["VMX"].obstacles}
    assert reasons["h1"] == "Nova fails there at spawn: no model of its section has vmx by itself"


@pytest.mark.parametrize(
    ("documents", "reason"),
    [
        (
            {
                "h1.json": traits("HW_CPU_X86_AVX2"),
                "f.json": [flavor("f", **{"trait:HW_CPU_X86_AVX2": "forbidden"})],
            },
            "placement claims HW_CPU_X86_AVX2 of it, which the flavor forbids",
        ),
        (
            {
                "h1.json": [{"resource_class": "CUSTOM_SGX_EPC_MB", "total": 64, "reserved": 0, "max_unit": 32}],
                "f.json": [flavor("f", **{"resources:CUSTOM_SGX_EPC_MB": "48"})],
            },
            "it has 32 of CUSTOM_SGX_EPC_MB for one guest, and the flavor asks for 48",
        ),
        (
            {
                "a.json": [{"ID": 1, "Name": "a", "Hosts": ["h2", "h9"], "Properties": {"rack": "1"}}],
                "f.json": [flavor("f", **{"aggregate_instance_extra_specs:rack": "1"})],
            },
            "it is in no aggregate with rack=1",
        ),
        (
            {"h1.json": traits("CUSTOM_X"), "f.json": [flavor("f", **{"trait:CUSTOM_Y": "required"})]},
            "placement does not claim CUSTOM_Y of it, and Nova will not report it",
        ),
    ],
)
def test_why_a_host_cannot_serve(documents: dict[str, Any], reason: str) -> None:
    answer = placement(documents)
    (service,) = answer.services
    assert {one.host: one.reason for one in service.obstacles}["h1"] == reason
    assert answer.strangers == (("h9",) if "a.json" in documents else ())


def test_a_document_must_say_of_which_host_it_is() -> None:
    with pytest.raises(InputError, match="does not say of which host"):
        placement({"traits.json": traits("HW_CPU_X86_AVX2")})
    with pytest.raises(InputError, match="a second document"):
        placement({"h1-a.json": traits("HW_CPU_X86_AVX2"), "h1-b.json": traits("HW_CPU_X86_AVX2")})
    with pytest.raises(InputError, match="does not say of which host"):
        placement({"h12.json": traits("HW_CPU_X86_AVX2")})
    assert placement({"any.json": traits("HW_CPU_X86_AVX2")}, plan({"h1": MODELS["h1"]})).is_fine


@pytest.mark.parametrize("text", ["{}", "[{}]"])
def test_an_empty_object_is_of_no_kind(text: str) -> None:
    with pytest.raises(InputError, match=r"f\.json: of no known kind: found members none"):
        parse_placement(text, "f.json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "3",
        '[{"x": 1}]',
        '[{"name": 3}]',
        "[[]]",
        '[{"Name": "f", "VCPUs": 1}]',
        '[{"resource_class": "A"}]',
    ],
)
def test_what_is_no_such_document_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_placement(text, "f.json")
    assert "f.json" in str(caught.value)


def test_the_document_fits_its_schema() -> None:
    check = placement({"h1.json": traits("HW_CPU_X86_AVX512F"), "f.json": [flavor("plain")]})
    for one in (None, check):
        check_document("baseline-nova", nova_plan_document(plan(), one))
