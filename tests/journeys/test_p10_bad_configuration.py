"""P10: a CPU configuration that does not do what it says, seen before it is used.

Nova's cpu-selection specification leaves it to operators to check extra flags by hand, and its message "Configured
CPU model ... not compatible with host CPU" names no feature.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from journeys.conftest import EXAMPLES, Say
from programs import needs, needs_libvirt
from story.conftest import Vcpuid, ask_virsh

H07 = str(EXAMPLES / "h07.json")
REFUSED = (
    "Configured CPU model: Skylake-Client-IBRS and CPU Flags sha-ni are not compatible with host CPU. Please "
    "correct your config and try again."
)


def nova_conf(folder: Path, *lines: str) -> str:
    path = folder / "nova.conf"
    path.write_text("\n".join(("[libvirt]", *lines, "")))
    return str(path)


# nova.conf -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "rule", "mend"),
    [
        (("cpu_mode = hostmodel",), "nova.bad-value", "Did you mean host-model?"),
        (
            ("cpu_mode = none", "cpu_model_extra_flags = vmx"),
            "nova.flags-dropped",
            "or custom with cpu_models; or remove the flags",
        ),
        (
            ("cpu_mode = custom", "cpu_models = Nehalem", "cpu_model_extra_flags = sha_ni"),
            "nova.flag-of-another-dialect",
            "Write sha-ni.",
        ),
        (
            ("cpu_mode = custom", "cpu_models = Nehalem", "cpu_model_extra_flags = +aes, -aes"),
            "nova.flag-random",
            "Remove +aes or -aes.",
        ),
    ],
)
def test_a_fault_is_named_with_its_mend(
    lines: tuple[str, ...], rule: str, mend: str, tmp_path: Path, say: Say
) -> None:
    status, told, _ = say("lint", nova_conf(tmp_path, *lines))
    assert status == 1
    assert f"[{rule}]" in told
    assert mend in told


def test_what_nova_does_not_name_lint_names_before_the_start(tmp_path: Path, say: Say) -> None:
    words = ("cpu_mode = custom", "cpu_models = Skylake-Client-IBRS", "cpu_model_extra_flags = sha-ni")
    status, told, _ = say("lint", nova_conf(tmp_path, *words), "--host", H07)
    assert status == 1
    assert "the host lacks features that are required: sha-ni (on h07) [nova.host-start-refused]" in told


def test_and_after_it_failed_diagnose_does(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("diagnose", REFUSED, "--host", H07)
    (diagnosis,) = document["diagnoses"]
    assert (status, diagnosis["message"]) == (0, "nova.not-compatible")
    assert [name["text"] for name in diagnosis["names"]] == ["sha-ni"]
    assert (diagnosis["causes"][0]["cause"], diagnosis["causes"][0]["holding"]) == ("cpu-lacks", "holds")


def test_a_sound_file_has_no_error(tmp_path: Path, say: Say) -> None:
    words = ("cpu_mode = custom", "cpu_models = Skylake-Client-IBRS", "cpu_model_extra_flags = vmx")
    status, told, _ = say("lint", nova_conf(tmp_path, *words), "--host", H07)
    assert status == 0
    assert " error: " not in told


def test_a_missing_file_is_another_status(tmp_path: Path, say: Say) -> None:
    status, _, error = say("lint", str(tmp_path / "nova.conf"))
    assert status == 3
    assert "nova.conf" in error


# -cpu by hand ---------------------------------------------------------------------------------------------


@needs("qemu-system-x86_64", package="qemu-system-x86")
def test_a_real_qemu_refuses_as_lint_has_said(tmp_path: Path, vcpuid: Vcpuid) -> None:
    path = tmp_path / "cpu"
    path.write_text("Skylake-Client-IBRS,+sgx_lc\n")
    status, document = vcpuid("lint", str(path), "--qemu-version", "7.2")
    (finding,) = [one for one in document["findings"] if one["severity"] == "error"]
    assert (status, finding["rule"], finding["mend"]) == (1, "cpu.unknown-property", "Did you mean sgxlc?")
    refused = subprocess.run(
        ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-display", "none", "-cpu", path.read_text().strip()],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 1
    assert "Property 'Skylake-Client-IBRS-x86_64-cpu.sgx_lc' not found" in refused.stderr
    assert "Property 'Skylake-Client-IBRS-x86_64-cpu.sgx_lc' not found" in finding["consequence"]


# A domain --------------------------------------------------------------------------------------------------------


def test_a_second_cpu_option_is_found_in_the_file(say: Say) -> None:
    status, told, _ = say("lint", str(EXAMPLES / "web-1.xml"), "--host", H07)
    assert status == 1
    assert "[domain.passthrough-cpu]" in told
    assert "Write <feature policy='require' name='sgxlc'/>." in told


@needs_libvirt()
def test_the_definition_that_lint_passes_is_taken_by_libvirt(tmp_path: Path, say: Say) -> None:
    path = tmp_path / "domain.xml"
    cpu = "<model fallback='forbid'>Nehalem</model><feature policy='require' name='{}'/>"
    domain = (
        "<domain type='qemu'><name>journey</name><memory unit='MiB'>32</memory><os><type arch='x86_64' "
        "machine='pc'>hvm</type></os><cpu mode='custom' match='exact' check='none'>" + cpu + "</cpu></domain>"
    )
    path.write_text(domain.format("pclmulqdq"))
    status, told, _ = say("lint", str(path))
    assert (status, "<feature policy='require' name='pclmuldq'/>" in told) == (1, True)
    path.write_text(domain.format("pclmuldq"))
    assert say("lint", str(path))[0] == 0
    assert "-cpu Nehalem,pclmulqdq=on" in ask_virsh("domxml-to-native", "qemu-argv", "--xml", str(path))
