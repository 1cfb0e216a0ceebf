"""Which bits of CPUID and of MSRs have to do with each other, as the tables of MSRs tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from vcpuid.atlas.msrs import Msr, MsrField, MsrTable
from vcpuid.terms.address import Bits, CpuidRegister, Word


class Kind(Enum):
    """What a bit has to do with another."""

    ENUMERATED_BY = "enumerated_by"
    """The other tells whether this MSR, or this bit of it, is there."""
    ENUMERATES = "enumerates"
    """This one tells whether the other is there."""
    CONTROLS = "controls"
    """This bit of an MSR shows, hides or gives the other, one of CPUID."""
    CONTROLLED_BY = "controlled_by"
    """The other shows, hides or gives this one."""
    RELATED = "related"
    """They have to do with each other in some other way."""
    SAME_AS = "same_as"
    """The other is the same field of a second MSR."""

    @property
    def label(self) -> str:
        """What stands before the other for people."""
        return _LABELS[self]

    @property
    def inverse(self) -> Kind:
        """What the other has to do with this one."""
        return _INVERSES.get(self, self)


_LABELS = {
    Kind.ENUMERATED_BY: "enumerated by",
    Kind.ENUMERATES: "enumerates",
    Kind.CONTROLS: "controls",
    Kind.CONTROLLED_BY: "controlled by",
    Kind.RELATED: "related",
    Kind.SAME_AS: "same as",
}
_INVERSES = {
    Kind.ENUMERATED_BY: Kind.ENUMERATES,
    Kind.ENUMERATES: Kind.ENUMERATED_BY,
    Kind.CONTROLS: Kind.CONTROLLED_BY,
    Kind.CONTROLLED_BY: Kind.CONTROLS,
}


class Tie(NamedTuple):
    """A bit's relation to another; `bits` is the other, a whole MSR where the MSR itself is meant."""

    kind: Kind
    bits: Bits


class Ties:
    """The relations that the tables of MSRs hold, in both directions; a register's are found when it is asked."""

    def __init__(self, msrs: MsrTable) -> None:
        self._msrs = msrs
        self._by_word: dict[Word, list[tuple[Bits, Tie]]] = {}

    def _of_word(self, word: Word) -> list[tuple[Bits, Tie]]:
        found = self._by_word.get(word)
        if found is None:
            found = self._by_word[word] = []
            for msr in self._msrs.about(word):
                fields = self._msrs.of_msr(msr.word.index)
                for bits, tie in (*_of_msr(msr), *(one for field in fields for one in _of_field(field))):
                    if bits.word == word:
                        found.append((bits, tie))
                    if tie.bits.word == word:
                        found.append((tie.bits, Tie(tie.kind.inverse, bits)))
        return found

    def of(self, bits: Bits) -> tuple[Tie, ...]:
        """Give what bits have to do with others, kind by kind.

        A whole MSR has only what is said of it as a whole. To a bit of an MSR that goes too, unless the bit has
        something of the same kind of its own. A register of CPUID that an MSR gives as a whole is no relation of
        its single bits.
        """
        whole = Bits(bits.word, 0, bits.word.width - 1)
        found = self._of_word(bits.word)
        of_word = [tie for own, tie in found if own == whole]
        of_bits = [tie for own, tie in found if own != whole and own.low <= bits.high and bits.low <= own.high]
        if bits == whole:
            of_bits = []
        elif isinstance(bits.word, CpuidRegister):
            of_word = []
        kinds = {tie.kind for tie in of_bits}
        ties = [*of_bits, *(tie for tie in of_word if tie.kind not in kinds)]
        said = {tie.bits for tie in ties if tie.kind is not Kind.RELATED}
        kept = {tie for tie in ties if tie.kind is not Kind.RELATED or tie.bits not in said}
        return tuple(sorted(kept, key=lambda tie: (_ORDER[tie.kind], tie.bits.order)))


_ORDER = {kind: number for number, kind in enumerate(Kind)}


def _of_msr(msr: Msr) -> Iterator[tuple[Bits, Tie]]:
    whole = Bits(msr.word, 0, msr.word.width - 1)
    yield from _to_each(whole, Kind.ENUMERATED_BY, msr.enumerated_by)
    if msr.layout != msr.word:
        yield whole, Tie(Kind.SAME_AS, Bits(msr.layout, 0, msr.word.width - 1))


def _of_field(field: MsrField) -> Iterator[tuple[Bits, Tie]]:
    bits = field.bits()
    if field.layout != field.word:
        # What is said of the field stands at the other MSR.
        yield bits, Tie(Kind.SAME_AS, field.layout_bits())
        return
    yield from _to_each(bits, Kind.ENUMERATED_BY, field.enumerated_by)
    yield from _to_each(bits, Kind.CONTROLS, field.controls)
    yield from _to_each(bits, Kind.RELATED, field.related)


def _to_each(bits: Bits, kind: Kind, others: Iterable[Bits]) -> Iterator[tuple[Bits, Tie]]:
    return ((bits, Tie(kind, other)) for other in others)
