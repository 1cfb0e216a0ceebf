"""What Nova's rules make of a configuration on a host, and the notes of `why` about it."""

from __future__ import annotations

import pytest

from snapshots import cpu_map, domain_xml, domains, evidence, libvirt
from vcpuid.answers.nova import ask_nova, nova_host
from vcpuid.answers.why import why
from vcpuid.evidence.guest import Guest
from vcpuid.guest.nova import NovaCpu, parse_ini, parse_nova_files
from vcpuid.guest.nova.flavor import Flavor
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.terms.guest import CpuMode
from vcpuid.terms.verdict import Basis, Layer

OFFERED = "<model>qemu64</model><feature policy='require' name='avx2'/>"
HOST = evidence(
    libvirt=libvirt(OFFERED, map_=cpu_map(), capabilities_cpu=f"<cpu><arch>x86_64</arch>{OFFERED}</cpu>")
)
CUSTOM = "cpu_mode = custom\ncpu_models = "


def read(lines: str) -> NovaCpu:
    return parse_nova_files([parse_ini(f"[libvirt]\n{lines}\n", "nova.conf")])


def notes(feature: str, lines: str) -> tuple[str, ...]:
    return why(feature, HOST, Guest("nova.conf", nova=read(lines))).notes


@pytest.mark.parametrize(
    ("feature", "lines", "told"),
    [
        ("avx2", f"{CUSTOM}Skylake", "nova-compute does not start on this host: the host lacks features that are"),
        ("avx2", f"{CUSTOM}Skylake", "required: movbe (nova.conf:3)"),
        ("avx2", f"{CUSTOM}qemu64\ncpu_model_extra_flags = nosuch", "unknown CPU feature: 'nosuch' (nova.conf:4)"),
        ("avx2", "cpu_mode = host-model", "this host tells placement that it has HW_CPU_X86_AVX2"),
        ("vmx", "cpu_model_extra_flags = -vmx", "this host tells placement that it has HW_CPU_X86_VMX"),
        ("vmx", "cpu_mode = host-model", "this host does not tell placement that it has HW_CPU_X86_VMX"),
    ],
)
def test_notes(feature: str, lines: str, told: str) -> None:
    assert any(told in note for note in notes(feature, lines))


@pytest.mark.parametrize("lines", ["cpu_mode = custom", "cpu_mode = odd"])
def test_what_ends_nova_anywhere_has_no_note_on_this_host(lines: str) -> None:
    assert notes("avx2", lines) == ()


def test_sgx_has_no_trait_of_novas() -> None:
    assert notes("sgx", "cpu_mode = host-model") == ()


def test_a_domains_nova_has_no_notes() -> None:
    host = evidence(
        libvirt=libvirt(OFFERED, map_=cpu_map()), domains=domains(inactive=domain_xml("<cpu mode='host-model'/>"))
    )
    assert why("avx2", host, "web-1").notes == ()


def test_a_host_without_libvirt_is_judged_by_the_shipped_map() -> None:
    flavor = Flavor("m1", 2, 512, {"trait:HW_CPU_X86_AVX2": "required"})
    nova = ask_nova(read(f"{CUSTOM}nehalem, haswell"), nova_host(evidence().libvirt, shipped_map()), flavor)
    assert (nova.cpu.model, nova.flavor) == ("Haswell", "m1")


def test_a_refusal_of_the_files_stands_before_a_flavors() -> None:
    read_badly = read("cpu_mode = odd")
    assert ask_nova(read_badly, nova_host(HOST.libvirt, shipped_map()), Flavor("m1", 0, 0, {})) is read_badly


def test_a_guest_without_a_cpu_element() -> None:
    nova = ask_nova(read("virt_type = lxc"), nova_host(HOST.libvirt, shipped_map()), Flavor("m1", 1, 512, {}))
    assert nova.cpu.mode is CpuMode.DEFAULT


def test_a_verdict_by_a_flavor_is_predicted() -> None:
    nova = ask_nova(read(f"{CUSTOM}qemu64"), nova_host(HOST.libvirt, shipped_map()), Flavor("m1", 1, 512, {}))
    verdict = why("avx2", HOST, Guest("nova.conf", nova=nova)).verdicts[Layer.NOVA]
    assert verdict.basis is Basis.PREDICTED
    assert (verdict.rules_version or "").startswith("Nova 34")
