"""What is a register of CPUID or an MSR made of, bit by bit, and in whose CPUs?"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from vcpuid.answers.explain import FeatureExplanation, explain
from vcpuid.atlas import AnyField, Atlas
from vcpuid.atlas.fields import ANY_VENDOR, meanings_of
from vcpuid.errors import UsageError
from vcpuid.terms.address import Bits, CpuidRegister, Register, Word
from vcpuid.terms.feature import Feature


class Cell(NamedTuple):
    """Neighbouring bits of a register that are one thing.

    Attributes:
        bits: Their address.
        field: The field that they are; None for a feature that the field table lacks.
        feature: The feature that they are; None for a number, and for a flag that no project names.
    """

    bits: Bits
    field: AnyField | None
    feature: Feature | None


class Grid(NamedTuple):
    """A register as some CPUs have it.

    Attributes:
        scopes: The vendors or hypervisors that have it so, `any` among them for all that no grid names; empty
            where one grid serves for all.
        cells: What is in it, lowest bit first; bits that are in none are reserved.
    """

    scopes: tuple[str, ...]
    cells: tuple[Cell, ...]


class RegisterExplanation(NamedTuple):
    """A register: one grid, or several where vendors give the same bits different meanings."""

    word: Word
    grids: tuple[Grid, ...]


class BitExplanation(NamedTuple):
    """One bit of a register.

    Attributes:
        explanation: The answer of `explain` about it.
        register: Its register; None where the atlas has no such leaf, subleaf or MSR.
    """

    explanation: FeatureExplanation
    register: RegisterExplanation | None


def explain_register(word: Word, atlas: Atlas | None = None) -> RegisterExplanation:
    """Explain a register or an MSR; one of which the atlas knows nothing has an empty grid."""
    atlas = atlas or Atlas.load()
    fields = tuple(atlas.fields(word))
    grids = [
        Grid(scopes, tuple(_cell(atlas, word, field) for field in sorted(of_grid, key=lambda field: field.low)))
        for scopes, of_grid in _share_grids(fields)
    ]
    grids[0] = Grid(grids[0].scopes, _with_features(atlas, word, grids[0].cells, fields))
    return RegisterExplanation(word, tuple(grids) if len(grids) > 1 else (Grid((), grids[0].cells),))


def explain_bit(bits: Bits, atlas: Atlas | None = None) -> BitExplanation:
    """Explain one bit, whether or not the atlas knows of it.

    Raises:
        UsageError: It is not one bit, or the word has no such bit.
    """
    atlas = atlas or Atlas.load()
    word = bits.word
    explanation = explain(bits.plain, None, atlas)
    if not isinstance(explanation, FeatureExplanation):
        raise UsageError("not one bit", found=bits.plain, expected="a form like 7.0.ebx.2 or msr.10a.0")
    return BitExplanation(explanation, explain_register(word, atlas) if _has(atlas, word) else None)


def _has(atlas: Atlas, word: Word) -> bool:
    if not isinstance(word, CpuidRegister):
        return atlas.msr(word.index) is not None
    return any(True for register in Register for _ in atlas.fields(replace(word, register=register)))


def _share_grids(fields: tuple[AnyField, ...]) -> list[tuple[tuple[str, ...], tuple[AnyField, ...]]]:
    """Put what the vendors' CPUs have into as few grids as no two meanings of a bit allow."""
    grids: list[tuple[list[str], dict[tuple[int, int, str], AnyField]]] = []
    named = {scope for field in fields for scope in field.vendors} - {ANY_VENDOR}
    others = [ANY_VENDOR] if not named or any(ANY_VENDOR in field.vendors for field in fields) else []
    for scope in (*sorted(named), *others):
        own = {(field.low, field.high, field.name): field for field in meanings_of(fields, scope)}
        for names, taken in grids:
            if not any(_clash(field, other) for field in own.values() for other in taken.values()):
                names.append(scope)
                taken.update(own)
                break
        else:
            grids.append(([scope], own))
    return [(tuple(names), tuple(taken.values())) for names, taken in grids]


def _clash(field: AnyField, other: AnyField) -> bool:
    is_same = (field.low, field.high, field.name) == (other.low, other.high, other.name)
    return not is_same and field.low <= other.high and other.low <= field.high


def _cell(atlas: Atlas, word: Word, field: AnyField) -> Cell:
    return Cell(Bits(word, field.low, field.high), field, atlas.field_feature(field))


def _with_features(
    atlas: Atlas, word: Word, cells: tuple[Cell, ...], fields: tuple[AnyField, ...]
) -> tuple[Cell, ...]:
    """Add the features of bits for which the field table has no row."""
    more = [
        Cell(bits, None, features[0])
        for bits in (Bits(word, index, index) for index in range(word.width))
        if not any(field.low <= bits.low <= field.high for field in fields) and (features := atlas.at(bits))
    ]
    return tuple(sorted((*cells, *more), key=lambda cell: cell.bits.low))
