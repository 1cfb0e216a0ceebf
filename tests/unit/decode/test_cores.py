"""Kinds of cores, and the micro-architecture that goes with each."""

from __future__ import annotations

import pytest

from cpus import AUTHENTIC_AMD, GENUINE_INTEL, Rows, cpu, row
from vcpuid.decode.cores import CoreKind, decode_core_kind
from vcpuid.decode.identity import decode_identity
from vcpuid.terms.dump import MissingRow, Registers

HYBRID: Rows = {(7, 0): row(edx=1 << 15)}
P_CORE, E_CORE = row(0x40000002), row(0x20000003)
L1, L2, L3 = (row(0x1C004001 | level << 5 | 2, 0x01C0003F, 0x3F) for level in (1, 2, 3))


def test_core_kinds_of_intel() -> None:
    assert decode_core_kind(cpu({**HYBRID, (0x1A, 0): P_CORE})) == CoreKind("performance", 2)
    assert decode_core_kind(cpu({**HYBRID, (0x1A, 0): E_CORE})) == CoreKind("efficiency", 3)
    assert decode_core_kind(cpu({**HYBRID, (0x1A, 0): row(0x77000003)})) == CoreKind(None, 3)
    assert decode_core_kind(cpu({**HYBRID, (0x1A, 0): row()})) is None
    assert decode_core_kind(cpu({(7, 0): row(), (0x1A, 0): P_CORE})) is None


def test_core_kinds_of_amd() -> None:
    assert decode_core_kind(cpu({(0x80000026, 0): row(1 << 30, 0x10000002)})) == CoreKind("efficiency", 0)
    assert decode_core_kind(cpu({(0x80000026, 0): row(0, 0x10000002)})) is None


@pytest.mark.parametrize(
    ("core", "caches", "kind"),
    [
        (E_CORE, (L1, L2), "low-power efficiency"),
        (E_CORE, (L1, L2, row()), "low-power efficiency"),
        (E_CORE, (L1, L2, L3), "efficiency"),
        (E_CORE, (L1,), "efficiency"),  # the dump may have the first subleaf alone
        (P_CORE, (L1, L2), "performance"),
    ],
    ids=["no L3", "no L3, and the end", "an L3", "the first subleaf alone", "a performance core"],
)
def test_low_power_cores_have_no_l3(core: Registers, caches: tuple[Registers, ...], kind: str) -> None:
    rows: Rows = {**HYBRID, (0x1A, 0): core}
    rows |= {(4, subleaf): cache for subleaf, cache in enumerate(caches)}
    told = decode_core_kind(cpu(rows))
    assert told is not None
    assert told.kind == kind


def design(rows: Rows, missing: MissingRow = MissingRow.ZERO) -> str:
    found = decode_identity(cpu(rows, missing=missing)).microarchitecture
    assert found is not None
    return found.name


ALDER_LAKE, ARROW_LAKE_H = row(0x90675), row(0xC0652)


def test_each_kind_of_core_has_its_design() -> None:
    assert design({(1, 0): ALDER_LAKE, **HYBRID, (0x1A, 0): P_CORE}) == "Golden Cove"
    assert design({(1, 0): ALDER_LAKE, **HYBRID, (0x1A, 0): E_CORE}) == "Gracemont"


def test_a_low_power_core_has_its_own_design_or_that_of_the_efficiency_cores() -> None:
    rows: Rows = {**HYBRID, (0x1A, 0): E_CORE, (4, 0): L1, (4, 1): L2}
    assert design({**rows, (1, 0): ARROW_LAKE_H}) == "Crestmont"
    assert design({**rows, (1, 0): ALDER_LAKE}) == "Gracemont"


def test_without_efficiency_cores_there_is_one_design() -> None:
    assert design({(1, 0): ALDER_LAKE, (7, 0): row()}) == "Golden Cove"


def test_a_core_that_does_not_tell_its_kind_may_be_either() -> None:
    assert design({(1, 0): ALDER_LAKE, **HYBRID, (0x1A, 0): row()}) == "Golden Cove or Gracemont"
    untold: Rows = {(0, 0): (0x1A, *GENUINE_INTEL), (1, 0): ALDER_LAKE}
    assert design(untold, MissingRow.UNKNOWN) == "Golden Cove or Gracemont"


def test_amds_compact_cores() -> None:
    rows: Rows = {(1, 0): row(0xB20F40), (0x80000026, 0): row(1 << 30, 0x10000002)}
    found = decode_identity(cpu(rows, letters=AUTHENTIC_AMD)).microarchitecture
    assert found is not None
    assert (found.name, found.code_name) == ("Zen 5c", "Strix Point, Gorgon Point")
