"""XSAVE: which states can be saved, where each lies, and how much memory they take."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from vcpuid.decode.rows import EAX, EBX, ECX, EDX, load_decode_table, read_row
from vcpuid.terms.dump import Cpu

_LEAF = 0xD
_HEADER_END_BYTES = 576  # the legacy region of 512 bytes and the XSAVE header of 64
_INSTRUCTIONS = ("xsaveopt", "xsavec", "xgetbv1", "xsaves", "xfd")  # subleaf 1 EAX, from bit 0
_STATES = range(2, 63)


class XsaveArea(NamedTuple):
    """One state component.

    Attributes:
        number: Its bit in XCR0 or IA32_XSS.
        name: What it holds.
        offset_bytes: Its place in the standard form; None for a supervisor state, which that form does not have.
        size_bytes: Its size; None where the dump does not tell.
        is_supervisor: Whether IA32_XSS switches it on rather than XCR0.
        is_aligned: Whether the compacted form puts it on a multiple of 64 bytes.
        faults_first: Whether its first use can be made to fault (XFD).
    """

    number: int
    name: str
    offset_bytes: int | None
    size_bytes: int | None
    is_supervisor: bool
    is_aligned: bool
    faults_first: bool


class Xsave(NamedTuple):
    """What the CPU can save.

    Attributes:
        xcr0: Bits that XCR0 may have.
        xss: Bits that IA32_XSS may have; None where the dump does not tell.
        instructions: The variants of XSAVE that the CPU has.
        areas: The state components, by number.
        size_bytes: The area's size with all of XCR0, as the CPU tells.
        needed_bytes: The end of the last area. CPUs are seen that tell another size.
        enabled_bytes: The area's size with XCR0 as it was: it says something of the operating system.
    """

    xcr0: int
    xss: int | None
    instructions: tuple[str, ...]
    areas: tuple[XsaveArea, ...]
    size_bytes: int
    needed_bytes: int
    enabled_bytes: int


@cache
def _components() -> dict[int, dict[str, str]]:
    return {int(row["number"]): row for row in load_decode_table("xsave")}


def decode_xsave(cpu: Cpu) -> Xsave | None:
    """Decode leaf 0DH; None where the CPU has no XSAVE or the dump not the leaf.

    A state is known by its number: the leaf has gaps. Source: SDM vol. 2A, CPUID, leaf 0DH.
    """
    first, second = read_row(cpu, _LEAF), read_row(cpu, _LEAF, 1)
    if first is None or not first[EAX] | first[EDX]:
        return None
    xcr0 = first[EDX] << 32 | first[EAX]
    xss = None if second is None else second[EDX] << 32 | second[ECX]
    areas = [_fixed_area(number) for number in (0, 1) if xcr0 >> number & 1]
    states = xcr0 | (xss or 0)
    areas += [
        _area(cpu, number, of_system=bool((xss or 0) >> number & 1)) for number in _STATES if states >> number & 1
    ]
    ends = [
        area.offset_bytes + area.size_bytes for area in areas if area.offset_bytes is not None and area.size_bytes
    ]
    return Xsave(
        xcr0=xcr0,
        xss=xss,
        instructions=tuple(name for bit, name in enumerate(_INSTRUCTIONS) if second and second[EAX] >> bit & 1),
        areas=tuple(areas),
        size_bytes=first[ECX],
        needed_bytes=max([_HEADER_END_BYTES, *ends]),
        enabled_bytes=first[EBX],
    )


def _fixed_area(number: int) -> XsaveArea:
    row = _components()[number]
    return XsaveArea(
        number,
        row["name"],
        offset_bytes=int(row["offset"]),
        size_bytes=int(row["size"]),
        is_supervisor=False,
        is_aligned=False,
        faults_first=False,
    )


def _area(cpu: Cpu, number: int, *, of_system: bool) -> XsaveArea:
    component = _components().get(number)
    row = read_row(cpu, _LEAF, number)
    eax, ebx, ecx, _ = row or (0, 0, 0, 0)
    is_supervisor = of_system or bool(ecx & 1)  # IA32_XSS tells it too, where a dump lacks the row
    return XsaveArea(
        number,
        component["name"] if component else f"state {number}",
        offset_bytes=None if row is None or is_supervisor else ebx,
        size_bytes=None if row is None else eax,
        is_supervisor=is_supervisor,
        is_aligned=bool(ecx >> 1 & 1),
        faults_first=bool(ecx >> 2 & 1),
    )
