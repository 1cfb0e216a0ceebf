from __future__ import annotations

import pytest

from vcpuid.answers.register import explain_bit, explain_register
from vcpuid.errors import UsageError
from vcpuid.terms.address import CpuidRegister, MsrRegister, Register, parse_bit


def test_a_bit_has_its_feature_its_fields_and_its_register() -> None:
    sgx = explain_bit(parse_bit("7.0.ebx.2"))
    assert sgx.explanation.match.feature.name == "sgx"
    assert [field.name for field in sgx.explanation.fields] == ["sgx"]
    inside = explain_bit(parse_bit("4.0.eax.20"))
    assert [(field.low, field.high) for field in inside.explanation.fields] == [(14, 25)]
    unknown = explain_bit(parse_bit("7ffe.0.eax.3"))
    assert (unknown.explanation.fields, unknown.register) == ((), None)


def test_a_bit_of_an_msr_has_them_too() -> None:
    immune = explain_bit(parse_bit("msr.10a.0"))
    assert immune.explanation.match.feature.name == "rdctl-no"
    assert [field.name for field in immune.explanation.fields] == ["rdcl_no"]
    assert immune.register is not None
    assert immune.register.word == MsrRegister(0x10A)
    reserved = explain_bit(parse_bit("msr.10a.40"))
    assert reserved.explanation.fields == ()
    assert reserved.register is not None
    unknown = explain_bit(parse_bit("msr.7ffe.63"))
    assert (unknown.explanation.fields, unknown.register) == ((), None)


@pytest.mark.parametrize("text", ["4.0.eax.14-25", "msr.10a.0-63", "7.0.ebx.0-31"])
def test_only_one_bit_is_one(text: str) -> None:
    with pytest.raises(UsageError, match="not one bit"):
        explain_bit(parse_bit(text))


def test_vendors_that_no_grid_names_have_what_all_share() -> None:
    edx = explain_register(CpuidRegister(0x80000001, 0, Register.EDX))
    assert [grid.scopes for grid in edx.grids] == [("amd", "centaur", "hygon", "any"), ("cyrix", "nsc")]
    assert {cell.bits.low for cell in edx.grids[1].cells if cell.field} >= {20, 24, 29}
    assert explain_register(MsrRegister(0x7FFE)).grids[0].cells == ()
