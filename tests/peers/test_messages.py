"""Messages that the real QEMU and libvirt say now, and the row that `diagnose` takes each for."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from map_defects import Defect, baseline, load_defects
from programs import LIBVIRT_URI, needs, needs_libvirt, needs_mount_namespace, version_of_libvirt
from vcpuid.answers.diagnose import DiagnosisReport, diagnose
from vcpuid.rules.messages.table import load_messages

QEMU = "qemu-system-x86_64"
needs_qemu = needs(QEMU, package="qemu-system-x86")
DOMAIN = """<domain type='{type}'>
  <name>vcpuid-test</name>{memory}
  <memory unit='MiB'>256</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  {cpu}
  <devices>{devices}</devices>
</domain>
"""
MAX_MEMORY = "<maxMemory slots='1' unit='MiB'>512</maxMemory>"
CELL = "<numa><cell id='0' cpus='0' memory='256' unit='MiB'/></numa>"
PASSTHROUGH = "<cpu mode='host-passthrough'>{}</cpu>"
NO_SGX = "libvirt.sgx-unsupported"
EPC = "<memory model='sgx-epc'><target><size unit='MiB'>64</size>{}</target></memory>"


def named_rows(report: DiagnosisReport) -> set[str]:
    return {diagnosis.message.name for diagnosis in report.diagnoses}


def start(*arguments: str) -> str:
    """Start QEMU without a guest; one that comes up leaves at its monitor's first command."""
    command = [QEMU, "-display", "none", "-nodefaults", "-S", "-monitor", "stdio", *arguments]
    done = subprocess.run(command, input="quit\n", capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


@needs_qemu
@pytest.mark.parametrize(
    ("arguments", "row", "feature"),
    [
        (["-cpu", "qemu64,+avx512f"], "qemu.feature-not-in-tcg", "avx512f"),
        (["-cpu", "qemu64,+vmx-ept"], "qemu.feature-depends", "vmx-ept"),
        (["-cpu", "qemu64,nosuch=on"], "qemu.no-such-feature", None),
        (["-cpu", "qemu64,+spec_ctrl"], "qemu.no-such-feature", None),
        (["-cpu", "nosuch"], "qemu.no-such-model", None),
        (["-cpu", "+sgx"], "qemu.plus-as-model", "sgx"),
        (["-cpu", "host"], "qemu.host-needs-kvm", None),
        (["-cpu", "qemu64,avx2=1"], "qemu.bad-switch", "avx2"),
        (["-cpu", "qemu64,level=abc"], "qemu.bad-number", None),
        (["-cpu", "qemu64,vendor=xx"], "qemu.bad-value", None),
        (["-cpu", "qemu64,phys-bits=99"], "qemu.phys-bits", None),
        (["-cpu", "qemu64", "-smp", "2,threads=2"], "qemu.amd-threads", None),
        (["-smp", "3,cores=2,maxcpus=3"], "qemu.bad-topology", None),
        (["-machine", "q35,sgx-epc.0.memdev=m"], "sgx.epc-node-missing", None),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else None,
)
def test_qemu_under_tcg(arguments: list[str], row: str, feature: str | None) -> None:
    said = start("-accel", "tcg", *arguments)
    report = diagnose(said)
    assert row in named_rows(report), said
    names = [one.name for diagnosis in report.diagnoses for name in diagnosis.names for one in name.features]
    assert feature is None or feature in names


@needs_qemu
def test_qemu_with_enforce_says_which_feature_and_then_stops() -> None:
    report = diagnose(start("-accel", "tcg", "-cpu", "qemu64,+avx512f,enforce"))
    assert named_rows(report) == {"qemu.feature-not-in-tcg", "qemu.enforce-tcg"}


@needs_qemu
def test_qemu_with_two_forms_of_a_feature() -> None:
    report = diagnose(start("-accel", "tcg", "-cpu", "max,-avx2,avx2=on"))
    assert {"qemu.ambiguous-forms", "qemu.ambiguous-future"} <= named_rows(report)


@needs_qemu
@pytest.mark.skipif(Path("/dev/sgx_vepc").exists(), reason="this host has virtual EPC")
def test_qemu_without_virtual_epc() -> None:
    said = start("-machine", "q35", "-accel", "tcg", "-object", "memory-backend-epc,id=m,size=64M")
    assert named_rows(diagnose(said)) == {"sgx.no-epc-backend"}


@needs_qemu
@needs_mount_namespace()
@pytest.mark.parametrize(
    ("mount", "row"),
    [
        ("mount -t tmpfs none /dev", "qemu.kvm-missing"),
        ("mount -t tmpfs none /dev && touch /dev/kvm", "qemu.kvm-not-kvm"),
    ],
)
def test_qemu_without_kvm(mount: str, row: str) -> None:
    script = f"{mount} && exec {QEMU} -accel kvm -display none -nodefaults -S"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    said = done.stderr.decode(errors="replace")
    assert named_rows(diagnose(said)) == {row}, said


def refused(folder: Path, cpu: str, *, type_: str = "kvm", memory: str = "", devices: str = "") -> str:
    path = folder / "domain.xml"
    path.write_text(DOMAIN.format(type=type_, memory=memory, cpu=cpu, devices=devices), encoding="utf-8")
    command = ["virsh", "--connect", LIBVIRT_URI, "domxml-to-native", "qemu-argv", str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, "LC_ALL": "C"}
    )
    return done.stderr


@needs_libvirt()
@pytest.mark.parametrize(
    ("cpu", "row"),
    [
        ("<cpu><model>qemu64</model><feature policy='require' name='nosuch'/></cpu>", "libvirt.unknown-feature"),
        ("<cpu><model>qemu64</model><feature policy='require' name='sha_ni'/></cpu>", "libvirt.unknown-feature"),
        ("<cpu mode='custom'><model>Nosuch</model></cpu>", "libvirt.unknown-model"),
        ("<cpu mode='host-passthrough'/>", "libvirt.mode-unsupported"),
        ("<cpu mode='weird'/>", "libvirt.bad-mode"),
        ("<cpu match='exact'><feature policy='require' name='sgx'/></cpu>", "libvirt.features-without-model"),
        ("<cpu><model>qemu64</model><feature policy='maybe' name='avx'/></cpu>", "libvirt.bad-policy"),
        ("<cpu><model>qemu64</model><feature policy='require'/></cpu>", "libvirt.bad-feature-name"),
        ("<cpu><model fallback='maybe'>qemu64</model></cpu>", "libvirt.bad-fallback"),
        ("<cpu check='maybe'><model>qemu64</model></cpu>", "libvirt.bad-attribute"),
        ("<cpu><model vendor_id='x'>qemu64</model></cpu>", "libvirt.vendor-id"),
        ("<cpu><topology sockets='2' dies='1' cores='1' threads='1'/></cpu>", "libvirt.topology"),
        ("<cpu mode='custom' migratable='on'><model>qemu64</model></cpu>", "libvirt.migratable"),
        (
            "<cpu><model>qemu64</model><feature name='avx'/><feature policy='disable' name='avx'/></cpu>",
            "libvirt.feature-twice",
        ),
    ],
)
def test_libvirt_refuses_a_cpu(cpu: str, row: str, tmp_path: Path) -> None:
    said = refused(tmp_path, cpu, type_="qemu")
    assert named_rows(diagnose(said)) == {row}, said


@needs_libvirt()
@pytest.mark.parametrize(
    ("cpu", "memory", "node", "row", "newer"),
    [
        (PASSTHROUGH.format(""), "", "", "libvirt.max-memory", None),
        (PASSTHROUGH.format(""), MAX_MEMORY, "", "libvirt.memory-needs-cell", NO_SGX),
        (PASSTHROUGH.format(CELL), MAX_MEMORY, "<node>3</node>", "libvirt.epc-node", None),
        (PASSTHROUGH.format(""), MAX_MEMORY.replace(" slots='1'", ""), "", "libvirt.memory-slots", NO_SGX),
    ],
)
def test_libvirt_refuses_sgx_memory(
    cpu: str, memory: str, node: str, row: str, newer: str | None, tmp_path: Path
) -> None:
    """libvirt 11.3 wants neither cell nor slots, and comes to what the host lacks."""
    if newer is not None and version_of_libvirt() >= (11, 3):
        row = newer
    said = refused(tmp_path, cpu.replace("host-passthrough", "maximum"), memory=memory, devices=EPC.format(node))
    assert named_rows(diagnose(said)) == {row}, said


@needs_libvirt()
@pytest.mark.skipif(Path("/dev/sgx_vepc").exists(), reason="this host has virtual EPC")
def test_libvirt_without_sgx(tmp_path: Path) -> None:
    cpu = PASSTHROUGH.format(CELL).replace("host-passthrough", "maximum")
    said = refused(tmp_path, cpu, memory=MAX_MEMORY, devices=EPC.format(""))
    assert named_rows(diagnose(said)) == {NO_SGX}, said


@needs_libvirt()
def test_libvirt_refuses_what_a_read_only_connection_may_not_ask() -> None:
    command = ["virsh", "-r", "--connect", LIBVIRT_URI, "domcapabilities"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stderr
    assert named_rows(diagnose(said)) == {"libvirt.read-only"}, said


# What libvirt says of a spoilt map; the rest of the defects it passes over, or says with another library's words.
_OTHERS_WORDS = (
    "Missing required attribute",
    "Invalid value",
    "Missing 'filename'",
    "Failed to parse",
    "Input is not",
)
_MAPS = [
    defect
    for defect in load_defects()
    if defect.libvirt
    and not defect.libvirt.startswith(_OTHERS_WORDS)
    and ("pars" not in defect.libvirt or defect.name == "include-missing")
]


@needs("virsh", package="libvirt-clients")
@needs_mount_namespace()
@pytest.mark.parametrize("defect", _MAPS, ids=lambda defect: defect.name)
def test_libvirt_refuses_a_map(defect: Defect, tmp_path: Path) -> None:
    said = baseline(defect.spoil(tmp_path / "map"), tmp_path)
    report = diagnose(said)
    assert report.is_explained, said
    assert all(diagnosis.message.name.startswith("libvirt.") for diagnosis in report.diagnoses)


def test_ten_and_more_messages_are_made_here() -> None:
    """Count the rows that this file names; a row that is renamed must be renamed here."""
    text = Path(__file__).read_text(encoding="utf-8")
    made = {message.name for message in load_messages() if f'"{message.name}"' in text}
    assert len(made) >= 30
