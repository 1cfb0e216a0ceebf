"""What a prediction says: a guest's words of features, and what becomes of each feature, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from vcpuid.rules.qemu.definition import Asker
from vcpuid.terms.address import Bits, CpuidRegister, Word
from vcpuid.terms.dump import base_of
from vcpuid.terms.verdict import State

LEAF_7 = 7


class Reason(Enum):
    """Why a guest has a feature or has it not."""

    GIVEN = "asked for and given"
    NOT_ASKED = "not asked for"
    TURNED_OFF = "turned off"
    DEPENDENCY = "it needs what is not on"
    CONFLICT = "it cannot stand beside what is on"
    SUPPLY = "the accelerator cannot give it"
    LEVEL = "its leaf is above the maximum"
    UNDECIDED = "what decides it is not known"


class Fate(NamedTuple):
    """What becomes of one feature.

    Attributes:
        state: Whether the guest has it.
        reason: Why.
        asker: Who turned it on or off; None where nobody did.
        others: The features that it needs or cannot stand beside, where they decide.
    """

    state: State
    reason: Reason
    asker: Asker | None = None
    others: tuple[str, ...] = ()


class WordValue(NamedTuple):
    """A predicted word: its value, and the bits of it that could not be decided."""

    value: int
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Prediction:
    """The CPU that a guest will see.

    Attributes:
        rules: By whose rules, in words.
        vendor: The twelve letters, or None where the host's are not known.
        maxima: The first leaf of each range to its last; None for a range that is the host's.
        func7: The highest subleaf of leaf 7; None where it is the host's.
        fates: What becomes of every feature that this QEMU knows.
        words: Every word of features, those beyond a maximum left out.
        starts: Whether QEMU starts; None where that could not be decided.
    """

    rules: str
    vendor: str | None
    maxima: Mapping[int, int | None]
    func7: int | None
    fates: Mapping[str, Fate]
    words: Mapping[Word, WordValue]
    starts: bool | None

    def has(self, bits: Bits) -> State:
        """Tell whether the guest has all of these bits, among those that are features."""
        word = self.words.get(bits.word)
        if word is None:
            return State.ABSENT if is_beyond(bits.word, self.maxima, self.func7) else State.UNKNOWN
        if bits.mask & ~word.value & ~word.unknown:
            return State.ABSENT
        return State.UNKNOWN if bits.mask & word.unknown else State.PRESENT


def is_beyond(word: Word, maxima: Mapping[int, int | None], func7: int | None) -> bool | None:
    """Tell whether a word is of a leaf or subleaf above the maximum; None where that could not be decided."""
    if not isinstance(word, CpuidRegister):
        return False
    if (base := base_of(word.leaf)) not in maxima:
        return False
    maximum = maxima[base]
    if maximum is None:
        return None
    if word.leaf > maximum:
        return True
    if word.leaf == LEAF_7 and word.subleaf > 0:
        return None if func7 is None else word.subleaf > func7
    return False
