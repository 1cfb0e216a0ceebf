"""EPC memory and SGX features in the domain that Nova gives libvirt."""

from __future__ import annotations

from lxml import etree
from nova import exception
from nova.objects import fields
from nova.virt.libvirt import config

from nova_sgx.capabilities import SgxCapabilities
from nova_sgx.request import STEP_MIB, EpcRequest

_KIB_IN_MIB = 1024

_ALWAYS = ("sgx", "sgx1", "sgx-mode64")
"""What a 64-bit guest needs to build an enclave at all."""


class LibvirtConfigGuestSGXEPC(config.LibvirtConfigGuestDevice):
    """`<memory model='sgx-epc'>`: one section of EPC, in one NUMA cell of the guest."""

    def __init__(self, size_mib: int, cell: int) -> None:
        super().__init__(root_name="memory")
        self.size_mib = size_mib
        self.cell = cell

    def format_dom(self) -> etree._Element:
        """Give the element; sizes are in KiB, libvirt's default."""
        memory = super().format_dom()
        memory.set("model", "sgx-epc")
        target = etree.SubElement(memory, "target")
        target.append(self._text_node("size", self.size_mib * _KIB_IN_MIB))
        target.append(self._text_node("node", self.cell))
        return memory


def add_epc(guest: config.LibvirtConfigGuest, request: EpcRequest, host: SgxCapabilities) -> None:
    """Put EPC and the features that go with it into a guest.

    A guest without NUMA cells gets one, for libvirt asks for it. In a guest with several each gets its share;
    libvirt asks for that from the host's node that the cell is bound to.

    Raises:
        InvalidInput: No host can do it: the guest's architecture has no SGX.
        ComputeResourcesUnavailable: This host cannot; another may.
    """
    if guest.os_arch != fields.Architecture.X86_64:
        raise exception.InvalidInput(
            reason=f"the flavor asks for SGX EPC, which a guest of architecture {guest.os_arch} cannot have"
        )
    if request.size_mib > host.size_mib:
        raise exception.ComputeResourcesUnavailable(
            reason=f"the flavor asks for {request.size_mib} MiB of SGX EPC, and the host has {host.size_mib} MiB"
        )
    _add_features(guest.cpu, request, host)
    _add_memory(guest, request.size_mib)


def _add_features(cpu: config.LibvirtConfigGuestCPU, request: EpcRequest, host: SgxCapabilities) -> None:
    names = [*_ALWAYS, *(["sgxlc"] if host.launch_control else []), *request.features]
    if "sgx2" in request.features and not host.sgx2:
        raise exception.ComputeResourcesUnavailable(reason="the flavor asks for sgx2, which the host's CPU lacks")
    policies = {feature.name: getattr(feature, "policy", "require") for feature in cpu.features}
    for name in names:
        if policies.get(name) == "disable":
            raise exception.ComputeResourcesUnavailable(
                reason=f"the flavor asks for SGX EPC, and the host's [libvirt]cpu_model_extra_flags forbids {name}"
            )
        if name not in policies:
            cpu.add_feature(config.LibvirtConfigGuestCPUFeature(name))


def _add_memory(guest: config.LibvirtConfigGuest, size_mib: int) -> None:
    if guest.cpu.numa is None:
        cell = config.LibvirtConfigGuestCPUNUMACell()
        cell.id = 0
        cell.cpus = set(range(guest.vcpus))
        cell.memory = guest.memory
        guest.cpu.numa = config.LibvirtConfigGuestCPUNUMA()
        guest.cpu.numa.cells.append(cell)
    cells = [cell.id for cell in guest.cpu.numa.cells]
    if guest.max_memory_size is None:
        guest.max_memory_size = guest.memory
    guest.max_memory_size += size_mib * _KIB_IN_MIB
    steps, left = divmod(size_mib // STEP_MIB, len(cells))
    for number, cell_id in enumerate(cells):
        if share_mib := (steps + (number < left)) * STEP_MIB:
            guest.add_device(LibvirtConfigGuestSGXEPC(share_mib, cell_id))
            guest.max_memory_slots += 1  # QEMU refuses a maximum above the memory with no slot
