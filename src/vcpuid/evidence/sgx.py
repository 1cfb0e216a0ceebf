"""The kernel's SGX devices and the enclave memory of each NUMA node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vcpuid.snapshot.node import Node


@dataclass(frozen=True, slots=True)
class SgxEvidence:
    """SGX as the kernel offers it.

    Attributes:
        devices: Path to whether the device is there (`/dev/sgx_vepc` is the one for guests).
        epc_bytes: NUMA node to the bytes of enclave memory.
    """

    devices: Mapping[str, bool]
    epc_bytes: Mapping[int, int]


def read_sgx(data: Node) -> SgxEvidence:
    """Read the `sgx` source.

    Raises:
        InputError: The record is damaged.
    """
    numa = data.get("numa")
    return SgxEvidence(
        devices={path: data["devices"].get(path) is not None for path, _ in data["devices"].members()},
        epc_bytes={
            Node(node, size.path, size.source).decimal(): size.number()
            for node, size in (numa.members() if numa else ())
        },
    )
