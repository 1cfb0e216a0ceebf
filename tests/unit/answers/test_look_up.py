"""What people type, found or answered with what they may have meant."""

from __future__ import annotations

import pytest

from vcpuid.answers.look_up import look_up
from vcpuid.errors import AmbiguousNameError, UnknownNameError


def suggestions(text: str) -> tuple[str, ...]:
    with pytest.raises(UnknownNameError) as caught:
        look_up(text)
    return caught.value.suggestions


@pytest.mark.parametrize("text", ["sgx ", " sgx", "\tsgx\n", " 7.0.ebx.2 ", "CPUID.07H:EBX.sgx"])
def test_blanks_around_do_not_count(text: str) -> None:
    assert look_up(text).feature.name == "sgx"


@pytest.mark.parametrize(
    ("text", "dashed"), [("hv_vapic", "hv-vapic"), ("vmx_ept", "vmx-ept"), ("amx_complex", "amx-complex")]
)
def test_underscores_suggest_dashes_and_only_suggest(text: str, dashed: str) -> None:
    assert suggestions(text) == (dashed,)


def test_an_underscore_that_a_dialect_writes_is_a_name() -> None:
    assert look_up("sha_ni").feature.name == "sha-ni"


def test_a_word_of_names_suggests_them_all() -> None:
    assert {"amx-tile", "amx-bf16", "amx-int8", "amx-complex"} <= set(suggestions("amx"))
    assert set(suggestions("TDX")) == {"tdx_guest", "tdx_host_platform", "HW_CPU_X86_INTEL_TDX"}


def test_other_misses_suggest_near_names() -> None:
    assert "sgx" in suggestions("sqx")
    assert suggestions("zzzzzzzz") == ()


@pytest.mark.parametrize(
    ("text", "model"), [("Haswell", "Haswell"), ("skylake-client-ibrs", "Skylake-Client-IBRS"), ("epyc", "EPYC")]
)
def test_of_a_cpu_model_it_is_told_where_models_are_answered(text: str, model: str) -> None:
    with pytest.raises(UnknownNameError, match="a CPU model, and no feature") as caught:
        look_up(text)
    assert caught.value.model == model
    assert f"`vcpuid map show {model}`" in (caught.value.next_step or "")


def test_a_name_within_an_address_is_told_by_itself() -> None:
    with pytest.raises(UnknownNameError) as caught:
        look_up("CPUID.07H:EBX.sqx [bit 2]")
    assert caught.value.name == "sqx"


def test_the_vendor_chooses() -> None:
    with pytest.raises(AmbiguousNameError):
        look_up("stibp")
    assert look_up("stibp", "intel").feature.vendors == {"intel"}
