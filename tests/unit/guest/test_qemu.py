"""QEMU's command line, with the rules of precedence that were measured on QEMU 7.2."""

from __future__ import annotations

import subprocess

import pytest

from programs import needs
from vcpuid.errors import UsageError
from vcpuid.guest.qemu import check_cpu, parse_arguments, parse_cpu, parse_properties, split_options
from vcpuid.terms.guest import Accelerator, CpuMode, Policy
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


def test_the_last_cpu_option_replaces_the_others_whole() -> None:
    command = parse_arguments(["-cpu", "Skylake-Client,sgx=on", "-m", "64", "-cpu", "Nehalem"], HERE)
    assert command.effective is not None
    assert command.effective.cpu.model == "Nehalem"
    assert command.effective.cpu.requests == ()
    assert [argument.text for argument in command.replaced] == ["Skylake-Client,sgx=on"]


def test_no_cpu_option_leaves_the_default_model() -> None:
    command = parse_arguments(["-m", "64"], HERE)
    assert command.effective is None
    assert command.replaced == ()


@pytest.mark.parametrize(
    ("arguments", "accelerator"),
    [
        ("", Accelerator.TCG),
        ("-accel kvm", Accelerator.KVM),
        ("--accel kvm", Accelerator.KVM),
        ("-accel tcg,thread=multi", Accelerator.TCG),
        ("-accel accel=kvm", Accelerator.KVM),
        ("-enable-kvm", Accelerator.KVM),
        ("-machine q35,accel=kvm", Accelerator.KVM),
        ("-M accel=kvm:tcg", Accelerator.KVM),
        ("-machine accel=kvm -machine accel=tcg", Accelerator.TCG),
        ("-enable-kvm -machine accel=tcg", Accelerator.TCG),
        ("-accel kvm -accel tcg", Accelerator.KVM),
        ("-accel tcg -accel kvm", Accelerator.TCG),
        ("-accel hvf", None),
        ("-accel", None),
    ],
)
def test_the_accelerator(arguments: str, accelerator: Accelerator | None) -> None:
    assert parse_arguments(arguments.split(), HERE).accelerator is accelerator


@pytest.mark.parametrize(
    ("arguments", "machine"),
    [
        ("", None),
        ("-machine pc-q35-7.2,usb=off", "pc-q35-7.2"),
        ("-M usb=off,type=microvm", "microvm"),
        ("-machine q35 -machine usb=off", "q35"),
    ],
)
def test_the_machine(arguments: str, machine: str | None) -> None:
    assert parse_arguments(arguments.split(), HERE).machine == machine


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("sev-guest,id=sev0,cbitpos=47", "sev-guest"),
        ('{"qom-type":"sev-snp-guest","id":"lsec0"}', "sev-snp-guest"),
        ("qom-type=tdx-guest,id=tdx", "tdx-guest"),
        ("memory-backend-ram,id=pc.ram", None),
        ("{broken", None),
        ("[" * 100_000, None),
        ("", None),
    ],
)
def test_launch_security(value: str, kind: str | None) -> None:
    assert parse_arguments(["-object", value], HERE).confidential == kind


def test_a_doubled_comma_stands_for_one() -> None:
    assert split_options("q35,path=a,,b") == ["q35", "path=a,b"]


def test_properties_in_both_forms() -> None:
    assert parse_properties("q35,accel=kvm", first="type") == {"type": "q35", "accel": "kvm"}
    assert parse_properties('{"type": "q35", "n": 1}', first="type") == {"type": "q35", "n": "1"}
    assert parse_properties("{" + '"a":' * 100_000, first="type") == {}


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
