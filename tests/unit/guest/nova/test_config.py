"""nova.conf's [libvirt] section, by the facts that were read in Nova's source and seen by running it."""

from __future__ import annotations

import pytest

from vcpuid.guest.nova import NovaCpu, NovaEntry, parse_nova
from vcpuid.terms.guest import Accelerator, CpuMode
from vcpuid.terms.place import Place

CONF = "/etc/nova/nova.conf"


def parse(*entries: tuple[str, str], section: str = "libvirt") -> NovaCpu:
    return parse_nova(
        [NovaEntry(section, key, value, Place(CONF, line)) for line, (key, value) in enumerate(entries, 10)],
        Place(CONF),
    )


def models(nova: NovaCpu) -> list[str]:
    assert nova.config is not None
    return [item.text for item in nova.config.models]


def flags(value: str) -> list[tuple[str, bool]]:
    cpu = parse(("cpu_mode", "host-model"), ("cpu_model_extra_flags", value)).cpu
    return [(request.name, request.policy.asks) for request in cpu.requests]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("pcid", [("pcid", True)]),
        ("+PCID", [("pcid", True)]),
        ("-PCID", [("pcid", False)]),
        ("--pcid", [("pcid", False)]),
        ("+-aes", [("-aes", True)]),
        ("sgx-lc", [("sgx-lc", True)]),
        ("sgx, sgx1 ,\n-avx2,,", [("avx2", False), ("sgx", True), ("sgx1", True)]),
        ("sgx\nsgx1", [("sgx\nsgx1", True)]),  # commas alone separate
        ("sgx,,", [("sgx", True)]),
        (",sgx", [("", True), ("sgx", True)]),
        ("", []),
        (" , ", []),
        ("'sgx,-aes'", [("aes", False), ("sgx", True)]),
        ("'sgx','-aes'", [("'-aes", True), ("sgx'", True)]),
    ],
)
def test_extra_flags_are_read_as_nova_reads_them(value: str, read: list[tuple[str, bool]]) -> None:
    assert flags(value) == read


@pytest.mark.parametrize(
    ("entries", "mode"),
    [
        ([], CpuMode.HOST_MODEL),
        ([("virt_type", "kvm")], CpuMode.HOST_MODEL),
        ([("virt_type", "qemu")], CpuMode.HOST_MODEL),
        ([("virt_type", "parallels")], CpuMode.DEFAULT),
        ([("cpu_mode", "none")], CpuMode.DEFAULT),
        ([("cpu_mode", "host-passthrough")], CpuMode.HOST_PASSTHROUGH),
        ([("cpu_mode", "'host-passthrough'")], CpuMode.HOST_PASSTHROUGH),
        ([("cpu_mode", "custom"), ("cpu_models", "Nehalem")], CpuMode.CUSTOM),
        # Of two settings of a key the last counts.
        ([("cpu_mode", "custom"), ("cpu_mode", "host-model")], CpuMode.HOST_MODEL),
    ],
)
def test_the_mode(entries: list[tuple[str, str]], mode: CpuMode) -> None:
    assert parse(*entries).cpu.mode is mode


def test_the_first_model_is_asked_for() -> None:
    nova = parse(("cpu_mode", "custom"), ("cpu_models", "Skylake-Client, Nehalem"))
    assert models(nova) == ["Skylake-Client", "Nehalem"]
    assert nova.cpu.model == "Skylake-Client"


def test_the_old_name_of_cpu_models_still_works() -> None:
    assert parse(("cpu_mode", "custom"), ("cpu_model", "Nehalem")).cpu.model == "Nehalem"
    both = parse(("cpu_mode", "custom"), ("cpu_models", "Haswell"), ("cpu_model", "Nehalem"))
    assert both.cpu.model == "Haswell"


def test_models_count_in_custom_mode_only() -> None:
    assert parse(("cpu_mode", "host-model"), ("cpu_models", "Nehalem")).cpu.model is None


def test_mode_none_drops_every_flag() -> None:
    nova = parse(("cpu_mode", "none"), ("cpu_model_extra_flags", "sgx,-avx2"))
    assert nova.cpu.requests == ()
    assert [request.name for request in nova.dropped] == ["avx2", "sgx"]


def test_opposite_flags_are_random() -> None:
    nova = parse(("cpu_model_extra_flags", "+vmx, aes, -VMX, +aes"))
    assert nova.config is not None
    assert nova.config.random == ("vmx",)


@pytest.mark.parametrize(
    ("entries", "refusal"),
    [
        ([("cpu_mode", "")], "found ''"),
        ([("cpu_mode", "maximum")], "Valid values are [host-model, host-passthrough, custom, none]"),
        ([("virt_type", "xen")], "Valid values are [kvm, lxc, qemu, parallels]"),
        ([("cpu_mode", "$nothing")], "no such option nothing in group [DEFAULT]"),
        ([("cpu_mode", "$cpu_mode")], "leads back to itself"),
        ([("cpu_mode", "custom")], "The cpu_models option is required when cpu_mode=custom"),
        ([("cpu_models", "Nehalem")], "The cpu_models option is not required when cpu_mode!=custom"),
        ([("cpu_mode", "host-model"), ("virt_type", "lxc")], "does not support selecting CPU models"),
    ],
)
def test_what_nova_refuses(entries: list[tuple[str, str]], refusal: str) -> None:
    assert refusal in (parse(*entries).refusal or "")


@pytest.mark.parametrize("value", ["$images_type", "$nowhere.mode", "$my_ip"])
def test_what_the_collector_does_not_keep_is_not_guessed(value: str) -> None:
    nova = parse(("cpu_mode", value))
    assert nova.refusal is None
    assert "not known here" in (nova.unseen or "")


def test_an_item_on_a_line_of_its_own_stands_there() -> None:
    nova = parse(("cpu_model_extra_flags", "sgx,\navx2,aes,\n\nvmx"))
    lines = {request.name: request.place.line for request in nova.cpu.requests}
    assert lines == {"sgx": 10, "avx2": 11, "aes": 11, "vmx": 13}


def test_later_files_win_and_within_one_the_present_name() -> None:
    first = [NovaEntry("libvirt", "cpu_models", "Haswell", Place("a", 1))]
    second = [NovaEntry("LibVirt", "cpu_model", "Nehalem", Place("b", 1))]
    mode = NovaEntry("libvirt", "cpu_mode", "custom", Place("a", 2))
    assert models(parse_nova([*first, mode, *second], Place("a"))) == ["Nehalem"]
    same = [NovaEntry("libvirt", "cpu_model", "Nehalem", Place("a", 3))]
    assert models(parse_nova([*first, mode, *same], Place("a"))) == ["Haswell"]


def test_a_flag_stands_at_its_line() -> None:
    nova = parse(("virt_type", "kvm"), ("cpu_model_extra_flags", "sgx"))
    assert str(nova.cpu.requests[0].place) == f"{CONF}:11"


@pytest.mark.parametrize(
    ("virt_type", "accelerator"), [("kvm", Accelerator.KVM), ("qemu", Accelerator.TCG), ("lxc", None)]
)
def test_the_accelerator_is_virt_type(virt_type: str, accelerator: Accelerator | None) -> None:
    assert parse(("virt_type", virt_type)).accelerator is accelerator


def test_kvm_is_the_default() -> None:
    assert parse().accelerator is Accelerator.KVM


def test_other_sections_say_nothing_of_cpus() -> None:
    nova = parse(("cpu_mode", "none"), ("cpu_model_extra_flags", "sgx"), section="DEFAULT")
    assert nova.config is not None
    assert nova.config.mode is None
    assert nova.cpu.requests == ()
