"""What a host makes of a guest's definition, before and after the start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cpu_maps import MODELS, guest, host, make_models, model, written
from vcpuid.errors import InputError
from vcpuid.rules.libvirt.models import split_signature
from vcpuid.rules.libvirt.update import make_signature, translate, update, update_live
from vcpuid.terms.guest import Check, CpuMode, Match

SMALL = make_models()
HOST = host("middle", "sgx", vendor="Intel")


@pytest.mark.parametrize("mode", [CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM])
def test_the_hosts_cpu_itself_stays_as_it_is(mode: CpuMode) -> None:
    cpu = guest(None, "?tsc", mode=mode)
    assert update(SMALL, cpu, HOST) is cpu


def test_optional_features_are_decided() -> None:
    assert written(update(SMALL, guest("old", "?sgx ?tsc +de"), HOST)) == "old +sgx -tsc +de"


def test_host_model_becomes_the_hosts_with_what_the_guest_says() -> None:
    cpu = update(SMALL, guest(None, "-sgx +tsc", mode=CpuMode.HOST_MODEL), HOST)
    assert written(cpu) == "middle -sgx +tsc -msr"
    assert (cpu.mode, cpu.match, cpu.vendor) == (CpuMode.CUSTOM, Match.EXACT, "Intel")


def test_minimum_asks_for_all_that_the_host_has() -> None:
    cpu = update(SMALL, guest("old", "-vme", match=Match.MINIMUM), HOST)
    assert (written(cpu), cpu.match, cpu.vendor) == ("middle +sgx -vme -msr", Match.EXACT, None)


def test_what_a_model_has_removed_is_disabled() -> None:
    assert written(update(SMALL, guest("middle"), HOST)) == "middle -msr"


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="unknown CPU model"):
        update(SMALL, guest("nothing", match=Match.MINIMUM), HOST)
    with pytest.raises(InputError, match="unknown CPU feature"):
        update(SMALL, guest("old", "?nothing"), HOST)


def test_a_model_that_the_hypervisor_lacks_is_replaced() -> None:
    assert (
        written(translate(SMALL, guest("new", "+sgx -vme"), {"old": (), "other": ()}))
        == "old +de +pse +tsc +sgx -vme"
    )


def test_a_model_that_may_not_be_replaced_is_refused() -> None:
    with pytest.raises(InputError, match="fallback='forbid'") as caught:
        translate(SMALL, guest("new", fallback=False), {"old": ()})
    assert caught.value.found == "new"


@pytest.mark.parametrize("allowed", [None, {"new": ()}])
def test_a_model_that_the_hypervisor_has_stays(allowed: dict[str, tuple[str, ...]] | None) -> None:
    cpu = guest("new", "+sgx")
    assert translate(SMALL, cpu, allowed) is cpu


def test_the_signature_of_the_replaced_model_is_looked_for() -> None:
    models = make_models(models=(*MODELS, model("twin", "fpu", ancestor="new")))
    # By its contents "old" would be as good: "twin" has the family and model.
    assert translate(models, guest("new", "-tsc"), {"twin": (), "old": ()}).model == "twin"


@pytest.mark.parametrize(("family", "number", "stepping"), [(6, 85, 4), (15, 2, 9), (23, 1, 2), (25, 97, 0)])
def test_a_signature_is_split_as_it_was_made(family: int, number: int, stepping: int) -> None:
    assert split_signature(make_signature(family, number, stepping)) == (family, number, stepping)


def bits(features: str) -> int:
    return SMALL.bits_of(features.split())


def test_a_started_guests_definition_says_what_it_got() -> None:
    cpu = update_live(SMALL, guest("middle", "+sgx"), bits("fpu vme de pse tsc"), bits("sgx"))
    assert (written(cpu), cpu.check) == ("middle -sgx +tsc", Check.FULL)


def test_a_full_check_names_what_differs() -> None:
    cpu = replace(guest("middle", "+sgx"), check=Check.FULL)
    with pytest.raises(InputError, match="check='full'") as caught:
        update_live(SMALL, cpu, bits("tsc"), bits("sgx"))
    assert caught.value.found == "extra features: tsc; missing features: sgx"


def test_an_added_feature_is_no_surprise_until_it_is_named() -> None:
    cpu = replace(guest("new"), check=Check.FULL)
    assert written(update_live(SMALL, cpu, bits("sgx"), 0)) == "new +sgx"
    with pytest.raises(InputError, match="check='full'"):
        update_live(SMALL, replace(cpu, requests=guest("new", "-sgx").requests), bits("sgx"), 0)


def test_only_custom_mode_is_corrected() -> None:
    cpu = guest(None, mode=CpuMode.HOST_PASSTHROUGH)
    assert update_live(SMALL, cpu, bits("sgx"), 0) is cpu
