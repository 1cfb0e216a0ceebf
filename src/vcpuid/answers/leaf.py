"""What are the registers of a leaf made of, bit by bit, and in whose CPUs?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vcpuid.answers.explain import FeatureExplanation, explain
from vcpuid.atlas import Atlas, Field
from vcpuid.atlas.fields import ANY_VENDOR
from vcpuid.errors import UsageError
from vcpuid.terms.address import Bits, CpuidRegister, Register
from vcpuid.terms.feature import Feature

Subleaves = tuple[int, int]


class Cell(NamedTuple):
    """Neighbouring bits of a register that are one thing.

    Attributes:
        bits: Their address.
        field: The field that they are; None for a feature that the field table lacks.
        feature: The feature that they are; None for a number, and for a flag that no project names.
    """

    bits: Bits
    field: Field | None
    feature: Feature | None


class Grid(NamedTuple):
    """A register as some CPUs have it.

    Attributes:
        scopes: The vendors or hypervisors that have it so; empty where one grid serves for all.
        cells: What is in it, lowest bit first; bits that are in none are reserved.
    """

    scopes: tuple[str, ...]
    cells: tuple[Cell, ...]


class RegisterExplanation(NamedTuple):
    """A register: one grid, or several where vendors give the same bits different meanings."""

    word: CpuidRegister
    grids: tuple[Grid, ...]


class LeafSummary(NamedTuple):
    """A leaf in the list of all: its subject, and how many fields the atlas has there."""

    leaf: int
    title: str
    fields: int


class LeafExplanation(NamedTuple):
    """One subleaf of a leaf.

    Attributes:
        leaf: The leaf.
        subleaf: The subleaf that is shown.
        title: What the leaf is about.
        subleaves: The runs of subleaves that have the same fields, ascending.
        registers: The four registers.
    """

    leaf: int
    subleaf: int
    title: str
    subleaves: tuple[Subleaves, ...]
    registers: tuple[RegisterExplanation, ...]


class BitExplanation(NamedTuple):
    """One bit of a register.

    Attributes:
        word: The register's address.
        explanation: The answer of `explain` about it.
        fields: The fields of which it is a part.
        register: Its register; None where the atlas has no such leaf or subleaf.
    """

    word: CpuidRegister
    explanation: FeatureExplanation
    fields: tuple[Field, ...]
    register: RegisterExplanation | None


def list_leaves(atlas: Atlas | None = None) -> tuple[LeafSummary, ...]:
    """Give every leaf that has fields, ascending."""
    atlas = atlas or Atlas.load()
    table = atlas.field_table
    return tuple(LeafSummary(leaf, atlas.leaf_title(leaf), len(table.of_leaf(leaf))) for leaf in table.leaves)


def explain_leaf(leaf: int, subleaf: int | None = None, atlas: Atlas | None = None) -> LeafExplanation:
    """Explain a leaf's subleaf, by default the first that has fields.

    Raises:
        UsageError: The atlas has no such leaf or subleaf.
    """
    atlas = atlas or Atlas.load()
    fields = atlas.field_table.of_leaf(leaf)
    if not fields:
        raise UsageError("the atlas has no such leaf", found=f"{leaf:02X}H")
    runs = tuple(sorted({field.subleaves for field in fields}))
    shown = runs[0][0] if subleaf is None else subleaf
    if not any(first <= shown <= last for first, last in runs):
        raise UsageError(
            f"the atlas has no such subleaf of leaf {leaf:02X}H",
            found=str(shown),
            expected=", ".join(str(first) if first == last else f"{first} to {last}" for first, last in runs),
        )
    registers = tuple(_explain_register(atlas, CpuidRegister(leaf, shown, register)) for register in Register)
    return LeafExplanation(leaf, shown, atlas.leaf_title(leaf), runs, registers)


def explain_bit(bits: Bits, atlas: Atlas | None = None) -> BitExplanation:
    """Explain one bit of a CPUID register, whether or not the atlas knows of it.

    Raises:
        UsageError: The word has no such bit, or it is none of CPUID's.
    """
    atlas = atlas or Atlas.load()
    word = bits.word
    explanation = explain(bits.plain, None, atlas)
    if not isinstance(word, CpuidRegister) or not isinstance(explanation, FeatureExplanation):
        raise UsageError("not one bit of a CPUID register", found=bits.plain, expected="a form like 7.0.ebx.2")
    fields = tuple(field for field in atlas.fields(word) if field.low <= bits.low <= field.high)
    register = _explain_register(atlas, word) if _has_row(atlas, word) else None
    return BitExplanation(word, explanation, fields, register)


def _has_row(atlas: Atlas, word: CpuidRegister) -> bool:
    fields = atlas.field_table.of_leaf(word.leaf)
    return any(field.subleaves[0] <= word.subleaf <= field.subleaves[1] for field in fields)


def _explain_register(atlas: Atlas, word: CpuidRegister) -> RegisterExplanation:
    fields = tuple(atlas.fields(word))
    grids = [
        Grid(scopes, tuple(_cell(atlas, word, field) for field in sorted(of_grid, key=lambda field: field.low)))
        for scopes, of_grid in _share_grids(atlas, word, fields)
    ]
    grids[0] = Grid(grids[0].scopes, _with_features(atlas, word, grids[0].cells, fields))
    return RegisterExplanation(word, tuple(grids) if len(grids) > 1 else (Grid((), grids[0].cells),))


def _share_grids(
    atlas: Atlas, word: CpuidRegister, fields: Iterable[Field]
) -> list[tuple[tuple[str, ...], tuple[Field, ...]]]:
    """Put what the vendors' CPUs have into as few grids as no two meanings of a bit allow."""
    grids: list[tuple[list[str], dict[tuple[int, int, str], Field]]] = []
    scopes = sorted({scope for field in fields for scope in field.vendors} - {ANY_VENDOR})
    for scope in scopes or [ANY_VENDOR]:
        steps = atlas.field_plan(word.leaf, word.subleaf, scope)
        own = {
            (step.field.low, step.field.high, step.field.name): step.field
            for step in steps
            if step.field.register is word.register
        }
        for names, taken in grids:
            if not any(_clash(field, other) for field in own.values() for other in taken.values()):
                names.append(scope)
                taken.update(own)
                break
        else:
            grids.append(([scope], own))
    return [(tuple(names), tuple(taken.values())) for names, taken in grids]


def _clash(field: Field, other: Field) -> bool:
    is_same = (field.low, field.high, field.name) == (other.low, other.high, other.name)
    return not is_same and field.low <= other.high and other.low <= field.high


def _cell(atlas: Atlas, word: CpuidRegister, field: Field) -> Cell:
    return Cell(Bits(word, field.low, field.high), field, atlas.field_feature(field))


def _with_features(
    atlas: Atlas, word: CpuidRegister, cells: tuple[Cell, ...], fields: tuple[Field, ...]
) -> tuple[Cell, ...]:
    """Add the features of bits for which the field table has no row."""
    more = [
        Cell(bits, None, features[0])
        for bits in (Bits(word, index, index) for index in range(word.width))
        if not any(field.low <= bits.low <= field.high for field in fields) and (features := atlas.at(bits))
    ]
    return tuple(sorted((*cells, *more), key=lambda cell: cell.bits.low))
