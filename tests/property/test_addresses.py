"""Addresses: what is written is read back, and no text is anything but an address or an error."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vcpuid.answers.explain import explain
from vcpuid.atlas import Atlas
from vcpuid.errors import VcpuidError
from vcpuid.render.explain import explain_document, render_explain
from vcpuid.terms.address import (
    LEAVES_WITH_SUBLEAVES,
    Bits,
    CpuidRegister,
    MsrRegister,
    Register,
    Word,
    WordValue,
    looks_like_address,
    parse_address,
)

U32 = st.integers(0, 0xFFFFFFFF)
WITH_SUBLEAVES = st.builds(
    CpuidRegister, st.sampled_from(sorted(LEAVES_WITH_SUBLEAVES)), U32, st.sampled_from(Register)
)
WITHOUT_SUBLEAVES = st.builds(
    CpuidRegister,
    U32.filter(lambda leaf: leaf not in LEAVES_WITH_SUBLEAVES),
    st.just(0),
    st.sampled_from(Register),
)
WORDS: st.SearchStrategy[Word] = st.one_of(WITH_SUBLEAVES, WITHOUT_SUBLEAVES, st.builds(MsrRegister, U32))


@st.composite
def bit_ranges(draw: st.DrawFn) -> Bits:
    word = draw(WORDS)
    ends = draw(st.tuples(*[st.integers(0, word.width - 1)] * 2))
    return Bits(word, min(ends), max(ends))


@given(bit_ranges())
def test_every_way_to_write_bits_is_read_back(bits: Bits) -> None:
    for text in (str(bits), bits.manual, bits.plain):
        assert looks_like_address(text)
        assert parse_address(text) == bits


@given(bit_ranges(), st.sampled_from((str.upper, str.lower)))
def test_case_does_not_matter(bits: Bits, change: type[str]) -> None:
    assert parse_address(change(str(bits))) == bits


@given(bit_ranges(), bit_ranges())
def test_texts_are_equal_only_for_equal_bits(one: Bits, other: Bits) -> None:
    assert (one.plain == other.plain) == (one == other)


@given(bit_ranges(), bit_ranges())
def test_order_is_total(one: Bits, other: Bits) -> None:
    assert (one.order == other.order) == (one == other)


@given(WORDS, st.data())
def test_values_are_read_back(word: Word, data: st.DataObject) -> None:
    value = data.draw(st.integers(0, (1 << word.width) - 1))
    for text in (f"{word.plain}=0x{value:x}", f"{word}={value:x}", f"{word.manual} = 0b{value:b}"):
        assert parse_address(text) == WordValue(word, value)


@given(bit_ranges())
def test_a_mask_has_as_many_bits_as_the_range(bits: Bits) -> None:
    assert bits.mask.bit_count() == bits.high - bits.low + 1
    assert bits.mask >> bits.low & 1
    assert not bits.mask >> bits.word.width


# Texts that come near to addresses find more than texts at random.
PIECES = st.sampled_from(
    [
        *"0123456789abcdefhHxX.:[]()=-, ",
        *["cpuid", "CPUID", "msr", "MSR", "eax", "EBX", "0x", "eax=", "ecx=", "=0b", "[bit"],
    ]
)
BEGINNINGS = st.sampled_from(
    ["", "7.0.ebx", "0x12.1.eax", "CPUID.07H:EBX", "CPUID[eax=07h,ecx=00h].EBX", "MSR 3AH"]
)
NEAR = st.tuples(BEGINNINGS, st.lists(PIECES, max_size=12).map("".join)).map("".join)
TEXTS = st.one_of(st.text(), NEAR)


@given(TEXTS)
def test_any_text_is_an_address_or_an_error(text: str) -> None:
    try:
        address = parse_address(text)
    except VcpuidError:
        return
    if isinstance(address, Bits):
        assert parse_address(str(address)) == address


@given(TEXTS, st.sampled_from([None, "intel", "amd", "", "x"]))
def test_any_text_is_found_or_an_error(text: str, vendor: str | None) -> None:
    try:
        match = Atlas.load().find(text, vendor)
    except VcpuidError:
        return
    assert match.feature.name


@given(TEXTS)
def test_any_text_is_explained_or_an_error(text: str) -> None:
    try:
        explanation = explain(text)
    except VcpuidError:
        return
    assert render_explain([explanation]).plain()
    assert explain_document([explanation])["answers"]
