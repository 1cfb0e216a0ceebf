"""Our predictions, against what guests of the installed QEMU see under TCG."""

from __future__ import annotations

import pytest
from tools.qemu.binary import Binary
from tools.qemu.judge import Case, differences, draw, judge

from programs import needs
from vcpuid.rules.qemu import known_versions, load_qemu
from vcpuid.rules.qemu.knowledge import version_of
from vcpuid.terms.address import parse_bit

pytestmark = needs("qemu-system-x86_64", package="qemu-system-x86")

QEMU = "qemu-system-x86_64"
BINARY = Binary((QEMU,))
DRAWS, SEED = 2, 5  # `python -m tools.judge_qemu` draws more


def test_every_model_with_random_features_is_as_predicted() -> None:
    qemu = load_qemu(BINARY.release)
    cases = list(draw(qemu, DRAWS, SEED))
    assert len(cases) > len(qemu.models)
    faults = {str(case): found for case in cases if (found := judge(QEMU, qemu, case))}
    assert faults == {}


@pytest.mark.parametrize("family", ["pc-i440fx-", "pc-q35-", "microvm", "isapc"])
def test_the_oldest_machine_types_are_as_predicted(family: str) -> None:
    qemu = load_qemu(BINARY.release)
    machines = [name for name in qemu.machines if name.startswith(family)]
    machine = min(machines, key=lambda name: version_of(name.removeprefix(family)))
    names = [name for name in qemu.models if name != "host"][SEED::7]
    faults = {name: found for name in names if (found := judge(QEMU, qemu, Case(name, machine)))}
    assert faults == {}


def test_the_judge_finds_a_wrong_table() -> None:
    qemu = load_qemu(BINARY.release)
    other = load_qemu(next(version for version in ("7.2", "11.1") if not BINARY.release.startswith(version)))
    case = Case("Haswell,+sgx" if other.features["sgx"].in_tcg else "Haswell,+pcommit", "pc")
    assert judge(QEMU, qemu, case) == []
    assert judge(QEMU, other, case)


def test_the_listed_differences_are_there() -> None:
    """Each row has a version and a condition; whoever meets it in a guest finds it explained."""
    for version in known_versions():
        for bit, without in differences(version).items():
            assert parse_bit(bit).plain == bit
            assert set(without) <= set(load_qemu(version).features)
