"""What can this host give to guests, bit by bit? Every feature in its CPUID, followed through supply's hops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from vcpuid.answers.register import Cell, explain_bit
from vcpuid.answers.shared_mend import shared_mend
from vcpuid.answers.why import HYPERVISOR_LAYERS, ON_SOME_CPUS, Answer, follow
from vcpuid.atlas import Atlas, Match
from vcpuid.atlas.fields import meanings_of
from vcpuid.evidence import Evidence, Gap
from vcpuid.terms.address import Bits, CpuidRegister
from vcpuid.terms.feature import Feature
from vcpuid.terms.verdict import Layer, State

_HYPERVISOR_RANGE = 0x4000


class Light(Enum):
    """In which light a feature stands, between the CPU and a guest."""

    GIVEN = "given"
    """The CPU has it, and guests can get it."""
    MADE = "made"
    """The CPU lacks it, and guests can get it all the same."""
    LOST = "lost"
    """It is lost on the way."""
    HAS = "has"
    """The CPU has it; no hop that gives it to guests was seen."""
    LACKS = "lacks"
    """The CPU lacks it, and nothing makes it."""
    UNKNOWN = "unknown"
    """Nothing tells."""


class Supplied(NamedTuple):
    """A feature, and how far it gets.

    Attributes:
        answer: The answer of `why` without a guest.
        light: The same in a word.
        lost_at: For LOST the hop at which it is lost.
    """

    answer: Answer
    light: Light
    lost_at: Layer | None


class SuppliedCell(NamedTuple):
    """A cell of a register; `supplied` is None for a field that is no feature."""

    cell: Cell
    supplied: Supplied | None


class SuppliedRegister(NamedTuple):
    """A register of the host's CPUID.

    Attributes:
        word: Its address.
        value: What the first CPU has there; None where it has no such row.
        cells: Its cells, as CPUs of the host's vendor have them.
    """

    word: CpuidRegister
    value: int | None
    cells: tuple[SuppliedCell, ...]


class Loss(NamedTuple):
    """Features that are lost at one hop by one conclusion.

    Attributes:
        rule: The conclusion, as in `kvm.not-supported`.
        explanation: The same in words.
        mend: What to do about all of them; empty where nothing is, or where it differs by more than their names.
        features: They, in the order of the atlas.
    """

    rule: str
    explanation: str
    mend: str
    features: tuple[Supplied, ...]


class Supply(NamedTuple):
    """The answer.

    Attributes:
        features: Every feature that CPUID of the host's vendor has, in the order of the atlas.
        registers: The registers that have features, by address.
    """

    features: tuple[Supplied, ...]
    registers: tuple[SuppliedRegister, ...]

    def lost(self) -> dict[Layer, tuple[Loss, ...]]:
        """Give what is lost at each hop at which something is, by the conclusions that say so."""
        by_rule: dict[Layer, dict[str, list[Supplied]]] = {layer: {} for layer in Layer}
        for one in self.features:
            if one.lost_at is not None:
                by_rule[one.lost_at].setdefault(one.answer.verdicts[one.lost_at].rule, []).append(one)
        return {
            layer: tuple(_loss(layer, features) for features in rules.values())
            for layer, rules in by_rule.items()
            if rules
        }


def _loss(layer: Layer, features: Sequence[Supplied]) -> Loss:
    verdicts = [one.answer.verdicts[layer] for one in features]
    names = (one.answer.feature.name for one in features)
    mend = shared_mend([(name, verdict.mend) for name, verdict in zip(names, verdicts, strict=True)])
    return Loss(verdicts[0].rule, verdicts[0].explanation, mend, tuple(features))


def supply(evidence: Evidence, atlas: Atlas | None = None) -> Supply:
    """Follow every feature from the CPU to what a guest can get.

    Raises:
        InputError: The evidence is damaged.
    """
    atlas = atlas or Atlas.load()
    vendor = None if isinstance(evidence.cpuid, Gap) else evidence.cpuid.vendor
    features = {
        feature.name: _supplied(follow(Match(feature, ()), evidence))
        for feature in atlas.features()
        if _is_of(feature, vendor)
    }
    registers = _registers(atlas, evidence, vendor, features)
    return Supply(tuple(features.values()), tuple(registers))


def _is_of(feature: Feature, vendor: str | None) -> bool:
    """Tell whether CPUs of a vendor may have a feature in CPUID, hypervisors' leaves apart."""
    words = [bits.word for bits in feature.bits]
    is_in_cpuid = all(isinstance(word, CpuidRegister) and word.leaf >> 16 != _HYPERVISOR_RANGE for word in words)
    return bool(words) and is_in_cpuid and (vendor is None or not feature.vendors or vendor in feature.vendors)


def _supplied(answer: Answer) -> Supplied:
    light = _light(answer)
    return Supplied(answer, light, answer.broken_at.supply if light is Light.LOST else None)


def _light(answer: Answer) -> Light:
    silicon = answer.verdicts[Layer.SILICON]
    if answer.available is State.ABSENT:
        is_lost = answer.broken_at.supply is not Layer.SILICON or silicon.rule == ON_SOME_CPUS
        return Light.LOST if is_lost else Light.LACKS
    if answer.available is not State.PRESENT:
        return Light.UNKNOWN
    if not any(answer.verdicts[layer].state is State.PRESENT for layer in HYPERVISOR_LAYERS):
        return Light.HAS
    return Light.MADE if silicon.state is State.ABSENT else Light.GIVEN


def _registers(
    atlas: Atlas, evidence: Evidence, vendor: str | None, features: Mapping[str, Supplied]
) -> Iterator[SuppliedRegister]:
    for word in _words(bits for one in features.values() for bits in one.answer.feature.bits):
        cells = tuple(_cell(cell, features) for cell in _cells(atlas, word, vendor))
        value = _value(evidence, word)
        is_empty = all(one.supplied is None or one.supplied.light is Light.LACKS for one in cells)
        if cells and not (is_empty and not value):
            yield SuppliedRegister(word, value, cells)


def _words(all_bits: Iterable[Bits]) -> list[CpuidRegister]:
    words = {bits.word for bits in all_bits if isinstance(bits.word, CpuidRegister)}
    return sorted(words, key=lambda word: (word.leaf, word.subleaf, word.register.value))


def _cells(atlas: Atlas, word: CpuidRegister, vendor: str | None) -> tuple[Cell, ...]:
    register = explain_bit(Bits(word, 0, 0), atlas).register
    if register is None:
        return ()
    own = next((grid for grid in register.grids if vendor in grid.scopes), register.grids[0])
    if vendor is None:
        return own.cells
    meant = meanings_of(
        atlas.fields(word), vendor
    )  # a grid may serve for several vendors, and has what any of them has
    return tuple(cell for cell in own.cells if cell.field is None or cell.field in meant)


def _cell(cell: Cell, features: Mapping[str, Supplied]) -> SuppliedCell:
    return SuppliedCell(cell, features.get(cell.feature.name) if cell.feature else None)


def _value(evidence: Evidence, word: CpuidRegister) -> int | None:
    if isinstance(evidence.cpuid, Gap) or not evidence.cpuid.dump.cpus:
        return None
    return evidence.cpuid.dump.cpus[0].read(word)
