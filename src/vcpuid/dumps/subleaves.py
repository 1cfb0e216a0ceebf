"""Subleaf numbers for rows of formats that do not write them: the same leaf again and again, in order."""

from __future__ import annotations

from collections.abc import Sequence

from vcpuid.terms.dump import Registers

XSAVE_LEAF = 0xD
_FIRST_COMPONENT = 2  # components 0 and 1, x87 and SSE, have no subleaf of their own
_AVX_SIZE_AND_OFFSET = (0x100, 0x240)
_NOTHING = (0, 0, 0, 0)


def number_subleaves(leaf: int, rows: Sequence[Registers]) -> list[int]:
    """Give the subleaf of each row of one leaf; only leaf 0DH is not simply counted."""
    return _number_xsave(rows) if leaf == XSAVE_LEAF else list(range(len(rows)))


def _number_xsave(rows: Sequence[Registers]) -> list[int]:
    """Number the rows of leaf 0DH, of which programs print only those of components that exist.

    Source: Intel SDM vol. 1, 13.2: subleaf 0 (EDX:EAX) has the components of XCR0, subleaf 1 (EDX:ECX) those of
    IA32_XSS, and each has the subleaf of its own number. A CPU without XSAVEOPT may come without subleaf 1.
    """
    first, *rest = rows
    components = first[0] | first[3] << 32
    numbers = [0]
    if rest and rest[0][:2] != _AVX_SIZE_AND_OFFSET:
        numbers.append(1)
        components |= rest[0][2] | rest[0][3] << 32
        rest = rest[1:]
    own = [number for number in range(_FIRST_COMPONENT, 64) if components >> number & 1]
    # A row of zeros stands for a component that is not there: then every subleaf was printed.
    if len(rest) > len(own) or _NOTHING in rest:
        own = list(range(_FIRST_COMPONENT, _FIRST_COMPONENT + len(rest)))
    return numbers + own[: len(rest)]
