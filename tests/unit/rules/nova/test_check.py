"""Nova's start check, its report of traits, its check before a live migration."""

from __future__ import annotations

import pytest

from snapshots import cpu_map
from vcpuid.guest.libvirt import parse_cpu, parse_xml
from vcpuid.guest.nova import NovaConfig, Settings, parse_ini, read_config
from vcpuid.rules.libvirt.map_reader import load_map
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.nova.check import Result, check_migration, check_start, report_traits
from vcpuid.rules.nova.guest import configured_cpu
from vcpuid.rules.nova.host import NovaHost
from vcpuid.rules.nova.refusal import NovaRefusalError
from vcpuid.terms.guest import GuestCpu
from vcpuid.terms.place import Place

MODELS = Models(load_map(cpu_map()["files"], "map"))
CUSTOM = "cpu_mode = custom\ncpu_models = "


def cpu_of(content: str) -> GuestCpu:
    return parse_cpu(parse_xml(f"<cpu>{content}</cpu>", "host"), "host")


def host_of(offered: str = "<model>qemu64</model>", own: str | None = None) -> NovaHost:
    return NovaHost(MODELS, cpu_of(f"<arch>x86_64</arch>{own or offered}"), cpu_of(offered))


def config_of(lines: str) -> NovaConfig:
    return read_config(Settings(parse_ini(f"[libvirt]\n{lines}\n", "nova.conf").entries), Place("nova.conf"))


AVX2 = "<feature policy='require' name='avx2'/>"
VMX = "<feature policy='require' name='vmx'/>"


@pytest.mark.parametrize(
    ("lines", "result", "missing"),
    [
        (f"{CUSTOM}qemu64", Result.PASSED, ()),
        (f"{CUSTOM}QEMU64\ncpu_model_extra_flags = avx2, -vmx", Result.PASSED, ()),
        (f"{CUSTOM}qemu64, Skylake", Result.REFUSED, ("movbe",)),
        (f"{CUSTOM}Skylake\ncpu_model_extra_flags = -movbe", Result.PASSED, ()),
        (f"{CUSTOM}qemu64\ncpu_model_extra_flags = vmx, sgx", Result.REFUSED, ("vmx", "sgx")),
        (f"{CUSTOM}qemu64\ncpu_model_extra_flags = nosuch", Result.REFUSED, ()),
        (f"{CUSTOM}qemu64\ncpu_model_extra_flags = -nosuch", Result.REFUSED, ()),
        (f"{CUSTOM}qemu64\ncpu_model_extra_flags = avx2, , vmx", Result.REFUSED, ()),
        (f"{CUSTOM}Nosuch", Result.REFUSED, ()),
        (f"{CUSTOM}Skylake\nvirt_type = qemu", Result.PASSED, ()),
        (f"{CUSTOM}qemu64\ncpu_model_extra_flags = +vmx, -vmx", Result.RANDOM, ()),
        (f"{CUSTOM}qemu64\ncpu_model_extra_flags = +avx2, -avx2", Result.PASSED, ()),
        ("cpu_mode = custom", Result.REFUSED, ()),
        ("cpu_models = qemu64", Result.REFUSED, ()),
        ("cpu_mode = host-model\ncpu_model_extra_flags = nosuch", Result.SKIPPED, ()),
        (f"{CUSTOM}Skylake\n[workarounds]\nskip_cpu_compare_at_startup = true", Result.SKIPPED, ()),
    ],
)
def test_the_start_check(lines: str, result: Result, missing: tuple[str, ...]) -> None:
    check = check_start(config_of(lines), host_of(f"<model>qemu64</model>{AVX2}"))
    assert (check.result, check.missing) == (result, missing)
    assert bool(check.words) == (result is Result.REFUSED)


def test_a_host_that_nobody_asked_is_not_guessed() -> None:
    assert check_start(config_of(f"{CUSTOM}qemu64"), NovaHost(MODELS)).result is Result.UNKNOWN


@pytest.mark.parametrize(
    ("lines", "traits"),
    [
        ("cpu_mode = host-model", {"AVX2"}),
        ("cpu_mode = host-passthrough\ncpu_model_extra_flags = vmx", {"AVX2", "VMX", "INTEL_VMX"}),
        ("cpu_mode = host-model\ncpu_model_extra_flags = -avx2, -vmx", {"AVX2", "VMX", "INTEL_VMX"}),
        ("cpu_mode = none", set()),
        (f"{CUSTOM}qemu64", set()),
        (f"{CUSTOM}qemu64, Skylake", {"AVX2"}),
        (f"{CUSTOM}Skylake-noavx2\ncpu_model_extra_flags = vmx", {"VMX", "INTEL_VMX"}),
        ("virt_type = lxc", set()),
        ("cpu_model_extra_flags = sgx", {"AVX2"}),
    ],
)
def test_the_traits_that_are_reported(lines: str, traits: set[str]) -> None:
    reported = report_traits(config_of(lines), host_of(f"<model>qemu64</model>{AVX2}"))
    assert set(reported or ()) == {f"HW_CPU_X86_{trait}" for trait in traits}


def test_traits_need_the_hosts_own_cpu() -> None:
    for lines in ("cpu_mode = host-model", f"{CUSTOM}qemu64"):
        assert report_traits(config_of(lines), NovaHost(MODELS)) is None


def test_traits_of_a_model_that_is_unknown_fail() -> None:
    with pytest.raises(NovaRefusalError, match="Nosuch"):
        report_traits(config_of(f"{CUSTOM}Nosuch"), host_of())


def test_a_host_whose_cpu_libvirt_refuses_tells_so_at_the_start() -> None:
    refused = host_of(own="<model>Nosuch</model>")
    with pytest.raises(NovaRefusalError, match=r"Nova refuses it at start: libvirtError: .*'Nosuch'"):
        report_traits(config_of("cpu_mode = host-passthrough"), refused)


def test_a_guest_with_a_model_migrates_by_that() -> None:
    config = config_of(f"{CUSTOM}Skylake\ncpu_model_extra_flags = -movbe")
    source = host_of("<model>Skylake</model>", f"<model>Skylake</model>{VMX}")
    guest = configured_cpu(config, source)
    destination = host_of(f"<model>qemu64</model>{AVX2}")
    assert check_migration(config, guest, source, destination).result is Result.PASSED
    assert check_migration(config, guest, source, host_of()).missing == ("avx2",)


def test_another_guest_migrates_by_all_that_its_host_has() -> None:
    config = config_of("cpu_mode = host-model")
    source = host_of("<model>qemu64</model>", f"<model>qemu64</model>{VMX}")
    check = check_migration(config, configured_cpu(config, source), source, source)
    assert (check.result, check.missing) == (Result.REFUSED, ("vmx",))


@pytest.mark.parametrize(
    ("lines", "result"),
    [
        ("virt_type = qemu", Result.PASSED),
        ("[workarounds]\nskip_cpu_compare_on_dest = yes", Result.SKIPPED),
        ("[workarounds]\nskip_cpu_compare_on_dest = perhaps", Result.UNKNOWN),
    ],
)
def test_what_keeps_nova_from_comparing(lines: str, result: Result) -> None:
    source = host_of("<model>qemu64</model>", f"<model>qemu64</model>{VMX}")
    assert check_migration(config_of(lines), None, source, source).result is result


def test_a_source_that_nobody_asked_is_not_guessed() -> None:
    check = check_migration(config_of("cpu_mode = host-model"), None, NovaHost(MODELS), host_of())
    assert check.result is Result.UNKNOWN
