"""The value of -cpu, with the rules of precedence that were measured on QEMU 7.2."""

from __future__ import annotations

import subprocess

import pytest

from definitions import cpu_option
from programs import needs
from vcpuid.errors import UsageError
from vcpuid.guest.qemu import check_cpu, find_faults, find_warnings, parse_cpu
from vcpuid.terms.guest import CpuMode, FeatureRequest, GuestCpu, Policy, Setting
from vcpuid.terms.place import Place

HERE = Place("process 4711")


def asked(text: str, *names: str) -> bool | None:
    """Whether a -cpu value asks for a feature; None where it says nothing of it."""
    request = parse_cpu(text, HERE).cpu.request_for(frozenset(names))
    return None if request is None else request.policy.asks


@pytest.mark.parametrize(
    "text",
    [
        "m,avx2",
        "m,avx2=on",
        "m,avx2=yes",
        "m,avx2=true",
        "m,avx2=y",
        "m,+avx2",
        "m,avx2=off,avx2=on",
        "m,+avx2,avx2=off",
    ],
)
def test_forms_that_ask(text: str) -> None:
    assert asked(text, "avx2") is True


@pytest.mark.parametrize(
    "text",
    [
        "m,avx2=off",
        "m,avx2=no",
        "m,avx2=false",
        "m,avx2=n",
        "m,-avx2",
        "m,avx2=on,avx2=off",
        "m,avx2,avx2=off",
        # -f beats +f, and both beat f=on, whatever their order.
        "m,-avx2,+avx2",
        "m,+avx2,-avx2",
        "m,-avx2,avx2=on",
        "m,avx2=on,-avx2",
    ],
)
def test_forms_that_take_away(text: str) -> None:
    assert asked(text, "avx2") is False


@pytest.mark.parametrize("text", ["m", "m,avx=on", "m,+avx512f", "m,avx2=1", "m,AVX2=on", "m,xavx2", "m,,", ""])
def test_forms_that_say_nothing_of_it(text: str) -> None:
    assert asked(text, "avx2") is None


def test_only_the_assigned_form_turns_underscores_into_dashes() -> None:
    assert asked("m,spec_ctrl=on", "spec-ctrl") is True
    assert asked("m,spec_ctrl", "spec-ctrl") is True
    assert asked("m,+spec_ctrl", "spec-ctrl") is None
    assert asked("m,+sse4_1", "sse4_1") is True


def test_a_feature_is_asked_for_by_any_of_its_names() -> None:
    assert asked("m,-sse4.1,sse4_1=on", "sse4.1", "sse4-1", "sse4_1") is False


def test_cpu_has_no_doubled_comma() -> None:
    assert asked("m,model-id=a,,avx2", "avx2") is True


@pytest.mark.parametrize(
    ("text", "mode", "model"),
    [
        ("host,migratable=off", CpuMode.HOST_PASSTHROUGH, None),
        ("max", CpuMode.MAXIMUM, None),
        ("Skylake-Client-v2,+sgx", CpuMode.CUSTOM, "Skylake-Client-v2"),
        ("Host", CpuMode.CUSTOM, "Host"),
    ],
)
def test_where_the_cpu_begins(text: str, mode: CpuMode, model: str | None) -> None:
    argument = parse_cpu(text, HERE)
    assert (argument.cpu.mode, argument.cpu.model) == (mode, model)
    assert argument.text == text


def test_requests_keep_their_place() -> None:
    (request,) = parse_cpu("m,-avx2", HERE).cpu.requests
    assert (request.policy, request.place) == (Policy.DISABLE, HERE)


