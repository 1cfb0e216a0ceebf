"""What are the registers of a leaf made of, bit by bit, and in whose CPUs?"""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.answers.register import RegisterExplanation, explain_register
from vcpuid.atlas import Atlas
from vcpuid.atlas.fields import first_interface, is_hypervisor_leaf
from vcpuid.errors import UsageError
from vcpuid.terms.address import CpuidRegister, Register

Subleaves = tuple[int, int]


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
    # A hypervisor's second interface repeats the first one's leaves.
    fields = atlas.field_table.of_leaf(first_interface(leaf) if is_hypervisor_leaf(leaf) else leaf)
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
    registers = tuple(explain_register(CpuidRegister(leaf, shown, register), atlas) for register in Register)
    return LeafExplanation(leaf, shown, atlas.leaf_title(leaf), runs, registers)
