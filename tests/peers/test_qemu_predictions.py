"""Our predictions, against what the installed QEMU makes of the same definitions under TCG."""

from __future__ import annotations

import pytest
from tools.qemu.binary import Binary
from tools.qemu.judge import Case, differences, draw, judge

from programs import needs
from vcpuid.rules.qemu import load_qemu

pytestmark = needs("qemu-system-x86_64", package="qemu-system-x86")

BINARY = Binary(("qemu-system-x86_64",))
DRAWS, SEED = 2, 5  # `python -m tools.judge_qemu` draws more


def test_every_model_with_random_features_is_as_predicted() -> None:
    qemu = load_qemu(BINARY.release)
    cases = list(draw(qemu, DRAWS, SEED))
    assert len(cases) > len(qemu.models)
    faults = {str(case): found for case in cases if (found := judge(BINARY, qemu, case))}
    assert faults == {}


@pytest.mark.parametrize("machine", ["pc-i440fx-2.3", "pc-q35-2.11", "microvm", "isapc"])
def test_machine_types_of_all_ages_are_as_predicted(machine: str) -> None:
    qemu = load_qemu(BINARY.release)
    if machine not in qemu.machines:
        pytest.fail(f"QEMU {BINARY.release} has no {machine}: name one of its oldest here")
    names = [name for name in qemu.models if name != "host"][SEED::7]
    faults = {name: found for name in names if (found := judge(BINARY, qemu, Case(name, machine)))}
    assert faults == {}


def test_the_judge_finds_a_wrong_table() -> None:
    qemu = load_qemu(BINARY.release)
    other = load_qemu(next(version for version in ("7.2", "11.1") if not BINARY.release.startswith(version)))
    case = Case("Haswell,+sgx" if other.features["sgx"].in_tcg else "Haswell,+pcommit", "pc")
    assert judge(BINARY, qemu, case) == []
    assert judge(BINARY, other, case)


def test_the_listed_differences_are_there() -> None:
    qemu = load_qemu(BINARY.release)
    words = BINARY.ask(
        ("-machine", "pc", "-m", "8M", "-accel", "tcg", "-cpu", "max,-xsave"),
        [("qom-get", {"path": "/machine/unattached/device[0]", "property": "feature-words"})],
    ).value(0)
    (word,) = [
        one
        for one in words
        if (one["cpuid-input-eax"], one.get("cpuid-input-ecx"), one["cpuid-register"]) == (13, 1, "EAX")
    ]
    assert {f"d.1.eax.{bit}" for bit in range(32) if word["features"] >> bit & 1} == set(differences(qemu.version))
