"""Subleaf numbers of rows that have none written."""

from __future__ import annotations

import pytest

from vcpuid.dumps.subleaves import number_subleaves
from vcpuid.terms.dump import Registers

AVX, BNDREGS, BNDCSR = (0x100, 0x240, 0, 0), (0x40, 0x3C0, 0, 0), (0x40, 0x400, 0, 0)
OPMASK, PT, PKRU, LWP = (0x40, 0x440, 0, 0), (0x80, 0, 1, 0), (8, 0xA80, 0, 0), (0x80, 0x340, 0, 0)
ZERO = (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [
        # Sandy Bridge and Zambezi: no subleaf 1
        ([(0x7, 0x340, 0x340, 0), AVX], [0, 2]),
        ([(0x7, 0x340, 0x3C0, 0x40000000), AVX, LWP], [0, 2, 62]),
        # Haswell: subleaf 1 is there
        ([(0x7, 0x340, 0x340, 0), (1, 0, 0, 0), AVX], [0, 1, 2]),
        # Coffee Lake as CPU-Z prints it: supervisor components are left out
        ([(0x1F, 0x440, 0x440, 0), (0xF, 0x3C0, 0x100, 0), AVX, BNDREGS, BNDCSR], [0, 1, 2, 3, 4]),
        # Alder Lake: a gap before PKRU, and PT from IA32_XSS
        ([(0x207, 0x340, 0xA88, 0), (0xF, 0x3D0, 0x19900, 0), AVX, PT, PKRU], [0, 1, 2, 8, 9]),
        # every subleaf was printed, with rows of zeros in the gaps
        ([(0x207, 0x340, 0xA88, 0), (0xF, 0, 0, 0), AVX, ZERO, ZERO, ZERO], [0, 1, 2, 3, 4, 5]),
        ([(0x7, 0x340, 0x340, 0), ZERO, AVX, ZERO], [0, 1, 2, 3]),
        # more rows than components
        ([(0x7, 0x340, 0x340, 0), AVX, OPMASK, OPMASK], [0, 2, 3, 4]),
        ([(0x7, 0x340, 0x340, 0)], [0]),
        ([ZERO, ZERO], [0, 1]),
    ],
)
def test_xsave(rows: list[Registers], numbers: list[int]) -> None:
    assert number_subleaves(0xD, rows) == numbers


def test_other_leaves_are_counted() -> None:
    assert number_subleaves(4, [ZERO] * 4) == [0, 1, 2, 3]
