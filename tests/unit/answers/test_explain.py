"""Names, bits, words and values explained."""

from __future__ import annotations

import pytest

from vcpuid.answers.explain import FeatureExplanation, NumberInWord, SetBit, WordExplanation, explain
from vcpuid.errors import UnknownNameError, UsageError
from vcpuid.terms.feature import Dialect


def feature(text: str, vendor: str | None = None) -> FeatureExplanation:
    answer = explain(text, vendor)
    assert isinstance(answer, FeatureExplanation)
    return answer


def word(text: str) -> WordExplanation:
    answer = explain(text)
    assert isinstance(answer, WordExplanation)
    return answer


def names(answer: WordExplanation) -> list[str]:
    return [bit.features[0].name if bit.features else "?" for bit in answer.set_bits]


@pytest.mark.parametrize("text", ["sgxlc", "SGX_LC", "sgx_lc", "7.0.ecx.30", "CPUID.07H:ECX[30]"])
def test_one_feature_by_name_or_address(text: str) -> None:
    assert feature(text).match.feature.name == "sgxlc"


def test_since_when_a_name_is_known() -> None:
    since = feature("sgx").known_since
    assert (since[Dialect.QEMU], since[Dialect.LIBVIRT]) == ("6.2", "8.10")
    assert since[Dialect.LINUX] == "6.1 or earlier"


def test_neighbours_share_a_bit() -> None:
    assert [other.name for other in feature("80000001.0.edx.0").neighbours] == ["fpu"]


def test_the_vendor_chooses() -> None:
    assert feature("stibp", "amd").match.feature.vendors == {"amd", "hygon"}


def test_a_switch_without_a_bit() -> None:
    assert feature("pmu").leaf_title == ""


def test_the_attributes_of_the_article() -> None:
    answer = word("0x12.1.eax=0x36")
    assert names(answer) == ["sgx-debug", "sgx-mode64", "sgx-provisionkey", "sgx-tokenkey"]
    assert answer.leaf_title == "SGX capabilities and EPC sections"


def test_the_line_of_the_article() -> None:
    ebx, ecx = word("7.0.ebx=0x029c6fbf"), word("7.0.ecx=0x40000000")
    assert "sgx" in names(ebx)
    assert [bit.bits.low for bit in ebx.set_bits] == [n for n in range(32) if 0x029C6FBF >> n & 1]
    assert names(ecx) == ["sgxlc"]


def test_numbers_in_a_value() -> None:
    answer = word("1.eax=0x000506e3")
    numbers = {number.field.name: number.value for number in answer.numbers}
    assert (numbers["stepping"], numbers["base_model"], numbers["base_family_id"]) == (3, 14, 6)
    assert answer.set_bits == ()


def test_a_word_without_a_value_tells_all_that_it_can_hold() -> None:
    answer = word("12.0.eax")
    assert answer.value is None
    assert {"sgx1", "sgx2"} <= set(names(answer))


def test_a_value_of_zero_has_nothing() -> None:
    answer = word("7.0.ebx=0")
    assert (answer.numbers, answer.set_bits) == ((), ())


def test_a_bit_that_nobody_names_is_still_set() -> None:
    answer = word("7.0.eax=0x80000000")
    assert not answer.set_bits or answer.set_bits[0].bits.low == 31


def test_an_msr() -> None:
    assert "rdctl-no" in names(word("MSR 0x10a=0x1"))


@pytest.mark.parametrize(("text", "error"), [("sqx", UnknownNameError), ("7.0.ebx.99", UsageError)])
def test_what_cannot_be_explained(text: str, error: type[UsageError]) -> None:
    with pytest.raises(error):
        explain(text)


def told_by(answer: WordExplanation, hypervisor: str | None) -> list[str]:
    lines: list[NumberInWord | SetBit] = [*answer.numbers, *answer.set_bits]
    return [line.field.name for line in lines if line.field and line.hypervisor == hypervisor]


def test_a_hypervisors_leaf_means_something_else_under_each() -> None:
    answer = word("0x40000003.eax=0x5")
    assert told_by(answer, "Hyper-V") == ["hv_vp_runtime", "hv_synic"]
    assert told_by(answer, "Xen") == ["xen_vtsc", "xen_host_rdtscp"]
    assert told_by(answer, None) == []


def test_a_feature_of_kvm_is_one_under_kvm_alone() -> None:
    bits = [(bit.hypervisor, [one.name for one in bit.features]) for bit in word("0x40000001.eax=0x40").set_bits]
    assert bits == [("KVM", ["kvm-pv-eoi"])]
    found = feature("kvm-pv-eoi").match.feature
    assert not found.vendors
    assert found.hypervisors == {"kvm"}


def test_the_second_interface_repeats_the_first() -> None:
    answer = word("0x40000101.eax=0x80000040")
    assert [str(bit.bits) for bit in answer.set_bits if bit.hypervisor == "KVM"] == ["CPUID.40000101H:EAX[6]"]
    assert "kvm-pv-eoi" in names(answer)


def test_bits_that_no_hypervisor_names_stand_once() -> None:
    answer = word("0x40000003.eax=0x80000001")
    assert [(bit.bits.low, bit.hypervisor) for bit in answer.set_bits if not bit.field] == [(31, None)]


def test_what_all_hypervisors_share_is_said_of_none() -> None:
    answer = word("0x40000000.ebx=0x4b4d564b")
    assert [(number.text, number.hypervisor) for number in answer.numbers] == [('"KVMK"', None)]


def test_numbers_are_read_as_their_fields_are() -> None:
    texts = {number.field.name: number.text for number in word("4.0.ebx=0x01c0003f").numbers}
    assert texts == {"cache_linesize": "64 bytes", "cache_nways": "8 ways"}
