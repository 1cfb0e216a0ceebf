"""The sections that are planned for several hosts, and the models that the real Nova takes by them."""

from __future__ import annotations

import pytest

from nova_peer import RealNova, this_host
from programs import needs_libvirt
from snapshots import domain_capabilities
from vcpuid.answers.nova_plan import NovaPlan, Rung, plan_nova
from vcpuid.answers.party import Party, read_parties
from vcpuid.guest.libvirt import parse_cpu, parse_xml

MODELS = {
    "h1": ("Haswell-noTSX", "Intel"),
    "h2": ("Skylake-Server-noTSX-IBRS", "Intel"),
    "h3": ("Icelake-Server-noTSX", "Intel"),
    "a1": ("EPYC", "AMD"),
    "a2": ("EPYC-Milan", "AMD"),
}
pytestmark = needs_libvirt()


@pytest.fixture(scope="module")
def plan() -> NovaPlan:
    parties: list[Party] = []
    for name, (model, vendor) in MODELS.items():
        nested = "<feature policy='require' name='vmx'/>" if vendor == "Intel" else ""
        xml = domain_capabilities(f"<model>{model}</model><vendor>{vendor}</vendor>{nested}")["xml"]
        parties += read_parties(xml.encode(), name)
    return plan_nova(parties, this_host().models.cpu_map)


def _traits(rung: Rung) -> tuple[str | None, ...]:
    return rung.traits or (None,)


def test_nova_takes_the_model_whose_trait_a_flavor_requires(nova: RealNova, plan: NovaPlan) -> None:
    taken, planned = {}, {}
    for group in plan.groups:
        for rung in group.rungs:
            # The trait that the command names, and the last of the others.
            for trait in {_traits(rung)[0], _traits(rung)[-1]}:
                properties = {f"trait:{trait}": "required"} if trait else {}
                flavor = {"name": "f", "vcpus": 1, "ram": 1024, "properties": properties}
                cpu = nova.ask({"files": [group.section], "flavor": flavor})["cpu"]
                assert isinstance(cpu, str), cpu
                key = group.aggregate, trait
                taken[key] = parse_cpu(parse_xml(cpu, "Nova"), "Nova").model
                planned[key] = rung.model
    assert taken == planned
    assert len(set(taken.values())) > 3


def test_what_only_flags_give_is_reported_and_refused_at_spawn(nova: RealNova, plan: NovaPlan) -> None:
    group = next(group for group in plan.groups if "HW_CPU_X86_VMX" in group.unmet)
    flavor = {"name": "f", "vcpus": 1, "ram": 1024, "properties": {"trait:HW_CPU_X86_VMX": "required"}}
    real = nova.ask({"files": [group.section], "flavor": flavor})
    assert real["traits"] == list(group.reported)
    assert real["cpu"]["words"].startswith("No CPU model match traits")
