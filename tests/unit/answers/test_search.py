from __future__ import annotations

import pytest

from vcpuid.answers.explain import FeatureExplanation, WordExplanation
from vcpuid.answers.search import MOST_HITS, Found, search
from vcpuid.atlas import Atlas
from vcpuid.errors import AmbiguousNameError, UnknownNameError


def explained(found: Found) -> str:
    assert isinstance(found.explanation, FeatureExplanation)
    return found.explanation.match.feature.name


@pytest.mark.parametrize(
    "text", ["sgx", " SGX ", "HW_CPU_X86_SGX", "7.0.ebx.2", "CPUID.07H:EBX[2]", "CPUID.07H:EBX.sgx [bit 2]"]
)
def test_a_whole_name_or_address_in_any_dialect_is_explained(text: str) -> None:
    assert explained(search(text)) == "sgx"


def test_a_value_is_explained_bit_by_bit() -> None:
    found = search("0x12.1.eax=0x36")
    assert isinstance(found.explanation, WordExplanation)
    assert found.explanation.value == 0x36


def test_a_part_of_a_name_finds_those_that_begin_with_it_first() -> None:
    found = search("avx512_v")
    assert found.explanation is None
    assert found.error is None
    names = [feature.name for feature in found.features]
    assert {"avx512vbmi", "avx512-vpopcntdq"} & set(names)
    begins = [
        any(name.lower().replace("_", "-").startswith("avx512-v") for name in spellings(one)) for one in names
    ]
    assert begins == sorted(begins, reverse=True)
    assert begins[0]


def spellings(name: str) -> list[str]:
    feature = Atlas.load().find(name).feature
    return [feature.name, *(name.text for names in feature.names.values() for name in names)]


def test_dashes_and_underscores_are_the_same() -> None:
    assert search("sha_n").features == search("sha-n").features != ()


def test_what_is_said_of_a_feature_is_searched_too() -> None:
    assert "sgx" in [feature.name for feature in search("enclaves").features]


def test_a_field_that_no_project_names_is_found_by_its_name() -> None:
    fields = search("num_threads_sharing").fields
    places = [field.bits().plain for field in fields]
    assert {place.partition(".")[0] for place in places} == {"4", "8000001d"}


@pytest.mark.parametrize("text", ["12", "0x12", "12H", "leaf 12", "CPUID.12H"])
def test_a_number_finds_its_leaf(text: str) -> None:
    assert 0x12 in [leaf.leaf for leaf in search(text).leaves]


def test_a_word_of_its_title_finds_a_leaf() -> None:
    assert {0xB, 0x1F} <= {leaf.leaf for leaf in search("topology").leaves}


@pytest.mark.parametrize(
    "text", ["10a", "0x10a", "MSR 10AH", "MSR(10AH)", "IA32_ARCH_CAPABILITIES", "arch_cap", "immunities"]
)
def test_an_msr_is_found_by_its_index_its_name_or_a_word_of_its_title(text: str) -> None:
    assert 0x10A in [summary.msr.word.index for summary in search(text).msrs]


def test_a_field_of_an_msr_is_found_once_though_msrs_share_it() -> None:
    (field,) = search("conceal_vmx_from_pt").fields[:1]
    assert field.bits().plain == "msr.48b.51"
    places = [field.bits().plain for field in search("must_be_1").fields]
    assert places == [f"msr.{index}.0-31" for index in ("48b", "48d", "48e", "48f", "490")]


def test_a_name_that_means_different_bits_says_which() -> None:
    error = search("stibp").error
    assert isinstance(error, AmbiguousNameError)
    assert [address for address, _ in error.meanings] == ["7.0.edx.27", "80000008.0.ebx.15"]


def test_a_miss_gives_near_names() -> None:
    error = search("sqxlc").error
    assert isinstance(error, UnknownNameError)
    assert "sgxlc" in error.suggestions


def test_an_address_out_of_range_is_told() -> None:
    error = search("7.0.ebx.40").error
    assert error is not None
    assert error.message == "CPUID.07H.0:EBX has bits 0 to 31"


@pytest.mark.parametrize(
    "text",
    [
        "+sgx",
        "sgx=on",
        "sgx,",
        '"sgx"',
        "'+sgx',",
        "<feature policy='require' name='sgx'/>",
        "X86_FEATURE_SGX",
        "cpu_feature_enabled(X86_FEATURE_SGX)",
    ],
)
def test_what_is_pasted_is_looked_for_without_what_is_around_it_and_that_is_told(text: str) -> None:
    found = search(text)
    assert explained(found) == "sgx"
    assert (found.text, (found.read_as or "").lower()) == (text, "sgx")


def test_what_is_a_name_as_it_stands_is_read_as_nothing_else() -> None:
    assert search("sgx").read_as is None
    miss = search("sgxx=on")
    assert miss.read_as == "sgxx"
    assert isinstance(miss.error, UnknownNameError)
    assert "sgx" in miss.error.suggestions


@pytest.mark.parametrize(("text", "name"), [("avx 512", "avx512f"), ("monitor/mwait", "monitor")])
def test_of_several_words_each_must_be_there(text: str, name: str) -> None:
    assert name in [feature.name for feature in search(text).features]
    assert not search(f"{text} fnord").features


@pytest.mark.parametrize("text", ["7.1", "7:1", "cpuid(7,1)", "leaf 7 subleaf 1", "0000_0007", "EAX=7"])
def test_a_leaf_with_a_subleaf_finds_the_leaf(text: str) -> None:
    assert [leaf.leaf for leaf in search(text).leaves] == [7]


@pytest.mark.parametrize(
    ("text", "bit"),
    [
        ("EFER.SVME", "msr.c0000080.12"),
        ("MSRC001_0114[SVMDIS]", "msr.c0010114.4"),
        ("IA32_MISC_ENABLE.XD_DISABLE", "msr.1a0.34"),
        ("7.0.edx.uintr", "7.0.edx.5"),
    ],
)
def test_a_field_is_found_by_its_place_and_name(text: str, bit: str) -> None:
    explanation = search(text).explanation
    assert isinstance(explanation, FeatureExplanation)
    assert [bits.plain for bits in explanation.match.feature.bits] == [bit]
    assert [field.bits().plain for field in explanation.fields] == [bit]


def test_no_text_finds_nothing() -> None:
    assert search("  ") == Found("", None, None, None, (), (), (), ())


def test_hits_are_limited() -> None:
    assert len(search("e").features) == MOST_HITS
