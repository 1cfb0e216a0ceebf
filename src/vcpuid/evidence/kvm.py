"""What KVM says that it can give a guest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vcpuid.dumps.snapshot import read_msr_values, read_rows
from vcpuid.snapshot.node import Node
from vcpuid.terms.dump import Cpu, MissingRow


@dataclass(frozen=True, slots=True)
class KvmEvidence:
    """KVM's own lists.

    Attributes:
        supported: GET_SUPPORTED_CPUID, asked after the AMX guest permission.
        emulated: GET_EMULATED_CPUID: what KVM would emulate for a program that asks; None where not asked.
        msr_features: Feature MSRs by index.
        permission_denied: Whether the permission for AMX state was asked and refused.
        capabilities: What KVM_CHECK_EXTENSION answered, by the capability's name.
    """

    supported: Cpu
    emulated: Cpu | None
    msr_features: Mapping[int, int]
    permission_denied: bool
    capabilities: Mapping[str, int] = field(default_factory=dict)

    @property
    def given(self) -> Cpu:
        """What KVM can give, CPUID and feature MSRs together."""
        return Cpu(0, self.supported.rows, self.msr_features, MissingRow.ZERO)


def read_kvm(data: Node) -> KvmEvidence:
    """Read the `kvm` source.

    Raises:
        InputError: The record is damaged.
    """
    emulated = data.get("emulated_cpuid")
    msrs = data.get("msr_features")
    permission = data.get("guest_permission")
    capabilities = data.get("capabilities")
    return KvmEvidence(
        supported=_cpu(data["supported_cpuid"]),
        emulated=_cpu(emulated) if emulated else None,
        msr_features=read_msr_values(msrs) if msrs else {},
        permission_denied=permission is not None and permission.get("granted") is None,
        capabilities={name: value.number() for name, value in capabilities.members()} if capabilities else {},
    )


def _cpu(node: Node) -> Cpu:
    return Cpu(0, read_rows(node), missing=MissingRow.ZERO)
