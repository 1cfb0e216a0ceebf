"""`vcpuid probe` with a program that stands for QEMU: forms of output, streams, exit statuses."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from reports import OSXSAVE, cpu_report, whole_report, write_qemu
from unit.cli.conftest import Run
from vcpuid.dumps import parse_dump, read_dump

WARNING = "qemu: warning: TCG doesn't support requested feature: CPUID.07H:EBX.hle [bit 4]\n"
QMP_GREETING = '{"QMP": {"version": {"qemu": {"major": 9, "minor": 8, "micro": 7}, "package": ""}}}'
CAPABLE = '{"return": {}, "id": 0}'
MODELS = '{"return": [{"name": "b"}, {"name": "host"}, {"name": "a"}], "id": 0}'


@pytest.fixture
def probe(vcpuid: Run) -> Run:
    return partial(vcpuid, "probe")


@pytest.fixture
def qemu(tmp_path: Path) -> Path:
    return write_qemu(tmp_path / "q", report=whole_report(), stderr=WARNING)


@pytest.fixture
def qemu_with_models(tmp_path: Path) -> Path:
    """A QEMU that answers QMP, and refuses the model `b`."""
    path = write_qemu(tmp_path / "q", report=whole_report())
    qmp = (
        'case " $* " in\n'
        f"*' -qmp '*) echo '{QMP_GREETING}'; read a; echo '{CAPABLE}'; read a; echo '{MODELS}'; exit;;\n"
        "*' -cpu b '*) echo 'qemu: broken' >&2; exit 1;;\nesac\n"
    )
    path.write_text(path.read_text().replace("cat ", qmp + "cat ", 1))
    return path


def test_text_and_warnings(probe: Run, qemu: Path) -> None:
    status, out, err = probe("Haswell", "--accel", "tcg", "--qemu", qemu)
    assert status == 0
    assert "probe of -cpu Haswell, machine pc, TCG, QEMU 9.8.7" in out
    assert "1 of 2 MSRs that were asked can be read" in out
    assert "CR4 0x40000, XCR0 0x7, IA32_XSS 0x100; CPUID then shows osxsave" in out
    assert err == f"vcpuid: QEMU: {WARNING.partition(': ')[2]}"


def test_the_machine_is_the_one_that_is_named(probe: Run, qemu: Path) -> None:
    assert "probe of -cpu Haswell, machine q35," in probe("Haswell", "--machine", "q35", "--qemu", qemu)[1]


def test_all_shows_every_field(probe: Run, qemu: Path) -> None:
    _, summary, _ = probe("x", "--qemu", qemu)
    _, out, _ = probe("x", "--qemu", qemu, "--all")
    assert len(out.splitlines()) > len(summary.splitlines()) + 20


def test_raw_is_what_decode_reads(probe: Run, qemu: Path, tmp_path: Path) -> None:
    _, out, err = probe("x", "--qemu", qemu, "--raw")
    assert "cannot hold" not in err
    assert out.startswith("CPU 0:\n   0x00000000 0x00: eax=0x0000000d ")
    probe("x", "--qemu", qemu, "--raw", "-o", tmp_path / "dump")
    assert (tmp_path / "dump").read_text() == out


def test_switched_on_shows_osxsave(probe: Run, qemu: Path) -> None:
    for option, is_on in ((), False), (("--switched-on",), True):
        _, out, _ = probe("x", "--qemu", qemu, "--to", "json", *option)
        (cpu,) = parse_dump(out.encode(), "out").dump.cpus
        assert bool(cpu.rows[1, 0][2] & OSXSAVE) is is_on


def test_a_format_tells_what_it_cannot_hold(probe: Run, qemu: Path) -> None:
    status, out, err = probe("x", "--qemu", qemu, "--to", "libcpuid")
    assert status == 0
    assert "basic_cpuid[0]=0000000d" in out
    assert "libcpuid cannot hold 1 MSR: 10a" in err


def test_json(probe: Run, qemu: Path) -> None:
    status, out, _ = probe("x", "--qemu", qemu, "--accel", "kvm", "--format", "json")
    document = json.loads(out)
    assert status == 0
    assert (document["schema"], document["accelerator"]) == ("vcpuid-probe/1", "kvm")
    assert document["warnings"] == [WARNING.partition(": ")[2].strip()]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("x", "--raw", "--to", "json"),
        ("x", "--raw", "--format", "json"),
        ("x", "--all", "--raw"),
        ("--all-models",),
        ("x", "--all-models", "-o", "folder"),
        ("--all-models", "--raw", "-o", "folder"),
        ("x", "--smp", "none"),
        ("help",),
    ],
)
def test_usage(probe: Run, arguments: tuple[str, ...]) -> None:
    status, _, err = probe(*arguments)
    assert status == 2
    assert err.startswith(("vcpuid: ", "Usage"))


def test_every_model(probe: Run, qemu_with_models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    status, out, err = probe("--all-models", "--accel", "tcg", "--qemu", qemu_with_models, "-o", folder)
    assert (status, out) == (4, "")
    assert [path.name for path in folder.iterdir()] == ["a.json"]
    assert read_dump(folder / "a.json").origin == "probe of -cpu a, machine pc, TCG, QEMU 9.8.7"
    assert "vcpuid: b: QEMU 9.8.7 refuses -cpu b: found broken" in err
    assert err.endswith(f"vcpuid: 1 of 2 models written to {folder}\n")


def test_every_model_under_kvm_is_host_too(probe: Run, qemu_with_models: Path, tmp_path: Path) -> None:
    probe("--all-models", "--accel", "kvm", "--to", "libvirt", "--qemu", qemu_with_models, "-o", tmp_path / "m")
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["a.xml", "host.xml"]


def test_a_folder_that_cannot_be_made(probe: Run, qemu_with_models: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, _, err = probe("--all-models", "--qemu", qemu_with_models, "-o", tmp_path / "file")
    assert status == 3
    assert "the folder cannot be made" in err


def test_progress_only_on_a_terminal(qemu_with_models: Path, tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    words = ["--all-models", "--accel", "tcg", "--qemu", str(qemu_with_models), "-o", str(tmp_path / "models")]
    subprocess.run([sys.executable, "-m", "vcpuid", "probe", *words], stderr=terminal, check=False, timeout=60)
    os.close(terminal)
    assert b"probing" in os.read(controller, 1 << 16)
    os.close(controller)


def test_cpus_of_two_kinds_of_apic_ids(probe: Run, tmp_path: Path) -> None:
    qemu = write_qemu(tmp_path / "q", report=whole_report(cpu_report(2), cpu_report(1)))
    _, out, _ = probe("x", "--smp", "2", "--qemu", qemu, "--raw")
    assert [line for line in out.splitlines() if line.startswith("CPU")] == ["CPU 0:", "CPU 1:"]
