"""EPC in a guest's configuration: shares, features, and what a guest or a host cannot have."""

from __future__ import annotations

import pytest
from nova import exception
from nova.virt.libvirt import config
from nova.virt.sgx.guest import add_epc

from nova_sgx.capabilities import SgxCapabilities
from nova_sgx.request import EpcRequest

HOST = SgxCapabilities("", launch_control=True, sgx2=True, sections_kib=(98304,))


def guest(cells: int = 0, arch: str = "x86_64", **features: str) -> config.LibvirtConfigGuest:
    made = config.LibvirtConfigGuest()
    made.os_arch = arch
    made.vcpus = 4
    made.memory = 1024 * 1024
    made.cpu = config.LibvirtConfigGuestCPU()
    for name, policy in features.items():
        made.cpu.add_feature(config.LibvirtConfigGuestCPUFeature(name, policy))
    if cells:
        made.cpu.numa = config.LibvirtConfigGuestCPUNUMA()
    for number in range(cells):
        cell = config.LibvirtConfigGuestCPUNUMACell()
        cell.id, cell.cpus, cell.memory = number, {number}, made.memory // cells
        made.cpu.numa.cells.append(cell)
    return made


@pytest.mark.parametrize(
    ("cells", "size_mib", "shares"),
    [
        (0, 2, [(0, 2)]),
        (1, 64, [(0, 64)]),
        (2, 64, [(0, 32), (1, 32)]),
        (3, 64, [(0, 22), (1, 22), (2, 20)]),
        (4, 6, [(0, 2), (1, 2), (2, 2)]),
    ],
)
def test_shares_are_of_libvirts_steps_and_make_up_the_whole(
    cells: int, size_mib: int, shares: list[tuple[int, int]]
) -> None:
    made = guest(cells)
    add_epc(made, EpcRequest(size_mib), HOST)
    assert [(device.cell, device.size_mib) for device in made.devices] == shares
    assert made.max_memory_size == made.memory + size_mib * 1024
    assert made.max_memory_slots == len(shares)
    assert len(made.cpu.numa.cells) == max(cells, 1)


def test_memory_of_other_devices_keeps_its_room() -> None:
    made = guest(1)
    made.max_memory_size, made.max_memory_slots = made.memory + 4096, 1  # as vPMEM leaves them
    add_epc(made, EpcRequest(2), HOST)
    assert (made.max_memory_size, made.max_memory_slots) == (made.memory + 4096 + 2048, 2)


def test_features_that_are_there_are_not_written_twice() -> None:
    made = guest(sgx="require", vmx="require")
    add_epc(made, EpcRequest(2, ("sgx-kss",)), HOST._replace(launch_control=False))
    names = sorted(feature.name for feature in made.cpu.features)
    assert names == ["sgx", "sgx-kss", "sgx-mode64", "sgx1", "vmx"]


@pytest.mark.parametrize("arch", ["i686", "aarch64", "ppc64le"])
def test_another_architecture_is_refused_everywhere(arch: str) -> None:
    with pytest.raises(exception.InvalidInput, match=f"a guest of architecture {arch} cannot have"):
        add_epc(guest(arch=arch), EpcRequest(2), HOST)


@pytest.mark.parametrize(
    ("made", "request_", "host", "words"),
    [
        (guest(), EpcRequest(98), HOST, "asks for 98 MiB of SGX EPC, and the host has 96 MiB"),
        (
            guest(),
            EpcRequest(2, ("sgx2",)),
            HOST._replace(sgx2=False),
            "asks for sgx2, which the host's CPU lacks",
        ),
        (guest(sgx1="disable"), EpcRequest(2), HOST, "the host's [libvirt]cpu_model_extra_flags forbids sgx1"),
    ],
)
def test_what_this_host_cannot_do_may_be_tried_elsewhere(
    made: config.LibvirtConfigGuest, request_: EpcRequest, host: SgxCapabilities, words: str
) -> None:
    with pytest.raises(exception.ComputeResourcesUnavailable) as raised:
        add_epc(made, request_, host)
    assert words in str(raised.value)
    assert made.devices == []
