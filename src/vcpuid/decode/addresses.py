"""How many bits addresses have."""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.decode.rows import EAX, read_row
from vcpuid.terms.dump import Cpu

_LEAF = 0x80000008


class Addresses(NamedTuple):
    """Widths of addresses.

    Attributes:
        physical_bits: Physical addresses.
        linear_bits: Linear (virtual) addresses.
        guest_physical_bits: Guests' physical addresses; None where they are as wide as the host's.
    """

    physical_bits: int
    linear_bits: int
    guest_physical_bits: int | None


def decode_addresses(cpu: Cpu) -> Addresses | None:
    """Decode leaf 80000008H EAX; None where the CPU does not tell.

    Source: APM vol. 3, appendix E, and SDM vol. 2A, CPUID, leaf 80000008H.
    """
    row = read_row(cpu, _LEAF)
    if row is None or not row[EAX]:
        return None
    return Addresses(row[EAX] & 0xFF, row[EAX] >> 8 & 0xFF, row[EAX] >> 16 & 0xFF or None)
