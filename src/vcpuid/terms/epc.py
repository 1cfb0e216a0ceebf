"""Enclave page cache that a guest is given, in whichever dialect it was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from vcpuid.terms.place import Place


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
