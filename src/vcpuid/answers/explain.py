"""What is this feature, bit or value, and how does each project write it?"""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.answers.look_up import look_up
from vcpuid.atlas import Atlas, Field, Match, describe_since
from vcpuid.terms.address import Bits, Word, WordValue, looks_like_address, parse_address, parse_named_bit
from vcpuid.terms.feature import Dialect, Feature


class FeatureExplanation(NamedTuple):
    """One feature in every dialect.

    Attributes:
        match: The feature, and how the text led to it.
        known_since: Dialect to when its name came, in words; only dialects whose names are dated.
        leaf_title: What the leaf of its first bit is about; may be empty.
        neighbours: Other features that contain one of its bits (a bit set, a mirror's other half).
    """

    match: Match
    known_since: dict[Dialect, str]
    leaf_title: str
    neighbours: tuple[Feature, ...]


class SetBit(NamedTuple):
    """One set bit of a value: its address, and the features or the field that it belongs to."""

    bits: Bits
    features: tuple[Feature, ...]
    field: Field | None


class FieldValue(NamedTuple):
    """A field of several bits and the number that stands in it."""

    bits: Bits
    field: Field
    value: int


class WordExplanation(NamedTuple):
    """A whole word, with or without a value.

    Attributes:
        word: The register or MSR.
        value: The value, or None where the word itself was asked about.
        leaf_title: What the leaf is about; may be empty.
        numbers: Fields of several bits that are not zero (all of them where there is no value).
        set_bits: The set bits (every known bit where there is no value).
    """

    word: Word
    value: int | None
    leaf_title: str
    numbers: tuple[FieldValue, ...]
    set_bits: tuple[SetBit, ...]


Explanation = FeatureExplanation | WordExplanation


def explain(text: str, vendor: str | None = None, atlas: Atlas | None = None) -> Explanation:
    """Explain a name in any dialect, an address, or a raw value.

    Raises:
        UnknownNameError, AmbiguousNameError: A name that no table has, or that means different bits.
        UsageError: An address or value that cannot be read.
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
    first_word = feature.bits[0].word if feature.bits else None
    neighbours = {
        other.bits: other for bits in feature.bits for other in atlas.at(bits) if other.bits != feature.bits
    }
    if feature.mirror is not None:
        neighbours |= {other.bits: other for other in atlas.at(feature.mirror)}
    return FeatureExplanation(
        match=match,
        known_since=since,
        leaf_title=atlas.leaf_title(getattr(first_word, "leaf", -1)),
        neighbours=tuple(neighbours.values()),
    )


def _explain_word(atlas: Atlas, word: Word, value: int | None) -> WordExplanation:
    fields = tuple(atlas.fields(word))
    shown = (1 << word.width) - 1 if value is None else value
    numbers = []
    covered = 0
    for field in fields:
        if field.low != field.high:
            bits = Bits(word, field.low, field.high)
            covered |= bits.mask
            number = (shown & bits.mask) >> field.low
            if number:
                numbers.append(FieldValue(bits, field, number))
    fields_by_bit = {field.low: field for field in fields if field.low == field.high}
    set_bits = []
    for index in range(word.width):
        bit = Bits(word, index, index)
        features = atlas.at(bit)
        # A bit inside a number is shown by the number, unless it is a feature by itself.
        if not shown >> index & 1 or (covered >> index & 1 and not features):
            continue
        if value is not None or features or index in fields_by_bit:
            set_bits.append(SetBit(bit, features, fields_by_bit.get(index)))
    return WordExplanation(
        word, value, atlas.leaf_title(getattr(word, "leaf", -1)), tuple(numbers), tuple(set_bits)
    )
