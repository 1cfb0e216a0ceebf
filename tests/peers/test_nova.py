"""The real Nova, three releases of it: the same <cpu>, the same refusal, the same traits, the same checks.

Each release runs in an environment of its own as one process, with the libvirt connection that Nova itself
opens, and without database, message bus or instance. VCPUID_NOVA names the folder of the environments, which
tools/nova_environment.py makes. VCPUID_NOVA_CASES asks more than the usual number of generated configurations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from nova_cases import make_case
from nova_peer import (
    CASE_COUNT,
    RealNova,
    Release,
    differences,
    migration_difference,
    this_host,
)
from programs import needs_libvirt
from vcpuid.atlas.tables import load_table
from vcpuid.guest.nova import load_options, nova_version
from vcpuid.rules.nova.refusal import When

pytestmark = needs_libvirt()


@pytest.fixture(scope="module")
def nova(release: Release) -> Iterator[RealNova]:
    process = RealNova(release)
    yield process
    process.close()


def test_generated_configurations_lead_to_the_same(nova: RealNova, release: Release) -> None:
    differing: dict[int, list[str]] = {}
    reached: Counter[str] = Counter()
    for seed in range(CASE_COUNT):
        question = make_case(seed)
        real = nova.ask(question)
        if found := differences(question, real, release):
            differing[seed] = found
        reached += Counter(_steps(real))
    assert not differing
    # The generator is of use only while it reaches every end.
    assert reached.keys() >= {"start refused", "start passed", "cpu refused", "cpu made"}


def _steps(real: dict[str, object]) -> Iterator[str]:
    for step in ("start", "cpu"):
        if step in real:
            is_refused = isinstance(real[step], dict)
            yield f"{step} refused" if is_refused else "start passed" if step == "start" else "cpu made"


@pytest.mark.parametrize(
    "conf",
    [
        "cpu_mode = host-model",
        "cpu_mode = host-passthrough",
        "virt_type = qemu",
        "cpu_mode = host-model\n[workarounds]\nskip_cpu_compare_on_dest = true",
    ],
)
def test_a_migration_from_this_host_to_itself(nova: RealNova, conf: str) -> None:
    question = {"files": [f"[libvirt]\n{conf}\n"], "info": True}
    source = nova.ask(question)["info"]
    real = nova.ask({**question, "source": source})
    if "skip" in conf:
        return  # the caller of Nova's method looks at it, and that is asked alone here
    assert not migration_difference(question, real, None)


def test_what_nova_tells_of_this_hosts_cpu(nova: RealNova) -> None:
    info = nova.ask({"files": ["[libvirt]\n"], "info": True})["info"]
    host = this_host()
    assert host.cpu is not None
    assert (info["model"], info["vendor"]) == (host.cpu.model, host.cpu.vendor)
    assert frozenset(info["features"]) == host.own_features(When.START)


def test_the_tables_are_those_of_the_release(nova: RealNova, release: Release) -> None:
    tables = nova.ask({"tables": True})["tables"]
    ours = {row["trait"]: row["nova_flag"] for row in load_table("traits") if row["nova_flag"]}
    assert tables["traits"] == {trait: flag for trait, flag in ours.items() if trait not in release.lacks}
    if release.version == nova_version():
        known = [option for option in load_options().values() if option.section == "libvirt"]
        assert tables["options"] == sorted(option.name for option in known)
