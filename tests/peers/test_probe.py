"""The probe in real guests: against the collector's walk, and against what QEMU itself says of the CPU."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from programs import needs, needs_kvm
from vcpuid.cli import run
from vcpuid.dumps import read_dump
from vcpuid.errors import UsageError, VcpuidError
from vcpuid.gather import cpuid_walk
from vcpuid.gather.qmp import Qmp
from vcpuid.probe import NotGivenError, list_models, probe
from vcpuid.terms.address import CpuidRegister, Register
from vcpuid.terms.dump import Cpu, Registers
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.probed import ProbeResult

QEMU = os.environ.get("VCPUID_TEST_QEMU") or "qemu-system-x86_64"
"""Another QEMU may be named, to try the probe with it."""

pytestmark = needs(QEMU, package="qemu-system-x86")

MODELS = ("486", "pentium3", "qemu64", "Haswell", "Skylake-Server-IBRS,+pku", "Opteron_G4", "EPYC-Milan", "max")
CHANGED = (
    "Haswell,-avx2,+hle",
    "max,-xsaveopt",
    "qemu64,level=2",
    "base,+xsave",
    "EPYC,+topoext,xlevel=0x80000008",
)
CR4_BITS = {"osxsave": (1 << 18, CpuidRegister(1, 0, Register.ECX), 1 << 27)}
CR4_BITS["ospke"] = (1 << 22, CpuidRegister(7, 0, Register.ECX), 1 << 4)


@cache
def tcg(cpu: str, smp: int | str = 1, machine: str = "pc") -> ProbeResult:
    return probe(cpu, accelerator="tcg", smp=smp, machine=machine, qemu=QEMU, limit_s=60)


def collectors_walk(cpu: Cpu) -> dict[tuple[int, int], Registers]:
    """Walk the rows as the collector walks a CPU; it would raise KeyError for a row that was not asked."""

    def read(leaf: int, subleaf: int) -> Registers:
        if leaf == cpuid_walk.SECOND_HYPERVISOR:
            return cpu.rows.get((leaf, subleaf), (0, 0, 0, 0))
        return cpu.rows[leaf, subleaf]

    return cpuid_walk.walk(read)


@contextmanager
def stopped_qemu(cpu: str) -> Iterator[Qmp]:
    """Start QEMU with this CPU, stopped before its first instruction, and speak QMP with it."""
    words = [
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-machine",
        "pc",
        "-accel",
        "tcg",
        "-m",
        "16",
        "-S",
    ]
    with subprocess.Popen(
        [QEMU, *words, "-cpu", cpu, "-qmp", "stdio"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            qmp = Qmp(process.stdout.fileno(), process.stdin.fileno(), 60)
            qmp.greet()
            yield qmp
        finally:
            process.kill()


def feature_words(cpu: str) -> dict[CpuidRegister, int]:
    with stopped_qemu(cpu) as qmp:
        (cpus,) = qmp.ask([("query-cpus-fast", {})])
        path = cpus.value[0]["qom-path"]
        (words,) = qmp.ask([("qom-get", {"path": path, "property": "feature-words"})])
    assert words.error is None
    return {
        CpuidRegister(
            word["cpuid-input-eax"], word.get("cpuid-input-ecx", 0), Register[word["cpuid-register"]]
        ): word["features"]
        for word in words.value
    }


@pytest.mark.parametrize("cpu", [*MODELS, *CHANGED])
def test_the_guests_walk_is_the_collectors(cpu: str) -> None:
    result = tcg(cpu)
    for dump in (result.dump, result.switched_on):
        assert collectors_walk(dump.cpus[0]) == dump.cpus[0].rows


@pytest.mark.parametrize("cpu", [*MODELS, *CHANGED])
def test_the_guest_sees_the_words_that_qemu_tells(cpu: str) -> None:
    (probed,) = tcg(cpu).dump.cpus
    differences = {}
    for word, features in feature_words(cpu).items():
        maximum = probed.maximum(word.leaf)
        if maximum is None or word.leaf > maximum:
            continue  # it does not exist: Centaur's range is not even asked on other CPUs
        seen = probed.read(word)
        assert seen is not None
        name = f"{word.leaf:x}.{word.subleaf}.{word.register.value}"
        if odd := seen ^ features:
            differences[name] = f"seen {seen:08x}, told {features:08x}, differing {odd:08x}"
    assert differences == {}


@pytest.mark.parametrize("cpu", MODELS)
def test_cpuid_shows_the_bits_of_cr4(cpu: str) -> None:
    result = tcg(cpu)
    for bit, word, mask in CR4_BITS.values():
        before, after = (dump.cpus[0].read(word) for dump in (result.dump, result.switched_on))
        assert before is not None
        assert after is not None
        assert not before & mask
        assert bool(after & mask) is bool(result.cpus[0].cr4 & bit)


def test_the_size_of_xsave_follows_xcr0() -> None:
    result = tcg("Haswell")
    before, after = (dump.cpus[0].rows[0xD, 0] for dump in (result.dump, result.switched_on))
    assert result.cpus[0].xcr0 == after[0] == 7
    assert before[1] == 576  # x87 and SSE alone
    assert after[1] == after[2] == 832


@pytest.mark.parametrize("machine", ["pc", "q35", "microvm"])
@pytest.mark.parametrize("smp", ["2", "4,sockets=2,cores=1,threads=2"])
def test_every_cpu_reports(machine: str, smp: str) -> None:
    result = tcg("Haswell", smp, machine)
    count = int(smp[0])
    assert [cpu.apic_id for cpu in result.cpus] == list(range(count))
    assert [cpu.rows[0xB, 0][3] for cpu in result.dump.cpus] == list(range(count))
    assert len({cpu.rows[1, 0][1] >> 24 for cpu in result.dump.cpus}) == count
    first, *others = result.dump.cpus
    for cpu in others:
        assert collectors_walk(cpu) == cpu.rows
        differing = {leaf for (leaf, _), row in cpu.rows.items() if row != first.rows.get((leaf, _))}
        assert differing <= {1, 0xB, 0x1F}


def test_many_cpus() -> None:
    assert [cpu.apic_id for cpu in tcg("qemu64", 32).cpus] == list(range(32))


def test_every_model() -> None:
    """One guest for each name that is no version of another."""
    names = [name for name in list_models(Accelerator.TCG, qemu=QEMU) if "-v" not in name]
    assert "host" not in names
    assert len(names) > 30
    for name in names:
        (cpu,) = tcg(name).dump.cpus
        assert collectors_walk(cpu) == cpu.rows, name


@pytest.mark.parametrize(
    ("cpu", "kind", "words"),
    [
        ("nosuch", UsageError, "unable to find CPU model 'nosuch'"),
        ("Haswell,+nosuch", UsageError, "nosuch' not found"),
        ("Haswell,avx2=1", UsageError, "expects 'on' or 'off'"),
        ("host", UsageError, "requires KVM"),
        ("Haswell,enforce", NotGivenError, "TCG doesn't support requested features"),
    ],
)
def test_what_qemu_refuses_in_its_own_words(cpu: str, kind: type[VcpuidError], words: str) -> None:
    with pytest.raises(kind, match=words):
        probe(cpu, accelerator="tcg", qemu=QEMU)


def test_warnings_are_kept() -> None:
    assert any("avx512f" in warning for warning in tcg("Skylake-Server").warnings)


def test_a_machine_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="machine type"):
        probe("max", accelerator="tcg", machine="nosuch", qemu=QEMU)


@needs_kvm()
# Some KVMs tell an ARCH_CAPABILITIES that they refuse to be set: QEMU aborts, whatever asks it for all they have.
@pytest.mark.parametrize("cpu", ["486", "Haswell", "max,arch-capabilities=off"])
@pytest.mark.parametrize("smp", [1, 2])
def test_under_kvm(cpu: str, smp: int) -> None:
    """What the bits are is this KVM's matter; that each CPU tells them all is ours."""
    result = probe(cpu, accelerator="kvm", smp=smp, qemu=QEMU, limit_s=60)
    assert [probed.apic_id for probed in result.cpus] == list(range(smp))
    for probed in result.dump.cpus:
        assert collectors_walk(probed) == probed.rows
        assert probed.rows[1, 0][2] >> 31
        assert probed.msrs
    ignored = Path("/sys/module/kvm/parameters/ignore_msrs")
    if cpu == "486" and not (ignored.exists() and ignored.read_text().startswith("Y")):
        assert result.cpus[0].faulting_msrs  # KVM faults where TCG answers 0


def test_a_dump_for_every_purpose(tmp_path: Path) -> None:
    path = tmp_path / "epyc.json"
    words = ["probe", "EPYC", "--accel", "tcg", "--smp", "2", "--qemu", QEMU, "--to", "json", "-o", str(path)]
    assert run(words) == 0
    assert read_dump(path).cpus == tcg("EPYC", 2).dump.cpus
    host = Path(__file__).parents[2] / "docs" / "examples" / "h07.json"
    why = ["why", "--cpu", "EPYC", "--host", str(host), "--inside", str(path)]
    assert run([*why, "svm"]) == run([*why, "avx2"]) == 0
    assert run([*why, "avx512f"]) == 1
