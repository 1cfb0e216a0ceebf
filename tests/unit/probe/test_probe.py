"""The probe with programs that stand for QEMU: whatever they do, a clear end, and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from programs import needs
from reports import DONE, GUEST_ROWS, cpu_report, whole_report, write_qemu
from unit.gather.machines import wait_until_gone
from vcpuid.errors import InputError, UndecidedError, UsageError, VcpuidError
from vcpuid.probe import NotGivenError, list_models, probe
from vcpuid.terms.dump import MissingRow
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.probed import ProbeResult

WARNING = "qemu-system-x86_64: warning: TCG doesn't support requested feature: CPUID.07H:EBX.hle [bit 4]\n"


def ask(qemu: Path, *, smp: int = 1, limit_s: float = 20.0) -> ProbeResult:
    return probe("Haswell", accelerator="tcg", smp=smp, qemu=str(qemu), limit_s=limit_s)


def test_a_whole_report(tmp_path: Path) -> None:
    result = ask(write_qemu(tmp_path / "q", report=whole_report(), stderr=WARNING * 2))
    (cpu,) = result.dump.cpus
    assert cpu.rows == GUEST_ROWS
    assert cpu.missing is MissingRow.ZERO
    assert result.warnings == (WARNING.partition(": ")[2].strip(),)
    assert result.version == "9.8.7"
    assert result.dump.origin == "probe of -cpu Haswell, machine pc, TCG, QEMU 9.8.7"
    assert result.cpus[0].faulting_msrs == (0x3A,)


def test_two_cpus_are_numbered_by_their_apic_ids(tmp_path: Path) -> None:
    result = ask(write_qemu(tmp_path / "q", report=whole_report(cpu_report(4), cpu_report(1))), smp=2)
    assert [(cpu.number, cpu.apic_id) for cpu in result.cpus] == [(0, 1), (1, 4)]
    assert [cpu.number for cpu in result.dump.cpus] == [0, 1]


def test_the_rom_is_there_while_qemu_runs(tmp_path: Path) -> None:
    last = f'for a; do case $a in /proc/*) wc -c <"$a" >"{tmp_path}/size";; esac; done; exit {DONE}'
    ask(write_qemu(tmp_path / "q", report=whole_report(), last=last))
    assert int((tmp_path / "size").read_text()) == 65536


@needs("prlimit", package="util-linux")
def test_a_crash_leaves_no_core(tmp_path: Path) -> None:
    ask(write_qemu(tmp_path / "q", report=whole_report(), last=f'ulimit -c >"{tmp_path}/core"; exit {DONE}'))
    assert (tmp_path / "core").read_text() == "0\n"


def test_no_sandbox_is_no_obstacle(tmp_path: Path) -> None:
    refuses = (
        'for a; do [ "$a" != -sandbox ] || { echo "qemu: -sandbox: no such option" >&2; exit 1; }; done\ncat '
    )
    qemu = write_qemu(tmp_path / "q", report=whole_report())
    qemu.write_text(qemu.read_text().replace("cat ", refuses, 1))
    assert "-sandbox" not in ask(qemu).command


@pytest.mark.parametrize(
    ("stderr", "kind", "words"),
    [
        ("qemu: unable to find CPU model 'nosuch'\n", UsageError, "refuses -cpu Haswell: found unable to find"),
        ("qemu: Property 'x-x86_64-cpu.nosuch' not found\n", UsageError, "found Property"),
        ("qemu: CPU model 'host' requires KVM or HVF\n", UsageError, "requires KVM"),
        (WARNING + "qemu: TCG doesn't support requested features\n", NotGivenError, "enforce"),
        ("Could not access KVM kernel module\nqemu: failed to initialize kvm\n", UndecidedError, "cannot use tcg"),
    ],
)
def test_what_qemu_refuses(tmp_path: Path, stderr: str, kind: type[VcpuidError], words: str) -> None:
    with pytest.raises(kind, match=words):
        ask(write_qemu(tmp_path / "q", stderr=stderr, status=1))


@pytest.mark.parametrize(
    ("last", "kind", "words"),
    [
        ("kill -ABRT $$", UndecidedError, "QEMU crashed: SIGABRT"),
        ("exec sleep 60", UndecidedError, "no whole report within 0.5 s"),
        ("exec yes", InputError, "prints without end"),
        ("exit 87", UndecidedError, "a fault inside the guest that it does not expect"),
        ("exit 3", InputError, "no QEMU for x86"),
        ("echo C; exit 0", UndecidedError, "the guest reset itself"),
        ("echo trash; exit 85", InputError, r"what is no record, at byte 0 of the report: found 'trash\\n'"),
        ("exit 85", InputError, "the report has no end"),
    ],
)
def test_how_qemu_ends(tmp_path: Path, last: str, kind: type[VcpuidError], words: str) -> None:
    limit_s = 0.5 if "sleep" in last else 20.0
    with pytest.raises(kind, match=words):
        ask(write_qemu(tmp_path / "q", stderr="qemu: last words\n", last=last), limit_s=limit_s)


def test_too_few_cpus(tmp_path: Path) -> None:
    with pytest.raises(UndecidedError, match="not every CPU"):
        ask(write_qemu(tmp_path / "q", report=whole_report()), smp=2)


def test_another_program(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no QEMU for x86"):
        ask(write_qemu(tmp_path / "q", version=False, stderr="usage: ...\n", status=1))


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(InputError, match="no such program"):
        ask(Path("/no/such/qemu"))


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "qemu").write_text("")
    with pytest.raises(InputError, match="no program"):
        ask(tmp_path / "qemu")


def test_a_program_of_another_format(tmp_path: Path) -> None:
    path = tmp_path / "qemu"
    path.write_bytes(b"\x7fELF trash")
    path.chmod(0o755)
    with pytest.raises(InputError, match=r"cannot be started|no QEMU"):
        ask(path)


def test_a_program_that_others_can_write_is_not_started(tmp_path: Path) -> None:
    qemu = write_qemu(tmp_path / "q", report=whole_report())
    qemu.chmod(0o777)
    with pytest.raises(InputError, match=r"is not started: .* can be written by others"):
        ask(qemu)


def test_a_folder_that_others_can_write_is_not_trusted(tmp_path: Path) -> None:
    qemu = write_qemu(tmp_path / "q", report=whole_report())
    qemu.parent.chmod(0o777)
    with pytest.raises(InputError, match=r"is not started: .* can be written by others"):
        ask(qemu)


def test_a_program_that_no_kernel_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "qemu"
    path.write_bytes(b"\x7fELF trash")
    path.chmod(0o755)
    monkeypatch.setattr("vcpuid.gather.look.SEARCH_PATH", str(tmp_path))  # where util-linux is not
    for start in (lambda: ask(path), lambda: list_models(Accelerator.TCG, qemu=str(path))):
        with pytest.raises(InputError, match="qemu: cannot be started: Exec format error"):
            start()


def test_a_machine_without_qemu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vcpuid.probe.binary.USUAL_PATHS", ("/nonexistent/qemu-kvm",))
    with pytest.raises(UndecidedError, match="no QEMU found: expected one of /nonexistent/qemu-kvm\n  Install"):
        probe("Haswell", accelerator="tcg")


def test_a_qemu_that_does_not_know_the_question(tmp_path: Path) -> None:
    greeting = '{"QMP": {"version": {"qemu": {"major": 1, "minor": 0, "micro": 0}, "package": ""}}}'
    done = '{"return": {}, "id": 0}'
    refused = '{"error": {"class": "CommandNotFound", "desc": "no such command"}, "id": 0}'
    last = f"echo '{greeting}'; read a; echo '{done}'; read a; echo '{refused}'; read a; exit 0"
    with pytest.raises(UndecidedError, match=r"its models cannot be asked: .*no such command"):
        list_models(Accelerator.TCG, qemu=str(write_qemu(tmp_path / "q", last=last)))


def test_models_of_a_program_that_is_no_qemu(tmp_path: Path) -> None:
    with pytest.raises(UndecidedError, match=r"its models cannot be asked"):
        list_models(Accelerator.TCG, qemu=str(write_qemu(tmp_path / "q")))


def test_a_hung_qemu_is_gone_with_its_children(tmp_path: Path) -> None:
    last = f'sleep 60 & echo $! >"{tmp_path}/child"; echo $$ >"{tmp_path}/pid"; wait'
    with pytest.raises(UndecidedError):
        ask(write_qemu(tmp_path / "q", last=last), limit_s=0.5)
    for name in ("pid", "child"):
        assert wait_until_gone(int((tmp_path / name).read_text()))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let children be interrupted, even where the tests run in a shell's background, which ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@needs("setpriv", package="util-linux")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.usefixtures("interruptible")
def test_nothing_is_left_when_we_are_killed(tmp_path: Path, number: signal.Signals) -> None:
    qemu = write_qemu(tmp_path / "q", last=f'echo $$ >"{tmp_path}/pid"; exec sleep 60')
    before = set(Path("/tmp").iterdir())  # noqa: S108 - a look at what others would leave there
    command = [sys.executable, "-m", "vcpuid", "probe", "max", "--accel", "tcg", "--qemu", str(qemu)]
    with subprocess.Popen([*command, "--timeout", "50"], stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 20
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
            assert time.monotonic() < end
            time.sleep(0.02)
        os.kill(process.pid, number)
        process.wait(timeout=20)
    assert wait_until_gone(int((tmp_path / "pid").read_text()))
    assert not [path for path in set(Path("/tmp").iterdir()) - before if "vcpuid" in path.name]  # noqa: S108