REFUSED = [
    ("", "no CPU model: found ''"),
    (",avx2", "no CPU model"),
    (" qemu64", "no CPU model"),
    ("qemu64 ", "no CPU model"),
    ("qemu64 +avx2", "no CPU model"),
    ("-cpu qemu64", "what follows -cpu in a command line"),
    ("+avx2", "no CPU model"),
    ("qemu64, avx2=on", "a name with a blank"),
    ("qemu64,avx2 =on", "a name with a blank.* found 'avx2 =on', expected 'avx2=on'"),
    ("qemu64,+avx2 ", "a name with a blank"),
    ("qemu64,+", "a feature without a name"),
    ("qemu64,=on", "a feature without a name"),
    ("qemu64,sgx=1", "QEMU expects 'on' or 'off' for sgx: found 'sgx=1', expected sgx=on or sgx=off"),
    ("qemu64,avx2=", "QEMU expects 'on' or 'off' for avx2"),
    ("qemu64,avx2=ON", "QEMU expects 'on' or 'off' for avx2"),
    ("qemu64,avx2= on", "QEMU expects 'on' or 'off' for avx2"),
    ("qemu64,sse4_1=1", "QEMU expects 'on' or 'off' for sse4_1"),
    ("qemu64,spec_ctrl=1", "QEMU expects 'on' or 'off' for spec_ctrl"),
    ("qemu64,+spec_ctrl", r"QEMU turns _ into - only .* expected \+spec-ctrl or spec_ctrl=on"),
    ("qemu64,-spec_ctrl", "expected -spec-ctrl or spec_ctrl=off"),
    ("qemu64,+avx2=on", "a sign and a value: found .* expected avx2=on or .avx2"),
    ("qemu64,AVX2=on", "no capital letters: found 'AVX2=on', expected avx2=on"),
    ("qemu64,+AVX2", "no capital letters"),
]
ACCEPTED = [
    "host",
    "qemu64",
    "qemu64,",
    "qemu64,,avx2",
    "qemu64,+avx2,-avx,sgx=on",
    "qemu64,spec_ctrl=on",
    "qemu64,spec_ctrl",
    "qemu64,+sse4_1",
    "qemu64,avx2=y,avx=true",
    "qemu64,model-id=a b,vendor=AuthenticAMD,level=13",
    "qemu64,hv_vapic=on",
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_a_cpu_that_qemu_refuses(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        check_cpu(text)
    assert caught.value.source == "--cpu"


@pytest.mark.parametrize("text", ACCEPTED)
def test_a_cpu_that_qemu_takes(text: str) -> None:
    check_cpu(text)


@needs("qemu-system-x86_64", package="qemu-system-x86")
@pytest.mark.parametrize(
    ("text", "status"), [*((text, 1) for text, _ in REFUSED), *((text, 0) for text in ACCEPTED[1:])]
)
def test_qemu_agrees(text: str, status: int) -> None:
    options = ["-accel", "tcg", "-machine", "q35", "-nodefaults", "-display", "none", "-S", "-monitor", "stdio"]
    done = subprocess.run(
        ["qemu-system-x86_64", *options, "-cpu", text],
        input="quit\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == status, done.stderr


SETTINGS = [
    ("level=13", Setting("level", 13, HERE)),
    ("level=0xd", Setting("level", 13, HERE)),
    ("level=015", Setting("level", 13, HERE)),
    ("xlevel= 8", Setting("xlevel", 8, HERE)),
    ("min_level=7", Setting("min-level", 7, HERE)),
    ("vendor=KVMKVMKVMKVM", Setting("vendor", "KVMKVMKVMKVM", HERE)),
    ("model-id=a b=c", Setting("model-id", "a b=c", HERE)),
    ("model-id", Setting("model-id", "on", HERE)),
    ("stepping=15", Setting("stepping", 15, HERE)),
    ("x-hv-max-vps=-1", Setting("x-hv-max-vps", -1, HERE)),
    ("ucode-rev=-1", Setting("ucode-rev", (1 << 64) - 1, HERE)),
    ("tsc-freq=2.5G", Setting("tsc-frequency", 2_500_000_000, HERE)),
    ("tsc_freq=1k", Setting("tsc-frequency", 1000, HERE)),
    ("lbr_fmt=5", Setting("lbr-fmt", 5, HERE)),
    ("hv_spinlocks=0x1fff", Setting("hv-spinlocks", 0x1FFF, HERE)),
    ("hv-no-nonarch-coresharing=auto", Setting("hv-no-nonarch-coresharing", "auto", HERE)),
    ("nosuch=7", Setting("nosuch", "7", HERE)),
    ("level=1,level=2", Setting("level", 2, HERE)),
]


@pytest.mark.parametrize(("text", "setting"), SETTINGS)
def test_settings_are_typed(text: str, setting: Setting) -> None:
    argument = parse_cpu(f"m,{text}", HERE)
    assert argument.cpu.settings == (setting,)
    assert argument.cpu.requests == ()


VALUES = [
    ("level=x", "no value for level: .* expected a number from 0 to 4294967295"),
    ("level=4294967296", "no value for level"),
    ("level=-1", "no value for level"),
    ("level=5 ", "no value for level"),
    ("level=", "no value for level"),
    ("level", "level is no switch"),
    ("+level", "level is no switch: found .*, expected level= with a number"),
    ("-vendor", "vendor is no switch"),
    ("vendor=abc", "no value for vendor: found 'vendor=abc', expected 12 letters"),
    ("family=271", "no value for family: .* from 0 to 270"),
    ("stepping=-1", "no value for stepping"),
    ("tsc-freq=1GHz", "no value for tsc-freq"),
    ("tsc-freq=1.5", "no value for tsc-freq"),
    ("tsc-freq=10E", "no value for tsc-freq"),
    ("tsc-frequency=1G", "no value for tsc-frequency"),
    ("hv-no-nonarch-coresharing=yes", "no value for hv-no-nonarch-coresharing"),
    ("phys-bits=31", "no width of addresses: .* expected 0, or 32 to 52"),
    ("phys-bits=4294967295,guest-phys-bits=31", "no width of addresses: "),
    ("guest-phys-bits=41", "no width of the guest's addresses: .* expected 0, or 32 to 40"),
    ("phys-bits=48,guest-phys-bits=49", "no width of the guest's addresses: .* expected 0, or 32 to 48"),
    ("host-phys-bits=on,guest-phys-bits=53", "no width of the guest's addresses: .* expected 0, or 32 to 52"),
    ("migratable=on", "migratable is no property of qemu64: .* expected one of the models host max"),
]


@pytest.mark.parametrize(("text", "message"), VALUES)
def test_values_that_qemu_refuses(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_cpu(f"qemu64,{text}")
    kept = parse_cpu(f"qemu64,{text}", HERE).cpu.settings  # a width is a number, though not a good one
    assert all(setting.name.endswith("phys-bits") for setting in kept)


def test_names_and_models_are_judged_by_a_version() -> None:
    argument = parse_cpu("Skylake-Client-v9,nosuch,xen-vapic,+sgx,full-cpuid-auto-level=off", HERE)
    assert list(find_faults(argument)) == []
    old = [fault.found for fault in find_faults(argument, version="7.2", models={"qemu64"})]
    assert old == ["Skylake-Client-v9", "nosuch", "xen-vapic"]
    new = [fault.found for fault in find_faults(argument, version="11.1", models={"Skylake-Client-v9"})]
    assert new == ["nosuch", "full-cpuid-auto-level=off"]


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ("m,+avx2,-avx2", 0),
        ("m,avx2=on,+avx2", 0),  # QEMU looks back alone
        ("m,-sse4.1,sse4_1=on", 0),  # and knows no aliases
        ("m,+avx2,avx2=on", 2),
        ("m,-avx2,avx2", 2),
        ("m,+avx2,-avx2,avx2=off,avx2", 5),
        ("m,hv-vendor-id=abcdefghijklm", 1),
    ],
)
def test_warnings(text: str, warnings: int) -> None:
    assert len(find_warnings(parse_cpu(text, HERE))) == warnings


def test_a_warning_is_in_qemus_words() -> None:
    assert find_warnings(parse_cpu("m,-avx2,avx_2,avx2=yes", HERE)) == (
        'Ambiguous CPU model string. Don\'t mix both "-avx2" and "avx2=yes"',
        "Compatibility of ambiguous CPU model strings won't be kept on future QEMU versions",
    )


def test_options_are_kept_in_order_with_what_they_mean() -> None:
    argument = parse_cpu("m,,sse4_1,level=bad,-avx2,nosuch,", HERE)
    assert [(option.text, option.name, option.means) for option in argument.options] == [
        ("sse4_1", "sse4-1", True),
        ("level=bad", "level", None),
        ("-avx2", "avx2", False),
        ("nosuch", "nosuch", None),
    ]
    means = [option.known.means if option.known else None for option in argument.options]
    assert means == ["Streaming SIMD Extensions 4.1", "highest basic leaf", "AVX2 instructions", None]


def test_a_cpu_is_written() -> None:
    cpu = parse_cpu("host,-avx2,+sgx,hv_spinlocks=8191,migratable=off", HERE).cpu
    assert cpu_option(cpu) == "host,migratable=off,sgx=on,avx2=off,hv-spinlocks=0x1fff"


@pytest.mark.parametrize(
    "cpu",
    [
        GuestCpu(CpuMode.HOST_MODEL, None, (), HERE),
        GuestCpu(CpuMode.DEFAULT, None, (), HERE),
        GuestCpu(CpuMode.CUSTOM, "a,b", (), HERE),
        GuestCpu(CpuMode.CUSTOM, "m", (FeatureRequest("-x", Policy.REQUIRE, HERE),), HERE),
        GuestCpu(CpuMode.CUSTOM, "m", (), HERE, settings=(Setting("model-id", "a,b", HERE),)),
    ],
)
def test_what_cpu_has_no_form_for_is_not_written(cpu: GuestCpu) -> None:
    with pytest.raises(UsageError, match=r"no model that -cpu could name|-cpu has no form for this"):
        cpu_option(cpu)
