"""The tables of MSRs: how they are read, shared layouts, and what bits have to do with each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcpuid.atlas import Atlas
from vcpuid.atlas.msrs import MsrTable
from vcpuid.atlas.relations import Kind, Tie
from vcpuid.errors import InputError
from vcpuid.terms.address import Bits, MsrRegister, parse_bit

TABLE = Atlas.load().msr_table
HEADS = {
    "msrs": "index,name,aliases,vendors,title,enumerated_by,layout,source",
    "msr_fields": (
        "index,bits,name,vendors,encoding,unit,values,enumerated_by,controls,related,description,source"
    ),
}


def ties(bits: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tie in Atlas.load().ties(parse_bit(bits)):
        found.setdefault(tie.kind.value, []).append(tie.bits.plain)
    return found


def test_an_msr_has_its_names_and_what_enumerates_it() -> None:
    msr = TABLE.msrs[0x10A]
    assert (msr.name, msr.layout) == ("IA32_ARCH_CAPABILITIES", msr.word)
    assert [bits.plain for bits in msr.enumerated_by] == ["7.0.edx.29"]
    assert "IA32_FEAT_CTL" in TABLE.msrs[0x3A].aliases


def test_msrs_of_one_layout_have_the_same_fields() -> None:
    true, plain = TABLE.of_msr(0x48D), TABLE.of_msr(0x481)
    assert [(field.name, field.low) for field in plain] == [(field.name, field.low) for field in true]
    assert {field.bits().word for field in plain} == {MsrRegister(0x481)}
    assert {field.layout_bits().word for field in plain} == {MsrRegister(0x48D)}


def test_an_msr_that_is_in_no_table_has_no_fields() -> None:
    assert TABLE.of_msr(0x7FFE) == ()
    assert Atlas.load().msr(0x7FFE) is None


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("msrs", "xyz,A,,any,a,,,s"),
        ("msrs", "10,A,,any,a,7.0.ebx,,s"),
        ("msr_fields", "10,a-b,a,any,flag,,,,,,,s"),
        ("msr_fields", "10,0,a,any,flag,,,1.0.rax.3,,,,s"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, table: str, row: str) -> None:
    rows = {"msrs": "10,A,,any,a,,,s", table: row}
    for name, head in HEADS.items():
        text = f"# origin\n{head}\n{rows.get(name, '')}\n"
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    broken = MsrTable(str(tmp_path))
    with pytest.raises(InputError, match="tables of MSRs cannot be read") as caught:
        broken.of_msr(0x10)
    assert caught.value.source == f"{table}.csv"
    assert (caught.value.found or "").startswith(row.partition(",")[0])


def test_a_bit_of_cpuid_enumerates_an_msr_and_is_related_to_its_switch() -> None:
    assert ties("7.0.ebx.2")["enumerates"][:2] == ["msr.3a.0-63", "msr.3a.18"]
    assert "msr.fe.12" in ties("7.0.ebx.2")["related"]
    assert ties("1.0.ecx.3")["controlled_by"] == ["msr.1a0.18", "msr.c0010015.9"]


def test_a_bit_of_an_msr_is_enumerated_by_its_own_bit_else_as_the_msr_is() -> None:
    assert ties("msr.48.4")["enumerated_by"] == ["7.2.edx.1"]
    assert ties("msr.10a.1")["enumerated_by"] == ["7.0.edx.29"]
    assert ties("msr.10a.40")["enumerated_by"] == ["7.0.edx.29"]


def test_a_bit_that_is_related_otherwise_is_not_told_again() -> None:
    assert ties("msr.3a.18") == {"enumerated_by": ["7.0.ebx.2"]}


def test_a_bit_of_a_shared_layout_is_the_same_as_that_of_the_other_msr() -> None:
    assert ties("msr.481.37")["same_as"] == ["msr.48d.37"]
    assert ties("msr.48d.37")["same_as"] == ["msr.481.37"]
    assert ties("msr.481.0-63")["same_as"] == ["msr.48d.0-63"]


def test_a_register_that_an_msr_gives_as_a_whole_is_no_relation_of_its_bits() -> None:
    assert ties("msr.c0011002.5")["controls"] == ["7.0.ebx.0-31"]
    assert "controlled_by" not in ties("7.0.ebx.5")
    assert ties("7.0.ebx.0-31")["controlled_by"] == ["msr.c0011002.0-31"]


def all_bits() -> list[Bits]:
    return [field.bits() for index in TABLE.msrs for field in TABLE.of_msr(index)]


@given(st.sampled_from(all_bits()))
def test_every_relation_leads_back(bits: Bits) -> None:
    for tie in Atlas.load().ties(bits):
        back = Atlas.load().ties(tie.bits)
        # What says more than that they are related says that, too.
        kinds = set(Kind) if tie.kind is Kind.RELATED else {tie.kind.inverse}
        whole = Bits(bits.word, 0, bits.word.width - 1)
        assert any(one.kind in kinds and one.bits in (bits, whole) for one in back), (bits, tie)
        assert Tie(tie.kind, bits) not in back or tie.kind in (Kind.RELATED, Kind.SAME_AS)
