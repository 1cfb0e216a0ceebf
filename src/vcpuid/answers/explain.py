"""What is this feature, bit or value, and how does each project write it?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vcpuid.answers.look_up import look_up
from vcpuid.atlas import AnyField, Atlas, Match, Tie, decode_field, describe_since
from vcpuid.atlas.fields import ANY_VENDOR, Field, first_interface, is_hypervisor_leaf
from vcpuid.terms.address import (
    Bits,
    CpuidRegister,
    Word,
    WordValue,
    looks_like_address,
    parse_address,
    parse_named_bit,
)
from vcpuid.terms.feature import Dialect, Feature


class FeatureExplanation(NamedTuple):
    """One feature in every dialect.

    Attributes:
        match: The feature, and how the text led to it.
        known_since: Dialect to when its name came, in words; only dialects whose names are dated.
        leaf_title: What the leaf or MSR of its first bit is about; may be empty.
        neighbours: Other features that contain one of its bits (a bit set, a mirror's other half).
        fields: The fields of which its bits are a part: all that is known of a bit that is no feature.
        ties: What its bits have to do with other bits: MSRs that they tell of, switches that decide them.
    """

    match: Match
    known_since: dict[Dialect, str]
    leaf_title: str
    neighbours: tuple[Feature, ...]
    fields: tuple[AnyField, ...]
    ties: tuple[Tie, ...]


class SetBit(NamedTuple):
    """One set bit of a value.

    Attributes:
        bits: Its address.
        features: The features that it belongs to.
        field: The field that it is; None where it has none.
        hypervisor: Under which hypervisor it means this; None for a bit of the CPU's, or of any hypervisor.
    """

    bits: Bits
    features: tuple[Feature, ...]
    field: AnyField | None
    hypervisor: str | None


class NumberInWord(NamedTuple):
    """A field of several bits and what stands in it.

    Attributes:
        bits: Its address.
        field: The field.
        value: The raw number.
        text: The same as the field is to be read, with its unit.
        hypervisor: Under which hypervisor the bits are this field; None for any, and for the CPU's.
    """

    bits: Bits
    field: AnyField
    value: int
    text: str
    hypervisor: str | None


class WordExplanation(NamedTuple):
    """A whole word, with or without a value.

    Attributes:
        word: The register or MSR.
        value: The value, or None where the word itself was asked about.
        leaf_title: What the leaf or MSR is about; may be empty.
        numbers: Fields of several bits that are not zero (all of them where there is no value).
        set_bits: The set bits (every known bit where there is no value). In the leaves of hypervisors, which give
            the same bits meanings of their own, a bit stands here once for each hypervisor that names it.
    """

    word: Word
    value: int | None
    leaf_title: str
    numbers: tuple[NumberInWord, ...]
    set_bits: tuple[SetBit, ...]


Explanation = FeatureExplanation | WordExplanation


def explain(text: str, vendor: str | None = None, atlas: Atlas | None = None) -> Explanation:
    """Explain a name in any dialect, an address, or a raw value.

    Raises:
        UnknownNameError, AmbiguousNameError: A name that no table has, or that means different bits.
        UsageError: An address or value that cannot be read.

    Examples:
        >>> from vcpuid import explain
        >>> str(explain("sgxlc").match.feature.address)
        'CPUID.07H.0:ECX[30]'
    """
    atlas = atlas or Atlas.load()
    if not atlas.has_name(text.strip()) and looks_like_address(text) and parse_named_bit(text) is None:
        address = parse_address(text)
        if isinstance(address, WordValue):
            return _explain_word(atlas, address.word, address.value)
        if address.low != address.high:
            return _explain_word(atlas, address.word, None)
    return _explain_feature(atlas, look_up(text, vendor, atlas))


def _explain_feature(atlas: Atlas, match: Match) -> FeatureExplanation:
    feature = match.feature
    since = {}
    for dialect, names in feature.names.items():
        dates = [name.since for name in names if name.since]
        if dates:
            since[dialect] = describe_since(dialect, dates[0])
    own = set(feature.bits)
    ties = dict.fromkeys(tie for bits in feature.bits for tie in atlas.ties(bits) if tie.bits not in own)
    fields = {
        (field.bits(), field.name): field
        for bits in feature.bits
        for field in atlas.fields(_home(bits.word))
        if field.low <= bits.high and bits.low <= field.high
    }
    neighbours = {
        other.bits: other for bits in feature.bits for other in atlas.at(bits) if other.bits != feature.bits
    }
    if feature.mirror is not None:
        neighbours |= {other.bits: other for other in atlas.at(feature.mirror)}
    return FeatureExplanation(
        match=match,
        known_since=since,
        leaf_title=atlas.word_title(feature.bits[0].word) if feature.bits else "",
        neighbours=tuple(neighbours.values()),
        fields=tuple(fields.values()),
        ties=tuple(ties),
    )


def _explain_word(atlas: Atlas, word: Word, value: int | None) -> WordExplanation:
    shown = (1 << word.width) - 1 if value is None else value
    numbers: list[NumberInWord] = []
    set_bits: list[SetBit] = []
    home = _home(word)
    by_scope = _fields_by_scope(tuple(atlas.fields(home)))
    for scope, fields in by_scope.items():
        hypervisor = scope and atlas.hypervisor_title(scope)
        own = tuple(_numbers(word, fields, shown, hypervisor))
        numbers += own
        covered = _union(number.bits.mask for number in own)
        fields_by_bit = {field.low: field for field in reversed(fields) if field.low == field.high}
        for index in range(word.width):
            features = _of_scope(atlas.at(Bits(home, index, index)), scope)
            # A bit inside a number is shown by the number, unless it is a feature by itself.
            if shown >> index & 1 and (features or (index in fields_by_bit and not covered >> index & 1)):
                bit = Bits(word, index, index)
                set_bits.append(SetBit(bit, features, fields_by_bit.get(index), hypervisor))
    if value is not None:
        named = _union(number.bits.mask for number in numbers) | _union(bit.bits.mask for bit in set_bits)
        nameless = (Bits(word, index, index) for index in range(word.width) if shown & ~named & 1 << index)
        set_bits += (SetBit(bit, (), None, None) for bit in nameless)
        if len(by_scope) == 1:
            set_bits.sort(key=lambda bit: bit.bits.low)
    title = atlas.word_title(home)
    return WordExplanation(word, value, title, tuple(numbers), tuple(set_bits))


def _home(word: Word) -> Word:
    """Give the word whose fields the atlas has: a hypervisor's second interface repeats the first 0x100 higher."""
    if isinstance(word, CpuidRegister) and is_hypervisor_leaf(word.leaf):
        return CpuidRegister(first_interface(word.leaf), word.subleaf, word.register)
    return word


def _fields_by_scope(fields: tuple[AnyField, ...]) -> dict[str | None, tuple[AnyField, ...]]:
    """Give the fields of each hypervisor that has some there; in all other leaves all of them under None."""
    scopes = {scope for field in fields for scope in field.vendors} - {ANY_VENDOR}
    if not scopes or not all(isinstance(field, Field) and is_hypervisor_leaf(field.leaf) for field in fields):
        return {None: fields}
    return {
        scope: tuple(field for field in fields if field.vendors & {scope, ANY_VENDOR}) for scope in sorted(scopes)
    }


def _of_scope(features: tuple[Feature, ...], scope: str | None) -> tuple[Feature, ...]:
    return tuple(
        feature for feature in features if scope is None or not feature.hypervisors or scope in feature.hypervisors
    )


def _numbers(word: Word, fields: Iterable[AnyField], shown: int, hypervisor: str | None) -> Iterator[NumberInWord]:
    for field in fields:
        bits = Bits(word, field.low, field.high)
        number = (shown & bits.mask) >> field.low
        if field.low != field.high and number:
            yield NumberInWord(bits, field, number, decode_field(field, number).text, hypervisor)


def _union(masks: Iterable[int]) -> int:
    united = 0
    for mask in masks:
        united |= mask
    return united
