"""The linter of nova.conf: every rule is drawn, by its own file and in its own place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_lint import INPUTS, lint_host, lint_input
from vcpuid.answers.lint import Basis, LintedFile, Text, lint_text
from vcpuid.answers.lint_nova import lint_nova_on_hosts
from vcpuid.guest.nova import parse_ini
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.lint import load_rules
from vcpuid.rules.nova.lint import lint_conf, read_subject
from vcpuid.rules.nova.lint.subject import RULES


def lint(text: str) -> LintedFile:
    return lint_text(Text(text.encode(), "nova.conf"), Basis(shipped_map()))


def drawn(text: str) -> list[tuple[str, int | None]]:
    return [(finding.rule.removeprefix("nova."), finding.place.line) for finding in lint(text).findings]


def test_every_rule_has_its_file() -> None:
    assert {path.stem for path in INPUTS} == set(load_rules(RULES, "nova"))


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_a_file_draws_its_rule(path: Path) -> None:
    findings = lint_input(path).findings
    rules = [finding.rule for finding in findings]
    assert f"nova.{path.stem}" in rules
    for finding in findings:
        assert finding.place.line
        assert finding.mend.endswith((".", "?"))
        when = ("At the start", "When a guest is", "When a guest migrates", "It ", "Nothing ")
        assert finding.consequence.startswith(when)


@pytest.mark.parametrize(
    "text",
    [
        "[DEFAULT]\ndebug = true\n",
        "[libvirt]\ncpu_mode = host-model\n",
        "[libvirt]\nvirt_type = kvm\ncpu_mode = host-model\ncpu_model_extra_flags = pcid, -mmxext\n",
        "[database]\nconnection = x://y\n[libvirt]\nimages_type = rbd\n",
    ],
)
def test_nothing_is_said_of_what_is_right(text: str) -> None:
    assert drawn(text) == []


@pytest.mark.parametrize(
    ("flags", "written"),
    [
        ("+pcid, vmx", "+pcid, vmx, spec-ctrl, stibp, ssbd, md-clear"),
        ("ssbd, -rdrand, ssbd", "ssbd, -rdrand, spec-ctrl, stibp, md-clear"),
        ("-ssbd, pcid", "pcid, spec-ctrl, stibp, ssbd, md-clear"),
        ("", "spec-ctrl, stibp, ssbd, md-clear"),
    ],
)
def test_the_line_against_attacks_keeps_the_flags_that_are_there(flags: str, written: str) -> None:
    head = "[libvirt]\ncpu_mode = custom\ncpu_models = Nehalem\ncpu_model_extra_flags = "
    (finding,) = (one for one in lint(f"{head}{flags}\n").findings if one.rule == "nova.mitigations")
    assert finding.mend == f"Write cpu_model_extra_flags = {written}, or choose a newer model."
    assert "mitigations" not in {rule for rule, _ in drawn(f"{head}{written}\n")}


def test_findings_stand_in_the_order_of_lines() -> None:
    text = "[libvirt]\ncpu_model_extra_flags = zz-top,\n  aes,\n  yy-top\ncpu_mode = host-passthrough\n"
    assert drawn(text) == [("unknown-flag", 2), ("unknown-flag", 4), ("passthrough-ties", 5)]


def test_a_models_flags_count_against_attacks() -> None:
    flags = "spec-ctrl, stibp, ssbd, md-clear"
    text = f"[libvirt]\ncpu_mode = custom\ncpu_models = Nehalem\ncpu_model_extra_flags = {flags}\n"
    assert "mitigations" not in dict(drawn(text))


@pytest.mark.parametrize(
    ("more", "when"),
    [
        ("cpu_mode = custom\ncpu_models = kvm64", "At the start"),
        ("cpu_mode = host-model", "When a guest is spawned"),
        ("cpu_mode = custom\ncpu_models = kvm64\nvirt_type = qemu", "When a guest is spawned"),
        (
            "cpu_mode = custom\ncpu_models = kvm64\n[workarounds]\nskip_cpu_compare_at_startup = 1",
            "When a guest is spawned",
        ),
    ],
)
def test_when_an_unknown_flag_comes_to_light(more: str, when: str) -> None:
    findings = lint(f"[libvirt]\ncpu_model_extra_flags = zz-top\n{more}\n").findings
    (unknown,) = (finding for finding in findings if finding.rule == "nova.unknown-flag")
    assert unknown.consequence.startswith(when)


def test_files_that_are_read_together_are_judged_together() -> None:
    files = [
        parse_ini("[libvirt]\ncpu_models = Nehalem\nvirt_type = qemu\n", "a.conf"),
        parse_ini("[libvirt]\ncpu_mode = custom\nvirt_type = qemu\n", "b.conf"),
    ]
    findings = lint_conf(read_subject(files, shipped_map()))
    found = [(finding.rule, finding.place.source, finding.place.line) for finding in findings]
    assert found == [("nova.overridden", "a.conf", 3), ("nova.virt-type-qemu", "b.conf", 3)]


def test_a_host_that_gives_all_draws_nothing() -> None:
    host = lint_host("h07", "<model>Skylake</model>")
    subject = read_subject([parse_ini("[libvirt]\ncpu_mode = custom\ncpu_models = Skylake\n", "x")], shipped_map())
    assert list(lint_nova_on_hosts(subject, [host, host])) == []


LINES = (
    *(
        "[libvirt]",
        "[DEFAULT]",
        "[workarounds]",
        "cpu_mode = custom",
        "cpu_mode = none",
        "cpu_models = Nehalem, EPYC",
    ),
    *("cpu_model_extra_flags = +a,-a,,vmx", "virt_type = lxc", "virt_type = $x", "=", " x", "x"),
)


@given(st.lists(st.sampled_from(LINES), max_size=8))
def test_any_file_is_linted(lines: list[str]) -> None:
    text = "\n".join(["[libvirt]", *lines])
    file = parse_ini(text, "nova.conf")
    findings = lint(text).findings
    assert any(finding.rule == "nova.syntax" for finding in findings) == (file.fault is not None)
