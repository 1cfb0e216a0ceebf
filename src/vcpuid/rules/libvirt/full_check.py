"""Features that QEMU tells of unasked, and with which libvirt refuses a definition that says it is complete."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from vcpuid.atlas.tables import load_table
from vcpuid.rules.qemu.knowledge import version_of
from vcpuid.terms.guest import Check, GuestCpu

_SERIES = 2


class ToldByTopology(NamedTuple):
    """A feature that QEMU tells of where a socket has several CPUs.

    Attributes:
        name: libvirt's name.
        qemu: The first QEMU that tells of it.
        refused_by: The newest libvirt that was seen to refuse it.
    """

    name: str
    qemu: str
    refused_by: str

    def is_refused_by(self, libvirt: str) -> bool:
        """Tell whether a libvirt surely refuses it; an unknown version, or a newer one, may not."""
        numbers = version_of(libvirt)
        return bool(numbers) and numbers[:_SERIES] <= version_of(self.refused_by)


@cache
def _told_by_topology() -> tuple[ToldByTopology, ...]:
    rows = load_table("told_by_topology", f"{__file__.rpartition('/')[0]}/tables")
    return tuple(ToldByTopology(row["name"], row["qemu"], row["refused_by"]) for row in rows)


def unforeseen(cpu: GuestCpu, qemu: str) -> tuple[ToldByTopology, ...]:
    """Give what a QEMU tells of a guest whose definition is to be complete and has it not.

    Args:
        cpu: The guest's CPU, by libvirt's names.
        qemu: The version of QEMU that is to run it.
    """
    topology = cpu.topology
    if cpu.check is not Check.FULL or topology is None or topology.cpus <= topology.sockets:
        return ()
    asked = {request.name for request in cpu.requests if request.policy.asks}
    told = _told_by_topology()
    return tuple(one for one in told if one.name not in asked and version_of(qemu) >= version_of(one.qemu))
