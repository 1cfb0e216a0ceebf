"""The ROM that a guest starts from: the payload at its top, and below it the tables that say what to ask.

Which subleaves a leaf has is what the collector knows (`gather.cpuid_walk`), written here as the payload reads it:
the walk inside a guest and the walk on a host are one.
"""

from __future__ import annotations

import csv
import struct
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from vcpuid.gather import cpuid_walk
from vcpuid.terms.address import Register
from vcpuid.terms.guest import Accelerator

SIZE_BYTES: Final = 64 * 1024
CPU_LIMIT: Final = 255
"""APIC ids of 8 bits: the payload wakes CPUs by the local APIC's old registers."""

_HERE = Path(__file__).parent
_WORD_BYTES = 4

# The payload's words (payload.s).
_COUNTED, _BITMAP, _TERMINATED, _XSAVE = range(4)
_LEAST_ONE, _HYPERVISOR, _OPTIONAL = 1, 2, 4

# In the order of the collector's walk; Transmeta's range is there besides.
_RANGES = (
    (cpuid_walk.BASIC, 0),
    (cpuid_walk.EXTENDED, 0),
    (cpuid_walk.HYPERVISOR, _HYPERVISOR | _LEAST_ONE),
    (cpuid_walk.SECOND_HYPERVISOR, _HYPERVISOR | _OPTIONAL),
    (0x80860000, _OPTIONAL),
    (cpuid_walk.CENTAUR, _OPTIONAL),
)


class Condition(NamedTuple):
    """A word of CPUID with a bit of a mask; a mask of 0 stands for no condition."""

    leaf: int = 0
    subleaf: int = 0
    register: int = 0
    mask: int = 0

    def words(self) -> tuple[int, ...]:
        """Give it as the payload reads it: the register as a byte offset."""
        return (self.leaf, self.subleaf, self.register * _WORD_BYTES, self.mask)


class Switch(NamedTuple):
    """A bit of CR4, what of CPUID allows it, and what TCG wants besides."""

    cr4_bit: int
    name: str
    allowed_by: Condition
    under_tcg: Condition


class _Rule(NamedTuple):
    """Which subleaves a leaf has; `start` is the first subleaf that the one before it must announce."""

    leaf: int
    kind: int
    register: int = 0
    mask: int = 0
    start: int = 1
    gate: Condition = Condition()

    def words(self) -> tuple[int, ...]:
        return (self.leaf, self.kind, self.register * _WORD_BYTES, self.mask, self.start, *self.gate.words())


_GATES = {0x8000001D: Condition(0x80000001, 0, 2, 1 << 22)}  # TOPOEXT


def _rules() -> Iterable[_Rule]:
    for leaf in sorted(cpuid_walk.COUNTED_LEAVES):
        yield _Rule(leaf, _COUNTED)
    for leaf, register in cpuid_walk.BITMAP_LEAVES.items():
        yield _Rule(leaf, _BITMAP, register)
    for leaf, (register, mask) in cpuid_walk.TERMINATED_LEAVES.items():
        yield _Rule(leaf, _TERMINATED, register, mask, gate=_GATES.get(leaf, Condition()))
    yield _Rule(0xD, _XSAVE)
    # SGX: its attributes always, then sections of EPC up to the one that is none.
    yield _Rule(0x12, _TERMINATED, 0, 0xF, start=3, gate=Condition(7, 0, 1, 1 << 2))


@cache
def load_switches() -> tuple[Switch, ...]:
    """Load the bits of CR4 that the payload sets."""
    return tuple(
        Switch(int(row["cr4_bit"]), row["name"], _condition(row["allowed_by"]), _condition(row["under_tcg"]))
        for row in _load("switches")
    )


@cache
def load_msrs() -> tuple[int, ...]:
    """Load the indexes of the MSRs that the payload reads."""
    return tuple(int(row["index"], 16) for row in _load("msrs"))


def _condition(address: str) -> Condition:
    if not address:
        return Condition()
    leaf, subleaf, register, *bits = address.split(".")
    mask = 1 << int(bits[0]) if bits else 0xFFFFFFFF
    return Condition(int(leaf, 16), int(subleaf), Register[register.upper()].position, mask)


def _load(name: str) -> list[dict[str, str]]:
    lines = (_HERE / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def read_payload() -> bytes:
    """Read the assembled payload; payload.s is its source."""
    return (_HERE / "payload.bin").read_bytes()


@cache
def make_rom(cpu_count: int, accelerator: Accelerator) -> bytes:
    """Make the ROM for a guest of so many CPUs.

    Raises:
        ValueError: The payload cannot wake so many.
    """
    if not 1 <= cpu_count <= CPU_LIMIT:
        raise ValueError(f"{cpu_count} CPUs: 1 to {CPU_LIMIT} can be asked")
    rules, msrs, switches = tuple(_rules()), load_msrs(), load_switches()
    words = [cpu_count, len(_RANGES), len(rules), len(msrs), len(switches)]
    for rule in rules:
        words += rule.words()
    for first_leaf, flags in _RANGES:
        words += (first_leaf, flags)
    words += msrs
    for switch in switches:
        also = switch.under_tcg if accelerator is Accelerator.TCG else Condition()
        words += (*switch.allowed_by.words(), *also.words(), 1 << switch.cr4_bit)
    tables, payload = struct.pack(f"<{len(words)}I", *words), read_payload()
    return tables + b"\xff" * (SIZE_BYTES - len(tables) - len(payload)) + payload
