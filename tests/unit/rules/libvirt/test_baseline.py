"""The CPU that several hosts share."""

from __future__ import annotations

import pytest

from cpu_maps import guest, host, make_models, written
from vcpuid.errors import InputError
from vcpuid.rules.libvirt.baseline import baseline
from vcpuid.terms.guest import GuestCpu

SMALL = make_models()


@pytest.mark.parametrize(
    ("cpus", "expected"),
    [
        ([host("middle", "sgx")], "middle +sgx -msr"),
        ([host("new"), host("middle", "sgx")], "old +de +pse"),
        ([host("new", "sgx"), host("middle", "sgx tsc")], "new +sgx"),
        ([host("middle"), host("middle", "sgx")], "middle -msr"),
        ([guest("new", "-tsc +sgx"), guest("new", "?sgx")], "new -tsc"),
    ],
)
def test_what_all_have_is_described(cpus: list[GuestCpu], expected: str) -> None:
    assert written(baseline(SMALL, cpus).cpu) == expected


def test_the_fallback_is_forbidden_where_all_name_the_model() -> None:
    assert baseline(SMALL, [host("middle"), host("middle", "sgx")]).cpu.fallback is False
    assert baseline(SMALL, [host("middle"), host("new")]).cpu.fallback is True


def test_the_vendor_is_told_where_all_name_it() -> None:
    intel = host("middle", vendor="Intel")
    assert baseline(SMALL, [intel, intel]).cpu.vendor == "Intel"
    assert baseline(SMALL, [intel, host("middle")]).cpu.vendor is None


def test_the_first_cpus_model_has_no_say_in_the_vendor() -> None:
    # libvirt 9.0 and 11.3 answer so; the order matters.
    assert written(baseline(SMALL, [host("middle"), host("other")]).cpu).startswith("other")
    with pytest.raises(InputError, match="of several vendors") as caught:
        baseline(SMALL, [host("middle", vendor="Intel"), host("other")])
    assert caught.value.found == "Intel and AMD"


@pytest.mark.parametrize(
    ("cpus", "message"),
    [
        ([], "no CPU to describe"),
        ([host("middle", vendor="Intel"), host("old", vendor="AMD")], "of several vendors"),
        ([host("old"), host("middle", vendor="AMD")], "says another vendor"),
        ([host("old", vendor="Nobody")], "unknown CPU vendor"),
        ([host("nothing")], "unknown CPU model"),
        ([host("old", "nothing")], "unknown CPU feature"),
        ([guest("old", "-vme"), guest("old", "-fpu")], "no feature in common"),
        ([guest(None)], "names no model"),
    ],
)
def test_what_cannot_be_described_is_refused(cpus: list[GuestCpu], message: str) -> None:
    with pytest.raises(InputError, match=message):
        baseline(SMALL, cpus)


def test_the_first_may_say_another_vendor_than_its_models() -> None:
    assert baseline(SMALL, [host("middle", vendor="AMD")]).cpu.vendor == "AMD"


def test_the_hypervisor_limits_features_and_models() -> None:
    cpus = [host("new", "sgx")]
    assert written(baseline(SMALL, cpus, offered=["fpu", "vme", "sgx", "nothing"]).cpu) == "new +sgx -de -pse -tsc"
    assert written(baseline(SMALL, cpus, allowed={"old": ()}).cpu) == "old +de +pse +tsc +sgx"


def test_what_cannot_migrate_is_left_out_on_demand() -> None:
    assert written(baseline(SMALL, [host("old", "invtsc")], migratable=True).cpu) == "old"


def test_each_models_trial_is_told() -> None:
    trials = baseline(SMALL, [host("middle"), host("new")]).trials
    assert {trial.model for trial in trials} == set(SMALL.models)
