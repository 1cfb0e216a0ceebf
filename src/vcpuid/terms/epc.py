"""Enclave page cache that a guest is given, in whichever dialect it was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from vcpuid.terms.place import Place

_NODE_LIMIT = 1024  # Linux has no more


@dataclass(frozen=True, slots=True)
class EpcSection:
    """One section of EPC memory.

    Attributes:
        size_bytes: Its size; QEMU takes whole pages of 4 KiB.
        host_nodes: The host's NUMA nodes that it may come from, as libvirt writes them (`0-1`); None for any.
        guest_node: The guest's NUMA node that it belongs to; None where nothing is said.
        place: Where it is asked for.
    """

    size_bytes: int
    host_nodes: str | None
    guest_node: int | None
    place: Place

    @property
    def nodes(self) -> frozenset[int]:
        """The host's NUMA nodes by number (`0-1,4`, `0-3,^2`); empty for any. What is no number is left out."""
        nodes: set[int] = set()
        for part in (self.host_nodes or "").split(","):
            low, _, high = part.strip().removeprefix("^").partition("-")
            if low.isascii() and low.isdecimal() and (not high or (high.isascii() and high.isdecimal())):
                span = set(range(int(low), min(int(high or low), int(low) + _NODE_LIMIT) + 1))
                nodes = nodes - span if part.strip().startswith("^") else nodes | span
        return frozenset(nodes)
