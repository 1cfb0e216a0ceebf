"""The <cpu> that Nova gives libvirt, from nova.conf, flavor and image."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from snapshots import cpu_map
from vcpuid.guest.nova import NovaConfig, Settings, parse_ini, read_config
from vcpuid.guest.nova.flavor import Flavor, Image
from vcpuid.rules.libvirt.map_reader import load_map
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.nova.guest import guest_cpu
from vcpuid.rules.nova.host import NovaHost
from vcpuid.rules.nova.refusal import NovaRefusalError, When
from vcpuid.terms.guest import AddressBits, CpuMode, GuestCpu, NumaCell, Topology
from vcpuid.terms.place import Place

MIB = 1 << 20
HOST = NovaHost(Models(load_map(cpu_map()["files"], "map")))
CUSTOM = "cpu_mode = custom\ncpu_models = QEMU64, skylake"


def config_of(lines: str) -> NovaConfig:
    return read_config(Settings(parse_ini(f"[libvirt]\n{lines}\n", "nova.conf").entries), Place("nova.conf"))


def ask(
    lines: str = "",
    specs: Mapping[str, str] | None = None,
    image: Mapping[str, str] | None = None,
    *,
    vcpus: int = 4,
    memory_mib: int = 1024,
) -> GuestCpu | None:
    flavor = Flavor("m1", vcpus, memory_mib, specs or {}, "m1.json")
    return guest_cpu(config_of(lines), HOST, flavor, Image("debian", image, "debian.json") if image else None)


def must(cpu: GuestCpu | None) -> GuestCpu:
    assert cpu is not None
    return cpu


def refusal(
    lines: str = "", specs: Mapping[str, str] | None = None, image: Mapping[str, str] | None = None
) -> NovaRefusalError:
    with pytest.raises(NovaRefusalError) as caught:
        ask(lines, specs, image)
    return caught.value


def test_the_first_model_in_libvirts_spelling() -> None:
    cpu = must(ask(CUSTOM))
    assert (cpu.mode, cpu.model) == (CpuMode.CUSTOM, "qemu64")
    assert cpu.topology == Topology(sockets=4, cores=1, threads=1)


@pytest.mark.parametrize(
    ("specs", "model"),
    [
        ({"trait:HW_CPU_X86_AVX2": "required"}, "Skylake"),
        ({"trait1:HW_CPU_X86_AVX2": "required"}, "Skylake"),
        ({"trait_a:HW_CPU_X86_AVX2": "required"}, "Skylake"),
        ({"trait:HW_CPU_X86_AVX2": "forbidden"}, "qemu64"),
        ({"trait:HW_CPU_X86_AVX2": "Required"}, "qemu64"),
        ({"trait:HW_CPU_X86_SGX": "required"}, "qemu64"),  # no flag stands for it
        ({"trait:CUSTOM_FAST": "required"}, "qemu64"),
    ],
)
def test_traits_choose_the_model(specs: Mapping[str, str], model: str) -> None:
    assert must(ask(CUSTOM, specs)).model == model


def test_an_images_traits_choose_none() -> None:
    assert must(ask(CUSTOM, image={"trait:HW_CPU_X86_AVX2": "required"})).model == "qemu64"


def test_extra_flags_do_not_satisfy_a_trait() -> None:
    refused = refusal(f"{CUSTOM}\ncpu_model_extra_flags = vmx", {"trait:HW_CPU_X86_VMX": "required"})
    assert (refused.kind, refused.when) == ("InvalidCPUInfo", When.SPAWN)
    assert "No CPU model match traits" in refused.words
    assert refused.missing == ("vmx",)


def test_mode_none_is_a_bare_cpu_with_a_topology() -> None:
    cpu = must(ask("cpu_mode = none\ncpu_model_extra_flags = aes"))
    assert (cpu.mode, cpu.model, cpu.requests) == (CpuMode.DEFAULT, None, ())
    assert cpu.topology is not None


def test_other_hypervisors_have_none() -> None:
    assert ask("virt_type = lxc") is None


@pytest.mark.parametrize(
    ("image", "mode", "model"),
    [
        ({"hw_architecture": "x86_64"}, CpuMode.HOST_MODEL, None),
        ({"architecture": "amd64"}, CpuMode.HOST_MODEL, None),
        ({"hw_architecture": "i386"}, CpuMode.DEFAULT, None),
        ({"hw_architecture": "aarch64"}, CpuMode.CUSTOM, "cortex-a57"),
        ({"hw_architecture": "x86_64", "hw_emulation_architecture": "ppc64le"}, CpuMode.CUSTOM, "POWER8"),
    ],
)
def test_another_architecture(image: Mapping[str, str], mode: CpuMode, model: str | None) -> None:
    cpu = must(ask("cpu_model_extra_flags = aes", image=image))
    assert (cpu.mode, cpu.model) == (mode, model)


def test_a_mipsel_guest_has_no_cpu() -> None:
    assert ask(image={"hw_architecture": "mipsel"}) is None


@pytest.mark.parametrize(
    ("specs", "image", "topology"),
    [
        ({}, {}, (8, 1, 1)),
        ({"hw:cpu_sockets": "2"}, {}, (2, 4, 1)),
        ({"hw:cpu_cores": "4", "hw:cpu_threads": "2"}, {}, (1, 4, 2)),
        ({"hw:cpu_sockets": "3"}, {}, (8, 1, 1)),
        ({"hw:cpu_max_sockets": "2"}, {}, (2, 4, 1)),
        ({"hw:cpu_max_sockets": "1", "hw:cpu_max_cores": "4"}, {}, (1, 4, 2)),
        ({"hw:cpu_sockets": "4"}, {"hw_cpu_cores": "8"}, (1, 8, 1)),
        ({"hw:cpu_sockets": "4"}, {"hw_cpu_max_sockets": "2"}, (2, 4, 1)),
    ],
)
def test_topology(specs: Mapping[str, str], image: Mapping[str, str], topology: tuple[int, int, int]) -> None:
    assert must(ask(specs=specs, image=image, vcpus=8)).topology == Topology(*topology)


@pytest.mark.parametrize(
    ("specs", "cells"),
    [
        ({"hw:numa_nodes": "2"}, [("0-1", 512), ("2-3", 512)]),
        ({"hw:mem_page_size": "large"}, [("0-3", 1024)]),
        ({"hw:mem_page_size": "0"}, []),
        ({"hw:cpu_policy": "dedicated"}, [("0-3", 1024)]),
        ({"hw:cpu_policy": "shared"}, []),
        ({"resources:PCPU": "4"}, [("0-3", 1024)]),
        (
            {"hw:numa_nodes": "2", "hw:numa_cpus.0": "0,2-3", "hw:numa_mem.0": "24"}
            | {"hw:numa_cpus.1": "1", "hw:numa_mem.1": "1000"},
            [("0,2-3", 24), ("1", 1000)],
        ),
    ],
)
def test_numa_nodes(specs: Mapping[str, str], cells: list[tuple[str, int]]) -> None:
    expected = tuple(NumaCell(number, cpus, mib * MIB) for number, (cpus, mib) in enumerate(cells))
    assert must(ask(specs=specs)).cells == expected


def test_address_bits() -> None:
    specs = {"hw:maxphysaddr_mode": "emulate", "hw:maxphysaddr_bits": "42"}
    assert must(ask(specs=specs)).address_bits == AddressBits("emulate", 42)
    assert must(ask(image={"hw_maxphysaddr_mode": "passthrough"})).address_bits == AddressBits("passthrough")
    assert must(ask(specs={"hw:maxphysaddr_bits": "42"})).address_bits is None


@pytest.mark.parametrize(
    ("specs", "image", "kind"),
    [
        ({"hw:cpu_max_cores": "x"}, {}, "InvalidRequest"),
        ({"hw:cpu_max_sockets": "1", "hw:cpu_max_cores": "1", "hw:cpu_max_threads": "1"}, {},
         "ImageVCPULimitsRangeImpossible"),
        ({"hw:cpu_max_cores": "2"}, {"hw_cpu_max_cores": "4"}, "ImageVCPULimitsRangeExceeded"),
        ({"hw:cpu_max_cores": "2"}, {"hw_cpu_cores": "4"}, "ImageVCPUTopologyRangeExceeded"),
        ({"hw:numa_nodes": "3"}, {}, "ImageNUMATopologyAsymmetric"),
        ({"hw:numa_nodes": "0"}, {}, "InvalidNUMANodesNumber"),
        ({"hw:numa_nodes": "1"}, {"hw_numa_nodes": "1"}, "ImageNUMATopologyForbidden"),
        ({"hw:numa_nodes": "1", "hw:numa_cpus.0": "0-3"}, {}, "ImageNUMATopologyIncomplete"),
        ({"hw:numa_nodes": "1", "hw:numa_cpus.0": "0-9", "hw:numa_mem.0": "1024"}, {},
         "ImageNUMATopologyCPUOutOfRange"),
        ({"hw:numa_nodes": "1", "hw:numa_cpus.0": "0-2", "hw:numa_mem.0": "1024"}, {},
         "ImageNUMATopologyCPUsUnassigned"),
        ({"hw:numa_nodes": "1", "hw:numa_cpus.0": "0-3", "hw:numa_mem.0": "1"}, {},
         "ImageNUMATopologyMemoryOutOfRange"),
        ({"hw:numa_nodes": "1", "hw:numa_cpus.0": "3-0", "hw:numa_mem.0": "1"}, {}, "Invalid"),
        ({}, {"hw_mem_page_size": "large"}, "MemoryPageSizeForbidden"),
        ({"hw:mem_page_size": "2M"}, {}, "MemoryPageSizeInvalid"),
        ({"hw:cpu_policy": "pinned"}, {}, "InvalidCPUAllocationPolicy"),
        ({"hw:cpu_policy": "shared"}, {"hw_cpu_policy": "dedicated"}, "ImageCPUPinningForbidden"),
        ({"hw:cpu_policy": "mixed"}, {}, "RequiredMixedOrRealtimeCPUMask"),
        ({"hw:cpu_thread_policy": "prefer"}, {}, "CPUThreadPolicyConfigurationInvalid"),
        ({"hw:maxphysaddr_mode": "wide"}, {}, "Invalid"),
        ({"hw:maxphysaddr_mode": "emulate"}, {"hw_maxphysaddr_mode": "passthrough"}, "FlavorImageConflict"),
        ({"hw:numa_nodes": "1", "hw:numa_cpus.0": "0-3"}, {"hw_numa_cpus.0": "0-3"}, "ImageNUMATopologyForbidden"),
        ({"hw:numa_nodes": "1", "hw:numa_mem.0": "much"}, {}, "ValueError"),
        ({"hw:numa_nodes": "1", "hw:numa_cpus.0": "all", "hw:numa_mem.0": "1024"}, {}, "Invalid"),
        ({"hw:numa_nodes": "2", "hw:numa_cpus.0": "0-3", "hw:numa_cpus.1": "3", "hw:numa_mem.0": "512",
          "hw:numa_mem.1": "512"}, {}, "ImageNUMATopologyCPUDuplicates"),
        ({"hw:mem_page_size": "2048"}, {"hw_mem_page_size": "large"}, "MemoryPageSizeForbidden"),
        ({"hw:cpu_policy": "dedicated", "hw:cpu_thread_policy": "isolate",
          "trait:HW_CPU_HYPERTHREADING": "forbidden"}, {}, "InvalidRequest"),
        ({"hw:cpu_dedicated_mask": "0-1"}, {}, "RequiredMixedInstancePolicy"),
        ({"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "0-3"}, {}, "InvalidMixedInstanceDedicatedMask"),
        ({"hw:cpu_policy": "dedicated", "resources:PCPU": "4"}, {}, "InvalidRequest"),
        ({"resources:VCPU": "2", "resources:PCPU": "2"}, {}, "InvalidRequest"),
        ({"resources:PCPU": "2"}, {}, "InvalidRequest"),
        ({"hw:cpu_policy": "dedicated", "hw:cpu_thread_policy": "never"}, {}, "InvalidCPUThreadAllocationPolicy"),
        ({"hw:cpu_policy": "dedicated", "hw:cpu_thread_policy": "isolate"}, {"hw_cpu_thread_policy": "require"},
         "ImageCPUThreadPolicyForbidden"),
        ({}, {"hw_cpu_policy": "sometimes"}, "ValueError"),
        ({}, {"hw_cpu_cores": "y"}, "ValueError"),
        ({}, {"hw_architecture": "vax"}, "ValueError"),
    ],
)  # fmt: skip
def test_what_nova_refuses_to_schedule(specs: Mapping[str, str], image: Mapping[str, str], kind: str) -> None:
    refused = refusal(specs=specs, image=image)
    assert refused.kind == kind
    assert refused.when is When.SCHEDULE
    assert refused.source in ("m1.json", "debian.json")


def test_address_bits_that_are_no_number_are_refused_when_the_guest_is_started() -> None:
    refused = refusal(specs={"hw:maxphysaddr_mode": "emulate", "hw:maxphysaddr_bits": "wide"})
    assert (refused.kind, refused.when) == ("ValueError", When.SPAWN)


def test_an_unknown_model_is_refused_at_its_line() -> None:
    refused = refusal("cpu_mode = custom\ncpu_models = qemu64,\n  Nosuch")
    assert (refused.kind, refused.line) == ("InvalidCPUInfo", 4)
