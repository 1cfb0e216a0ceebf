"""MSRs as /dev/cpu/N/msr gave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vcpuid.dumps.snapshot import read_msrs
from vcpuid.snapshot.node import Node


@dataclass(frozen=True, slots=True)
class MsrEvidence:
    """MSR values by CPU; an MSR that a CPU refused (it faulted) is not in that CPU's mapping."""

    cpus: Mapping[int, Mapping[int, int]]

    def value(self, index: int) -> int | None:
        """Give an MSR's value where every CPU that was read agrees, else the bits that all have."""
        values = [msrs[index] for msrs in self.cpus.values() if index in msrs]
        if not values or len(values) < len(self.cpus):
            return None
        common = values[0]
        for value in values:
            common &= value
        return common


def read_msr(data: Node) -> MsrEvidence:
    """Read the `msr` source.

    Raises:
        InputError: The record is damaged.
    """
    return MsrEvidence(read_msrs(data["cpus"]))
