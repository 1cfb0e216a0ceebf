from __future__ import annotations

from itertools import pairwise

import pytest

from vcpuid.answers.leaf import explain_leaf, list_leaves
from vcpuid.atlas import Atlas
from vcpuid.errors import UsageError
from vcpuid.terms.address import CpuidRegister, Register

LEAVES = [summary.leaf for summary in list_leaves()]


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: f"{leaf:x}")
def test_every_field_and_feature_of_a_leaf_is_in_a_grid_and_no_grid_has_a_bit_twice(leaf: int) -> None:
    atlas = Atlas.load()
    for first, _ in explain_leaf(leaf).subleaves:
        for register in explain_leaf(leaf, first).registers:
            cells = [cell for grid in register.grids for cell in grid.cells]
            shown = {(cell.field.name, cell.field.low) for cell in cells if cell.field}
            assert shown == {(field.name, field.low) for field in atlas.fields(register.word)}
            named = {index for cell in cells for index in range(cell.bits.low, cell.bits.high + 1)}
            features = [one for one in atlas.features() if any(bit.word == register.word for bit in one.bits)]
            assert {bit.low for one in features for bit in one.bits if bit.word == register.word} <= named
            for grid in register.grids:
                assert all(low.bits.high < high.bits.low for low, high in pairwise(grid.cells))


def test_a_register_has_one_grid_unless_vendors_disagree() -> None:
    (_, ebx, _, _) = explain_leaf(7).registers
    assert [grid.scopes for grid in ebx.grids] == [()]
    (_, _, ecx, _) = explain_leaf(0x80000006).registers
    assert [set(grid.scopes) >= {vendor} for grid, vendor in zip(ecx.grids, ("zhaoxin", "intel"), strict=True)]
    assert [grid.scopes for grid in explain_leaf(0x40000002).registers[0].grids] == [("hyperv",), ("xen",)]


def test_a_feature_without_a_field_has_a_cell() -> None:
    (_, _, ecx, _) = explain_leaf(0x80000001).registers
    (cell,) = (cell for cell in ecx.grids[0].cells if cell.bits.low == 18)
    assert cell.field is None
    assert cell.feature is not None


def test_the_first_subleaf_is_shown_by_default() -> None:
    assert explain_leaf(0xD).subleaf == 0
    assert explain_leaf(0xD, 33).registers[0].word == CpuidRegister(0xD, 33, Register.EAX)
    assert (20, 61) in explain_leaf(0xD).subleaves


@pytest.mark.parametrize(
    ("leaf", "subleaf", "message"),
    [(0x7FFE, None, "the atlas has no such leaf"), (7, 3, "the atlas has no such subleaf of leaf 07H")],
)
def test_what_the_atlas_lacks_is_told(leaf: int, subleaf: int | None, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        explain_leaf(leaf, subleaf)
    assert raised.value.message == message
