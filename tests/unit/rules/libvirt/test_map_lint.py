"""The linter of libvirt's CPU map: every rule is drawn, and sound maps have no fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from map_defects import TINY, Defect, load_defects
from vcpuid.errors import InputError
from vcpuid.rules.libvirt.lint_common import RULES
from vcpuid.rules.libvirt.map_lint import lint_file, lint_map, read_and_lint
from vcpuid.rules.lint import load_rules
from vcpuid.terms.finding import Finding, Severity

INSTALLED = Path("/usr/share/libvirt/cpu_map")
DEFECTS = load_defects()
SGX = "<feature name='sgx'><cpuid eax_in='0x07' ecx_in='0x00' ebx='{}'/></feature>"


def rules_of(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.rule.removeprefix("map.") for finding in findings]


def lint(text: str) -> tuple[Finding, ...]:
    return lint_file(text.encode(), "x.xml")


def test_the_tiny_map_is_sound() -> None:
    assert read_and_lint(TINY) == ()


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_is_found_and_no_other(defect: Defect, tmp_path: Path) -> None:
    folder = defect.spoil(tmp_path / "map")
    findings = read_and_lint(folder)
    assert rules_of(findings) == list(defect.rules)
    assert all(finding.consequence and finding.mend for finding in findings)


def test_every_rule_is_drawn() -> None:
    alone = {"unfamiliar-feature"}  # a file by itself, below
    assert {rule for defect in DEFECTS for rule in defect.rules} | alone == load_rules(RULES, "map").keys()


def test_the_installed_map_has_no_error() -> None:
    if not INSTALLED.is_dir():
        pytest.skip("needs libvirt's CPU map (Debian package libvirt0)")
    assert not [finding for finding in read_and_lint(INSTALLED) if finding.severity is not Severity.NOTE]


def test_the_value_of_a_register_leads_to_the_bit_that_was_meant() -> None:
    (finding,) = lint(SGX.format("0x029c6fbf"))
    assert finding.rule == "map.register-value"
    assert finding.expected == "CPUID.07H.0:EBX[2]"
    assert finding.mend == "Write <cpuid eax_in='0x07' ecx_in='0x00' ebx='0x00000004'/>."


def test_the_bits_of_a_mask_of_an_unknown_name_are_named() -> None:
    (finding,) = lint(SGX.format("0x0000000c").replace("'sgx'", "'zz'"))
    assert finding.rule == "map.several-bits"
    assert finding.mend == "Write the one bit that is meant, of CPUID.07H.0:EBX[2] sgx, CPUID.07H.0:EBX[3] bmi1."


@pytest.mark.parametrize("number", ["0x4", "0X4", "4", "04", " 0x4", "+4"])
def test_numbers_are_read_as_libvirt_reads_them(number: str) -> None:
    assert set(rules_of(lint(SGX.format(number)))) <= {"octal"}


@pytest.mark.parametrize("number", ["-4", "0o4", "0b100", "4 ", "0x", "", "x4", "4_0", "٤"])
def test_what_libvirt_does_not_read_is_no_number(number: str) -> None:
    assert rules_of(lint(SGX.format(number))) == ["bad-number"]


def test_the_bits_that_older_versions_gave_a_name_are_no_fault() -> None:
    entry = "<feature name='vmx-ept'><msr index='0x48b' edx='{}' eax='{}'/></feature>"
    assert lint(entry.format("0x00000002", "0x00000000")) == ()
    assert lint(entry.format("0x00000000", "0x00000002")) == ()
    assert rules_of(lint(entry.format("0x00000000", "0x00000004"))) == ["wrong-bit"]


def test_a_fragment_of_several_elements_is_linted_with_its_lines() -> None:
    text = "\n".join([SGX.format("0x00000004"), SGX.format("0x00000004"), "<vendor name='X' string='short'/>"])
    assert [(finding.rule, finding.place.line) for finding in lint(text)] == [
        ("map.duplicate-name", 2),
        ("map.vendor-string", 3),
    ]


def test_a_model_alone_may_have_features_of_another_file() -> None:
    model = "<cpus><model name='A'><model name='B'/><decode host='on' guest='on'/>{}</model></cpus>"
    assert lint(model.format("<feature name='avx512f'/><vendor name='Intel'/>")) == ()
    (finding,) = lint(model.format("<feature name='avx-512f'/>"))
    assert finding.rule == "map.unfamiliar-feature"
    assert "avx512f" in finding.mend


def test_an_unreadable_file_is_not_blamed_on_the_models() -> None:
    files = {path.name: path.read_bytes() for path in TINY.iterdir()}
    files["x86_features.xml"] = b"<cpus>"
    assert rules_of(lint_map(files, "map")) == ["not-well-formed"]


def test_a_finding_of_each_missing_feature_counts_the_models() -> None:
    files = {path.name: path.read_bytes() for path in TINY.iterdir()}
    files["x86_features.xml"] = files["x86_features.xml"].replace(b"name='avx2'", b"name='rdctl-no2'")
    files["x86_Older.xml"] = files["x86_Older.xml"].replace(b"<feature name='tsc'/>", b"<feature name='avx2'/>")
    messages = [finding.message for finding in lint_map(files, "map") if finding.rule == "map.unknown-feature"]
    assert messages == [
        "model Older (and 1 more) has feature avx2, which the map has not, or has later",
    ]


@pytest.mark.parametrize("text", ["<domain type='kvm'/>", "<cpu><topology/></cpu>", "", "[libvirt]"])
def test_another_file_is_no_map(text: str) -> None:
    with pytest.raises(InputError, match="not a CPU map"):
        lint(text)


def test_a_folder_without_an_index_is_no_map(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a CPU map"):
        read_and_lint(tmp_path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_and_lint(tmp_path / "no.xml")


def test_the_index_stands_for_its_folder() -> None:
    assert read_and_lint(TINY / "index.xml") == read_and_lint(TINY)
