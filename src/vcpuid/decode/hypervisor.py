"""The hypervisor above the CPU, by the interfaces that it shows."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from vcpuid.atlas.tables import load_table
from vcpuid.decode.rows import EAX, EBX, ECX, EDX, exists, letters_of, read_row
from vcpuid.terms.dump import Cpu, Registers, base_of

_FIRST_LEAF, _STEP, _LAST_LEAF = 0x40000000, 0x100, 0x40000F00
_TIMING_LEAF, _HYPERV_INTERFACE = 0x40000010, "Hv#1"


class Interface(NamedTuple):
    """One interface of the hypervisor.

    Attributes:
        leaf: Its first leaf.
        signature: The twelve letters, without zero bytes at their end.
        scope: The hypervisor in the words of the field table; None for letters that nobody is known by.
        title: The hypervisor for people; None for letters that nobody is known by.
        maximum: Its highest leaf.
    """

    leaf: int
    signature: str
    scope: str | None
    title: str | None
    maximum: int


class Hypervisor(NamedTuple):
    """The hypervisor that made these answers.

    Attributes:
        scope: Who it is, in the words of the field table: its last known interface, because the first may be there
            for Windows' sake alone.
        title: The same for people.
        interfaces: All interfaces, lowest leaf first.
        speaks_hyperv: Whether the first interface follows Microsoft's specification.
        tsc_hz: Frequency of the guest's time-stamp counter.
        apic_hz: Frequency of the guest's local APIC timer.
    """

    scope: str | None
    title: str | None
    interfaces: tuple[Interface, ...]
    speaks_hyperv: bool
    tsc_hz: int | None
    apic_hz: int | None


@cache
def _names() -> dict[str, tuple[str, str]]:
    """Give scope and title by the letters before the zero bytes at their end."""
    return {row["signature"]: (row["name"], row["title"]) for row in load_table("hypervisors")}


def scope_of(cpu: Cpu, leaf: int = _FIRST_LEAF) -> str | None:
    """Give the word of the field table for the hypervisor whose interface holds `leaf`, or None."""
    row = read_row(cpu, base_of(leaf))
    return None if row is None else _names().get(_letters(row), (None,))[0]


def _letters(row: Registers) -> str:
    return letters_of(row[EBX], row[ECX], row[EDX]).rstrip("\0")


def decode_hypervisor(cpu: Cpu) -> Hypervisor | None:
    """Decode the hypervisor's leaves; None on bare hardware, or where the dump does not have them.

    Source: the hypervisor bit, CPUID.01H:ECX[31]; leaves 0x40000000 and up, as Linux looks for them.
    """
    interfaces = []
    for leaf in range(_FIRST_LEAF, _LAST_LEAF + 1, _STEP):
        row = cpu.rows.get((leaf, 0))
        if row is None or not exists(cpu, leaf):
            continue
        letters = _letters(row)
        scope, title = _names().get(letters, (None, None))
        interfaces.append(Interface(leaf, letters, scope, title, row[EAX]))
    if not interfaces:
        return None
    who = next((interface for interface in reversed(interfaces) if interface.scope), interfaces[0])
    kind = read_row(cpu, _FIRST_LEAF + 1)
    timing = read_row(cpu, _TIMING_LEAF) or (0, 0, 0, 0)
    return Hypervisor(
        scope=who.scope,
        title=who.title,
        interfaces=tuple(interfaces),
        speaks_hyperv=kind is not None and letters_of(kind[EAX]) == _HYPERV_INTERFACE,
        tsc_hz=timing[EAX] * 1000 or None,
        apic_hz=timing[EBX] * 1000 or None,
    )
