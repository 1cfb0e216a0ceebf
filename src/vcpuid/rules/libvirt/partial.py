"""What check='partial' rests on: the map's contents of a model, or what QEMU says of it.

libvirt 9.0 compares every definition by the map. 11.3's map marks the models for which it still does so, with
`<check partial='compat'/>`; of the others, as of every versioned name (`kvm64-v1`), it asks QEMU which features
the host cannot give. Measured with virsh domxml-to-native on a CPU of AMD, libvirt 9.0.0 and 11.3.0.
"""

from __future__ import annotations

from collections.abc import Collection

from vcpuid.rules.libvirt.models import Models
from vcpuid.terms.guest import CpuMode, GuestCpu, Policy


def rests_on_map(models: Models, cpu: GuestCpu) -> bool:
    """Tell whether the definition is compared by the map's contents of its model, and not by QEMU's word."""
    model = models.models.get(cpu.model or "") if cpu.mode is CpuMode.CUSTOM else None
    return model is None or model.is_compat or not models.marks_compat


def is_host_compared(models: Models, cpu: GuestCpu, usable: Collection[str]) -> bool:
    """Tell whether the host's vendor, and what it has besides, are compared.

    They are not where QEMU's word is what counts, nor by a newer libvirt where the host can run the model as it is
    and the definition does no more than take features away.

    Args:
        models: The host's map.
        cpu: The definition.
        usable: The named models that the host can run as they are.
    """
    if not rests_on_map(models, cpu):
        return False
    is_plain = all(request.policy is Policy.DISABLE for request in cpu.requests)
    return not (models.marks_compat and is_plain and cpu.mode is CpuMode.CUSTOM and cpu.model in usable)


def settled(models: Models, cpu: GuestCpu) -> frozenset[str]:
    """Give the features whose lack in the host does not speak against the model: the definition decides of them.

    By the map they are all that it names; where QEMU's word counts, those that it disables.
    """
    by_map = rests_on_map(models, cpu)
    return frozenset(request.name for request in cpu.requests if by_map or request.policy is Policy.DISABLE)
