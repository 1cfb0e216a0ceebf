"""The linter of -cpu strings: every rule is drawn, what is sound has no fault, and what meets what."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpu_lint import INPUTS, lint_input
from snapshots import evidence, kvm, qemu, row, rows
from vcpuid.answers.lint import Basis, LintedFile, Text, choose_qemu, lint_text
from vcpuid.answers.lint_host import host_of
from vcpuid.errors import InputError, UsageError
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.lint import load_rules
from vcpuid.rules.qemu.knowledge import known_versions, load_qemu
from vcpuid.rules.qemu.lint import RULES


def linted(text: str, version: str = "7.2") -> LintedFile:
    return lint_text(Text(text.encode(), "a.cpu"), Basis(shipped_map(), qemu=choose_qemu(version, ())))


def rules_of(text: str, version: str = "7.2") -> list[str]:
    return [finding.rule.removeprefix("cpu.") for finding in linted(text, version).findings]


def test_every_rule_has_its_file() -> None:
    assert {path.stem for path in INPUTS} == load_rules(RULES, "cpu").keys()


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_a_fault_is_found_and_no_other(path: Path) -> None:
    assert {finding.rule for finding in lint_input(path).findings} == {f"cpu.{path.stem}"}


@pytest.mark.parametrize("version", known_versions())
def test_no_model_of_a_qemu_has_a_fault_by_itself(version: str) -> None:
    models = set(load_qemu(version).models)
    assert {model: found for model in models if (found := rules_of(model, version))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "Haswell,+avx2,-hle,model-id=My CPU,hv-spinlocks=0x1fff,tsc-freq=1G,level=0x20",
        "-cpu host,migratable=on",
        "qemu-system-x86_64 -enable-kvm -machine q35,vmport=off -cpu Skylake-Client-v3,enforce",
        "qemu-system-x86_64 -accel tcg",
        "qemu64,+kvm_pv_eoi,spec_ctrl=on",
        "Haswell,avx2=on,avx2=on",
    ],
)
def test_what_is_sound(text: str) -> None:
    assert rules_of(text) == []


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("Haswel,+avx2", "Did you mean Haswell?"),
        ("haswell,+avx2", "Did you mean Haswell?"),
        ("SierraForest", "It is a model of QEMU 10.0 or earlier, after 7.2: use that, or another model."),
        ("Haswell,+avx512_vnni", "Did you mean avx512vnni?"),
        ("Haswell,+HW_CPU_X86_SGX", "Did you mean sgx?"),
        ("Haswell,+clflushopd", "Did you mean clflushopt?"),
        ("Haswell,+lkgs", "It is known since QEMU 10.0 or earlier, after 7.2: use that, or leave it out."),
        ("Haswell,+nosuch", "`vcpuid explain` knows every feature by name or address."),
    ],
)
def test_what_is_advised(text: str, advice: str) -> None:
    (finding,) = linted(text).findings
    assert finding.mend == advice


def test_what_is_refused_depends_on_the_version() -> None:
    assert rules_of("Haswell,+lkgs", "7.2") == ["unknown-property"]
    assert rules_of("Haswell,+lkgs", "11.1") == []
    assert rules_of("Haswell,+fred", "11.1") == ["dependency"]
    assert rules_of("Haswell,+sgx1,level=0x12", "7.2") == []
    assert rules_of("Haswell,+sgx1,level=0x12", "11.1") == ["dependency"]


def test_a_feature_that_raises_no_maximum() -> None:
    assert rules_of("Haswell,+sgx1", "7.2") == ["above-maximum"]


def test_the_accelerator_decides_what_can_be_given() -> None:
    assert rules_of("qemu-system-x86_64 -accel tcg -cpu base,+sgx") == ["accelerator-lacks"]
    assert rules_of("qemu-system-x86_64 -accel kvm -cpu base,+sgx") == []
    # Of a string alone nobody knows who runs it.
    assert rules_of("base,+sgx") == []


def test_a_host_decides_what_its_kvm_gives_and_by_which_qemu() -> None:
    given = kvm(rows(_1_0=row(edx=1), _7_0=row(ebx=1 << 5)))
    host = host_of(evidence(kvm=given, qemu=qemu("7.2.22")))
    basis = Basis(shipped_map(), (host,), choose_qemu(None, (host,)))
    file = lint_text(Text(b"base,+avx2,+sgx,+fpu", "a.cpu"), basis)
    (finding,) = file.findings
    assert (finding.rule, finding.host) == ("cpu.accelerator-lacks", host.name)
    assert finding.message == "KVM cannot give sgx"
    assert basis.title_of_qemu == "the tables of QEMU 7.2"
    assert not lint_text(Text(b"-cpu base,+sgx -accel tcg", "a.cpu"), basis).findings[0].host


def test_without_a_version_the_newest_counts() -> None:
    assert choose_qemu(None, ()) is None
    assert Basis(shipped_map()).title_of_qemu == f"the tables of QEMU {known_versions()[-1]}"
    with pytest.raises(UsageError, match="no version of QEMU"):
        choose_qemu("newest", ())


@pytest.mark.parametrize("text", ["hello", "[x]\ny = none\n", "a, b\nc, d", "\udcff,+avx2"])
def test_what_is_no_cpu_string(text: str) -> None:
    raw = text.encode(errors="surrogateescape")
    with pytest.raises(InputError, match="no kind of file"):
        lint_text(Text(raw, "x"), Basis(shipped_map()))


def test_a_nova_conf_that_speaks_of_qemu_is_none() -> None:
    assert linted("[libvirt]\n# emulator qemu-kvm -cpu host\ncpu_mode = none\n").kind == "nova.conf"
