"""`baseline` of domain capabilities, and what the libvirt of this machine makes of the same documents."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest
from tools.compare_libvirt import describe, theirs
from tools.virsh_session import Question, Virsh

from programs import LIBVIRT_URI, needs_kvm, needs_libvirt
from vcpuid.answers.baseline import baseline
from vcpuid.answers.party import read_parties
from vcpuid.rules.libvirt.map_reader import INSTALLED, read_map

CASE_COUNT = 150
MOST_HOSTS = 4
HOST_MODEL = re.compile(r"<mode name='host-model'.*?</mode>", re.DOTALL)
REQUIRED = re.compile(r"<feature policy='require' name='[^']+'/>")


def poorer_hosts(document: str, rng: random.Random) -> Iterator[str]:
    """Give documents of hosts like this one that lack some of what its host-model has."""
    (host_model,) = HOST_MODEL.findall(document)
    for _ in range(rng.randint(1, MOST_HOSTS)):
        percent, thinner = rng.choice((0, 5, 20, 50)), host_model
        for feature in REQUIRED.findall(host_model):
            if rng.randrange(100) < percent:
                thinner = thinner.replace(feature, "")
        yield document.replace(host_model, thinner)


@needs_libvirt()
@pytest.mark.parametrize("type_", [pytest.param("kvm", marks=needs_kvm()), "qemu"])
def test_baselines_of_domain_capabilities_are_libvirts(type_: str) -> None:
    virsh, cpu_map = Virsh(LIBVIRT_URI), read_map(INSTALLED)
    document = virsh.output("domcapabilities", "--virttype", type_)
    rng = random.Random(7)  # noqa: S311 -- chance that can be repeated
    cases = ["\n".join(poorer_hosts(document, rng)) for _ in range(CASE_COUNT)]
    command = f"hypervisor-cpu-baseline --migratable --virttype {type_}"
    found, models = [], set()
    for text, answer in zip(cases, virsh.ask([Question(command, text) for text in cases]), strict=True):
        ours = baseline(read_parties(text.encode(), "hosts"), cpu_map)
        assert ours.cpu is not None, (ours.refusal, answer)
        models.add(answer.text)
        if describe(ours.cpu) != theirs(answer):
            found.append((describe(ours.cpu), theirs(answer)))
    assert found == []
    assert len(models) > CASE_COUNT / 3
