"""Proxmox VE's cpu: line and cpu-models.conf."""

from __future__ import annotations

import pytest

from vcpuid.errors import InputError
from vcpuid.guest.proxmox import VM_FLAGS, is_proxmox, load_models, parse_proxmox, render_proxmox
from vcpuid.terms.guest import AddressBits, CpuMode, FeatureRequest, GuestCpu, Policy, Setting, Topology
from vcpuid.terms.place import Place

MODELS = """cpu-model: avx
    flags +avx;+avx2;-aes
    phys-bits host
    hidden 0
    hv-vendor-id proxmox
    reported-model Nehalem

cpu-model: other
    reported-model host
"""
CONF = """agent: 1
args: -cpu max
cores: 4
cpu: custom-avx,flags=+aes;+pcid,hidden=1
memory: 2048
sockets: 2

[snapshot]
cpu: host
"""


def words(cpu: GuestCpu) -> tuple[str | None, str]:
    flags = (f"{'+' if request.policy.asks else '-'}{request.name}" for request in cpu.requests)
    return cpu.model or cpu.mode.value, " ".join(flags)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("host", ("host-passthrough", "")),
        ("cputype=max", ("maximum", "")),
        ("kvm64,flags=+aes;-pcid", ("kvm64", "+aes -pcid")),
        ("flags=+aes,EPYC", ("EPYC", "+aes")),
        ("x86-64-v2-AES", ("qemu64", "+aes +popcnt +pni +sse4.1 +sse4.2 +ssse3")),
        ("x86-64-v2-AES,flags=-aes", ("qemu64", "-aes +popcnt +pni +sse4.1 +sse4.2 +ssse3")),
        ("Icelake-Client", ("Icelake-Server", "")),
        ("nosuch", ("nosuch", "")),
        ("flags=+aes", ("kvm64", "+aes")),
        ("host,hidden=1", ("host-passthrough", "-kvm")),
    ],
)
def test_a_line(line: str, expected: tuple[str, str]) -> None:
    assert words(parse_proxmox(f"cpu: {line}", "100.conf").cpu) == expected


def test_a_custom_model_with_its_vm() -> None:
    cpu, arguments, place = parse_proxmox(MODELS + CONF, "100.conf")
    assert words(cpu) == ("Nehalem", "+avx +avx2 +aes +pcid -kvm")
    assert cpu.topology == Topology(2, 4, 1)
    assert cpu.address_bits == AddressBits("passthrough")
    assert [(setting.name, setting.value) for setting in cpu.settings] == [("hv-vendor-id", "proxmox")]
    assert (arguments, place) == ("-cpu max", Place("100.conf", 11))


def test_a_section_alone() -> None:
    assert words(parse_proxmox(MODELS.partition("\n\n")[0], "x").cpu) == ("Nehalem", "+avx +avx2 -aes")


def test_numbers() -> None:
    cpu = parse_proxmox("cpu: host,phys-bits=46,guest-phys-bits=40", "x").cpu
    assert cpu.address_bits == AddressBits("emulate", 46)
    assert cpu.settings == (Setting("guest-phys-bits", 40, Place("x", 1)),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("memory: 1", "x: no CPU"),
        (MODELS, "several custom models"),
        ("cpu: custom-no", "x:1: a custom model that is not in the text"),
        ("cpu: host,color=red", "x:1: no option of Proxmox's CPU: found 'color'"),
        ("cpu: host,flags=aes", "x:1: no flag of Proxmox: found 'aes'"),
        ("cpu: host,hidden=maybe", "no boolean"),
        ("cpu: host,phys-bits=many", "no number"),
        ("cpu-model: a\n    colour red\ncpu: custom-a", "x:2: no option"),
        ("#" * (1 << 21), "too large"),
    ],
)
def test_what_is_none(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_proxmox(text, "x")


def test_it_is_recognised() -> None:
    assert is_proxmox(CONF)
    assert is_proxmox(MODELS)
    assert not is_proxmox("cpu:\n  model: x")
    assert not is_proxmox("host,+sgx")


def written(*flags: str, **others: object) -> str:
    place = Place("x")
    requests = tuple(
        FeatureRequest(flag[1:], Policy.REQUIRE if flag[0] == "+" else Policy.DISABLE, place) for flag in flags
    )
    cpu = GuestCpu(CpuMode.CUSTOM, "EPYC", requests, place, **others)  # type: ignore[arg-type]
    return render_proxmox(cpu, "mine")


def test_what_a_vm_may_have_is_one_line() -> None:
    text = written("+aes", "-pcid", "-kvm", address_bits=AddressBits("emulate", 40), topology=Topology(1, 2, 2))
    assert text == "cpu: EPYC,flags=+aes;-pcid,hidden=1,phys-bits=40\ncores: 4\nsockets: 1"


def test_other_flags_make_a_custom_model() -> None:
    text = written("+aes", "+sgx")
    assert text == "cpu-model: mine\n    flags +aes;+sgx\n    reported-model EPYC\n\ncpu: custom-mine"


def test_the_tables() -> None:
    models = load_models()
    assert all(built_in.model in models for built_in in models.values())
    assert "aes" in VM_FLAGS
