from __future__ import annotations

from itertools import pairwise

import pytest

from vcpuid.answers.msr import explain_msr, list_msrs
from vcpuid.atlas import Atlas
from vcpuid.errors import UsageError

INDICES = [summary.msr.word.index for summary in list_msrs()]


@pytest.mark.parametrize("index", INDICES, ids=lambda index: f"{index:x}")
def test_every_field_and_feature_of_an_msr_is_in_a_grid_and_no_grid_has_a_bit_twice(index: int) -> None:
    atlas = Atlas.load()
    answer = explain_msr(index)
    cells = [cell for grid in answer.register.grids for cell in grid.cells]
    assert {(cell.field.name, cell.field.low) for cell in cells if cell.field} == {
        (field.name, field.low) for field in atlas.fields(answer.msr.word)
    }
    assert cells
    features = [bit for one in atlas.features() for bit in one.bits if bit.word == answer.msr.word]
    assert {bit.low for bit in features} <= {cell.bits.low for cell in cells}
    for grid in answer.register.grids:
        assert all(low.bits.high < high.bits.low for low, high in pairwise(grid.cells))


def test_msrs_are_listed_ascending_with_the_number_of_their_fields() -> None:
    assert sorted(INDICES) == INDICES
    counts = {summary.msr.name: summary.fields for summary in list_msrs()}
    assert counts["IA32_VMX_PINBASED_CTLS"] == counts["IA32_VMX_TRUE_PINBASED_CTLS"] == 6


def test_an_msr_has_what_enumerates_it() -> None:
    assert [tie.bits.plain for tie in explain_msr(0x10A).ties] == ["7.0.edx.29"]
    assert [tie.bits.plain for tie in explain_msr(0x48B).ties] == ["msr.482.63"]


def test_what_the_atlas_lacks_is_told() -> None:
    with pytest.raises(UsageError, match="the atlas has no such MSR") as raised:
        explain_msr(0x7FFE)
    assert raised.value.found == "7FFEH"
