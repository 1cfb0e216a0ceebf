"""A definition in bits: policies, what libvirt refuses to read, and features written out."""

from __future__ import annotations

import pytest

from cpu_maps import guest, host, make_models, written
from vcpuid.errors import InputError
from vcpuid.rules.libvirt.definition import (
    check_feature,
    check_written,
    disable_removed,
    encode,
    encode_policy,
    expand,
    migratable,
    overlay,
)
from vcpuid.terms.guest import CpuMode, GuestCpu, Policy

SMALL = make_models()


def names(bits: int) -> list[str]:
    return list(SMALL.names(bits))


def test_policies_add_and_take_away() -> None:
    data = encode(SMALL, guest("middle", "+sgx !tsc ?rdctl-no -vme ~de"))
    assert names(data.bits) == ["fpu", "pse", "tsc", "sgx"]
    assert data.vendor == "Intel"


def test_a_definitions_vendor_goes_before_its_models() -> None:
    assert encode(SMALL, guest("middle", vendor="AMD")).vendor == "AMD"
    assert encode(SMALL, guest("old")).vendor is None


def test_a_hosts_policies_are_not_looked_at() -> None:
    # libvirt's cpu-baseline takes `policy='disable'` in a host's definition for a feature that is there.
    cpu = GuestCpu(CpuMode.CUSTOM, "old", guest("old", "-vme ~sgx").requests, host("old").place, arch="x86_64")
    assert names(encode(SMALL, cpu).bits) == ["fpu", "vme", "sgx"]
    assert written(expand(SMALL, cpu)) == "old +fpu +sgx +vme"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy.REQUIRE, ["fpu", "vme", "sgx"]),
        (Policy.FORCE, ["tsc"]),
        (Policy.OPTIONAL, ["rdctl-no"]),
        (Policy.DISABLE, ["vme"]),
        (Policy.FORBID, ["de"]),
    ],
)
def test_each_policy_has_its_bits(policy: Policy, expected: list[str]) -> None:
    cpu = guest("old", "+sgx !tsc ?rdctl-no -vme ~de")
    assert names(encode_policy(SMALL, cpu, policy)) == expected


def test_a_feature_that_stands_twice_is_refused_whatever_its_policies() -> None:
    with pytest.raises(InputError, match="named twice") as caught:
        check_written(guest("old", "+sgx -vme -sgx"))
    assert caught.value.found == "'sgx'"


@pytest.mark.parametrize(
    "cpu",
    [
        guest(None, "+sgx"),
        guest(None, "+sgx", mode=CpuMode.DEFAULT),
        guest(None, vendor="Intel", mode=CpuMode.HOST_MODEL),
        GuestCpu(CpuMode.DEFAULT, None, (), host("old").place, arch="x86_64"),
    ],
)
def test_a_definition_that_needs_a_model_and_has_none_is_refused(cpu: GuestCpu) -> None:
    with pytest.raises(InputError, match="names no model"):
        check_written(cpu)


@pytest.mark.parametrize(
    "cpu",
    [
        guest(None, mode=CpuMode.DEFAULT),
        guest(None),
        *(
            guest(None, "+sgx", mode=mode)
            for mode in (CpuMode.HOST_MODEL, CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM)
        ),
    ],
)
def test_other_definitions_do_without_a_model(cpu: GuestCpu) -> None:
    check_written(cpu)
    assert names(encode_policy(SMALL, cpu, Policy.REQUIRE)) == [request.name for request in cpu.requests]
    with pytest.raises(InputError, match="names no model"):
        encode(SMALL, cpu)


def test_unknown_names_have_their_place() -> None:
    for cpu in (guest("nothing"), guest("old", "-nothing")):
        with pytest.raises(InputError, match="unknown CPU") as caught:
            encode_policy(SMALL, cpu, Policy.FORBID)
        assert (caught.value.source, caught.value.found) == ("a test", "'nothing'")


def test_expanding_writes_everything_out_by_name() -> None:
    assert written(expand(SMALL, guest("middle", "+sgx -de"))) == "middle -de +fpu -msr +pse +sgx +vme"


def test_what_the_model_has_removed_is_disabled_unless_it_is_named() -> None:
    assert written(expand(SMALL, guest("middle", "+msr"))) == "middle +de +fpu +msr +pse +vme"
    assert written(disable_removed(SMALL, guest("middle", "+sgx"))) == "middle +sgx -msr"
    assert written(disable_removed(SMALL, guest("middle", "+msr"))) == "middle +msr"
    assert written(disable_removed(SMALL, guest("new"))) == "new"


def test_only_custom_mode_is_expanded() -> None:
    cpu = guest(None, "+sgx", mode=CpuMode.HOST_PASSTHROUGH)
    assert expand(SMALL, cpu) is cpu


def test_what_cannot_migrate_is_left_out() -> None:
    assert written(migratable(SMALL, guest("old", "+invtsc +sgx +nothing"))) == "old +sgx +nothing"


def test_a_feature_is_there_by_model_or_by_request() -> None:
    cpu = guest("old", "+sgx -vme ?tsc")
    assert [check_feature(SMALL, cpu, name) for name in ("fpu", "sgx", "vme", "tsc")] == [True, True, False, False]
    with pytest.raises(InputError, match="unknown CPU feature"):
        check_feature(SMALL, cpu, "nothing")


def test_requests_over_others_keep_the_place_and_take_the_policy() -> None:
    merged = overlay(guest("old", "+sgx +tsc").requests, guest("old", "-tsc +de").requests)
    assert [(request.name, request.policy) for request in merged] == [
        ("sgx", Policy.REQUIRE),
        ("tsc", Policy.DISABLE),
        ("de", Policy.REQUIRE),
    ]
