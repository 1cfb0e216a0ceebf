"""The linter of domain XML: every rule is drawn, sound definitions have no fault, and what meets what."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain_lint import INPUTS, lint_input
from vcpuid.atlas.tables import load_table
from vcpuid.guest.libvirt import parse_xml
from vcpuid.rules.libvirt.domain import lint_domain
from vcpuid.rules.libvirt.domain.subject import RULES
from vcpuid.rules.libvirt.shipped import TABLES, shipped_map
from vcpuid.rules.lint import load_rules
from vcpuid.terms.finding import Finding

# A fault of which another one follows.
FOLLOWING = {
    "passthrough-cpu-fault": {"passthrough-cpu"},
    "epc-tcg": {"tcg-lacks"},
    "host-forbidden-feature": {"policy-forbid"},
    "host-mode": {"passthrough-ties"},
    "host-without-sgx": {"host-lacks-feature", "host-model-blocked"},
    "host-unknown-model": {"mitigations"},
}


UNCHECKED = "mode='custom' check='none'"


def lint(text: str) -> tuple[Finding, ...]:
    return lint_domain(parse_xml(text, "web-1.xml"), "web-1.xml", shipped_map())


def rules_of(text: str) -> list[str]:
    return [finding.rule.removeprefix("domain.") for finding in lint(text)]


def cpu(inside: str, attributes: str = "mode='custom'") -> str:
    return f"<cpu {attributes}>\n<model>qemu64</model>\n{inside}</cpu>"


def test_every_rule_has_its_file() -> None:
    assert {path.stem for path in INPUTS} == load_rules(RULES, "domain").keys()


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_a_fault_is_found_and_no_other(path: Path) -> None:
    findings = lint_input(path).findings
    drawn = {finding.rule.removeprefix("domain.") for finding in findings}
    assert drawn == {path.stem} | FOLLOWING.get(path.stem, set())
    assert all(finding.consequence and finding.mend for finding in findings)
    assert all(finding.host == ("h07" if finding.rule.startswith("domain.host-") else "") for finding in findings)


@pytest.mark.parametrize(
    "text",
    [
        cpu("<feature policy='require' name='avx2'/>"),
        cpu("<feature policy='disable' name='lm'/>\n<feature policy='disable' name='avx512f'/>"),
        "<cpu mode='host-model' check='partial'/>",
        "<domain type='kvm'><vcpu>4</vcpu><cpu><topology sockets='1' cores='2' threads='2'/></cpu></domain>",
        "<domain type='qemu'><cpu mode='maximum' check='none'/></domain>",
        "<domain type='kvm'/>",
        # libvirt itself writes check='none' for a type without KVM.
        f"<domain type='qemu'>{cpu('', UNCHECKED)}</domain>",
        # A host's CPU, as capabilities print it.
        "<cpu><arch>x86_64</arch><model>Nehalem</model><microcode version='1'/><feature name='sgx'/></cpu>",
        # A firmware's features are no CPU's.
        "<domain type='kvm'><os><firmware><feature enabled='yes' name='secure-boot'/></firmware></os></domain>",
        # Someone else's element is no business of ours.
        "<cpu mode='host-model'><x:note xmlns:x='urn:x'/></cpu>",
    ],
)
def test_a_sound_definition_has_no_fault(text: str) -> None:
    assert rules_of(text) == []


def test_every_line_is_told_in_order() -> None:
    text = cpu("\n".join(f"<feature policy='require' name='{name}'/>" for name in ("x1y2z3", "SGX", "+vmx")))
    assert [(finding.place.line, finding.rule) for finding in lint(text)] == [
        (3, "domain.unknown-feature"),
        (4, "domain.feature-spelling"),
        (5, "domain.feature-written-as-option"),
    ]


def test_the_sign_of_an_option_becomes_a_policy() -> None:
    (finding,) = lint(cpu("<feature policy='require' name='-sha_ni'/>"))
    assert finding.mend == "Write <feature policy='disable' name='sha-ni'/>."


def test_a_misspelt_name_is_suggested_in_libvirts_spelling() -> None:
    fixes = [
        lint(cpu(f"<feature policy='require' name='{name}'/>"))[0].mend
        for name in ("sgx-lc", "avx512vpopcnt", "HW_CPU_X86_AVX512VNN")
    ]
    assert fixes == ["Did you mean sgxlc?", "Did you mean avx512-vpopcntdq?", "Did you mean avx512vnni?"]


@pytest.mark.parametrize("policy", ["force", "forbid", "optional"])
@pytest.mark.parametrize(
    ("attributes", "is_compared"),
    [
        ("mode='custom'", True),
        ("mode='custom' check='partial'", True),
        ("mode='custom' check='full'", False),
        (UNCHECKED, False),
        ("mode='host-model'", True),
        ("mode='host-passthrough' check='partial'", False),
        ("mode='maximum'", False),
    ],
)
def test_without_a_comparison_every_policy_is_on_or_off(
    policy: str, attributes: str, *, is_compared: bool
) -> None:
    text = f"<cpu {attributes}><model>qemu64</model><feature policy='{policy}' name='avx2'/></cpu>"
    # What is forbidden is looked for under every check but none.
    is_refused = policy == "forbid" and ("partial" in attributes or "full" in attributes)
    assert (f"policy-{policy}" in rules_of(text)) is (is_compared or is_refused)


@pytest.mark.parametrize(("mode", "is_compared"), [("custom", False), ("host-model", True)])
def test_under_tcg_only_host_model_is_compared_by_default(mode: str, *, is_compared: bool) -> None:
    feature = "<feature policy='forbid' name='avx2'/>"
    text = f"<domain type='qemu'><cpu mode='{mode}'><model>qemu64</model>{feature}</cpu></domain>"
    assert ("policy-forbid" in rules_of(text)) is is_compared


def test_each_cpu_option_is_told_at_its_line() -> None:
    arguments = ["-cpu", "max", "-device", "x", "-cpu", "Nehalem"]
    inside = "".join(f"\n<q:arg value='{argument}'/>" for argument in arguments)
    text = (
        "<domain type='kvm' xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>"
        f"<q:commandline>{inside}</q:commandline></domain>"
    )
    assert [finding.place.line for finding in lint(text)] == [2, 6]


def test_a_zhaoxin_model_may_have_what_the_manuals_call_intels() -> None:
    text = "<cpu mode='custom'><model>YongFeng</model>{}</cpu>"
    assert "feature-of-another-vendor" not in rules_of(text.format("<feature policy='require' name='spec-ctrl'/>"))
    assert "feature-of-another-vendor" in rules_of(text.format("<feature policy='require' name='svm'/>"))


def test_one_of_several_mitigations_is_enough() -> None:
    features = "".join(
        f"<feature policy='require' name='{row['names'].split('|')[-1]}'/>"
        for row in load_table("mitigations", TABLES)
        if row["vendor"] == "AMD"
    )
    assert "mitigations" in rules_of("<cpu mode='custom'><model>Opteron_G5</model></cpu>")
    assert "mitigations" not in rules_of(f"<cpu mode='custom'><model>Opteron_G5</model>{features}</cpu>")


def test_every_name_of_the_tables_is_libvirts() -> None:
    names = {name for row in load_table("mitigations", TABLES) for name in row["names"].split("|")}
    names |= {row["name"] for row in load_table("tcg", TABLES)}
    assert names <= shipped_map().features.keys()
