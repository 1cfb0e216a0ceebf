"""`lint`: which kind of file is which, by whose map, for which host, and what cannot be linted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from domain_lint import CAPABILITIES, MODELS, lint_host
from map_defects import TINY
from snapshots import Data, cpu_map, evidence, failed, libvirt
from vcpuid.answers.lint import CPU_MAP, Basis, LintReport, Text, lint, lint_text
from vcpuid.answers.lint_host import LintHost, first_map, host_of
from vcpuid.errors import InputError
from vcpuid.rules.libvirt.choice import choose_map
from vcpuid.rules.libvirt.map_lint import lint_file
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.terms.finding import Finding

BASIS = Basis(shipped_map())
CPU = "<cpu mode='custom'><model>qemu64</model></cpu>"


def read(path: str) -> Text:
    return Text(Path(path).read_bytes(), path)


def kind_of(text: str) -> str:
    return lint_text(Text(text.encode(), "x"), BASIS).kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<domain/>", "domain XML"),
        (f"\ufeff<?xml version='1.0'?>\n<!-- mine -->\n{CPU}", "domain XML"),
        ("<cpus/>", "CPU map of libvirt"),
        ("<feature name='x'><cpuid eax_in='1' ebx='1'/></feature>", "CPU map of libvirt"),
        ("<!-- a piece -->\n<feature name='x'/>\n<feature name='y'/>", "CPU map of libvirt"),
    ],
)
def test_the_content_shows_the_kind(text: str, kind: str) -> None:
    assert kind_of(text) == kind


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x: empty"),
        (" \n", "x: empty"),
        ("[qemu]\nuser = root\n", "found '[qemu]'"),
        ("<html><body/></html>", "found <html>"),
        ("<domain>", "not well-formed XML"),
        ("<domain/><domain/>", "not well-formed XML"),
        ("<model-list><model name='x'", "not well-formed XML"),
        ("<!-- <cpus> --><domain><feature name='x'", "not well-formed XML"),
        ("<!DOCTYPE d [<!ENTITY e 'x'>]><domain>&e;</domain>", "a document type or entity declaration"),
        ("\x7fELF", "no kind of file that can be linted"),
    ],
)
def test_what_is_no_kind_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        kind_of(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "<cpus><feature name='a",
        "<?xml version='1.0'?>\n<!-- a > b -->\n<feature name='x'",
        "<vendor",
        "<feature name='x'/>and more",
    ],
)
def test_a_damaged_map_has_a_finding_as_map_lint_gives_it(text: str) -> None:
    linted = lint_text(Text(text.encode(), "x"), BASIS)
    assert (linted.kind, [finding.rule for finding in linted.findings]) == (CPU_MAP, ["map.not-well-formed"])
    assert linted.findings == tuple(lint_file(text.encode(), "x"))


def test_a_file_that_cannot_be_read_keeps_no_other_from_it(tmp_path: Path) -> None:
    good = tmp_path / "good.xml"
    good.write_text(CPU)
    report = lint([str(tmp_path / "none.xml"), str(good), str(TINY)], BASIS, read)
    assert [file.kind for file in report.files] == ["domain XML", "CPU map of libvirt"]
    assert [error.source for error in report.unread] == [str(tmp_path / "none.xml")]


def test_a_folder_that_is_no_map_is_refused(tmp_path: Path) -> None:
    [error] = lint([str(tmp_path)], BASIS, read).unread
    assert str(error).splitlines() == [
        f"{tmp_path}: not a CPU map of libvirt: found nothing, expected an index.xml",
        "  Name the folder that has libvirt's index.xml, as /usr/share/libvirt/cpu_map.",
    ]


def test_the_map_is_that_of_the_option_or_the_first_host() -> None:
    host = lint_host()
    assert choose_map(str(TINY), first_map([host])).source == str(TINY)
    assert choose_map(None, first_map([replace(host, libvirt=host_of(evidence()).libvirt), host])).title == (
        "the map of libvirt 9.0.0 (/usr/share/libvirt/cpu_map on h07)"
    )


def test_without_any_the_shipped_map_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vcpuid.rules.libvirt.choice.INSTALLED", "/nowhere")
    assert choose_map() is shipped_map()


# Hosts ------------------------------------------------------------------------------------------------


def on_hosts(text: str, *hosts: LintHost) -> list[Finding]:
    basis = Basis(choose_map(None, first_map(hosts)), hosts)
    return [finding for finding in lint_text(Text(text.encode(), "x"), basis).findings if finding.host]


def domain(cpu: str, type_: str = "kvm") -> str:
    return f"<domain type='{type_}'>{cpu}</domain>"


def asks(name: str, *, check: str = "partial", model: str = "qemu64") -> str:
    feature = f"<feature policy='require' name='{name}'/>"
    return domain(f"<cpu mode='custom' check='{check}'><model>{model}</model>{feature}</cpu>")


def test_each_host_is_judged_by_itself() -> None:
    able = CAPABILITIES.replace("name='avx2'/>", "name='avx2'/><feature policy='require' name='movbe'/>", 1)
    source = {"virttype": "kvm", "emulator": None, "machine": None, "xml": able}
    other = host_of(evidence(libvirt=libvirt(map_=cpu_map(models=MODELS), domain_capabilities=[source])))
    findings = on_hosts(asks("movbe"), lint_host(), replace(other, name="h08"))
    assert [(finding.host, finding.rule) for finding in findings] == [("h07", "domain.host-lacks-feature")]


@pytest.mark.parametrize(
    ("check", "consequence"),
    [
        ("partial", 'The start is refused there: "Host CPU does not provide required features: movbe".'),
        ("full", "libvirt stops it as soon as QEMU is up: "),
        ("none", "Nothing is compared: QEMU drops movbe with a line in its log, and the guest starts without."),
    ],
)
def test_the_check_says_what_becomes_of_a_feature(check: str, consequence: str) -> None:
    (finding,) = on_hosts(asks("movbe", check=check), lint_host())
    assert finding.consequence.startswith(consequence)


def test_what_the_cpu_has_and_kvm_has_not_is_dropped_and_no_start_refused() -> None:
    own = "<cpu><arch>x86_64</arch><model>Skylake</model><vendor>Intel</vendor></cpu>"
    capabilities = {"virttype": "kvm", "emulator": None, "machine": None, "xml": CAPABILITIES}
    source = libvirt(map_=cpu_map(models=MODELS), domain_capabilities=[capabilities], capabilities_cpu=own)
    (finding,) = on_hosts(asks("movbe"), host_of(evidence(libvirt=source)))
    assert finding.consequence.startswith("The CPU has what KVM or QEMU cannot give")


def test_what_the_guest_does_without_blocks_no_model() -> None:
    cpu = "<cpu mode='custom'><model>Skylake</model><feature policy='disable' name='movbe'/></cpu>"
    assert on_hosts(domain(cpu), lint_host()) == []


def test_a_model_that_the_host_can_run_is_fine() -> None:
    assert on_hosts(asks("avx2"), lint_host()) == []


class TestMapThatMarksModels:
    """libvirt 11.3: of a model without <check partial='compat'/> QEMU's word counts."""

    MODELS = (
        MODELS.replace("<model name='qemu64'>", "<model name='qemu64'><check partial='compat'/>")
        .replace("<model name='Skylake'>", "<model name='Skylake'><check partial='compat'/>")
        .replace("</cpus>", "<model name='Skylake-v1'><model name='Skylake'/></model></cpus>")
    )
    CUSTOM = "<model usable='yes'>qemu64</model>"
    BLOCKED = "".join(
        f"<model usable='no'>{name}</model><blockers model='{name}'><feature name='movbe'/></blockers>"
        for name in ("Skylake", "Skylake-v1")
    )
    OWN = "<cpu><arch>x86_64</arch><model>Skylake</model><vendor>Intel</vendor></cpu>"

    def host(self) -> LintHost:
        """The CPU has movbe, and KVM or QEMU does not give it."""
        capabilities = CAPABILITIES.replace(self.CUSTOM, self.CUSTOM + self.BLOCKED)
        answer = {"virttype": "kvm", "emulator": None, "machine": None, "xml": capabilities}
        source = libvirt(map_=cpu_map(models=self.MODELS), domain_capabilities=[answer], capabilities_cpu=self.OWN)
        return host_of(evidence(libvirt=source))

    def consequences(self, content: str) -> list[str]:
        return [one.consequence for one in on_hosts(domain(f"<cpu mode='custom'>{content}</cpu>"), self.host())]

    def test_a_marked_model_is_compared_with_the_cpu(self) -> None:
        (consequence,) = self.consequences("<model>Skylake</model>")
        assert consequence.startswith("The CPU has what KVM or QEMU cannot give")

    def test_the_start_of_another_is_refused_for_what_qemu_cannot_give(self) -> None:
        (consequence,) = self.consequences("<model>Skylake-v1</model>")
        assert consequence == ('The start is refused there: "Host CPU does not provide required features: movbe".')

    def test_so_it_is_for_a_feature_beside_it(self) -> None:
        cpu = "<model>Skylake-v1</model><feature policy='disable' name='movbe'/>"
        assert self.consequences(cpu) == []
        assert self.consequences(cpu.replace("disable", "require"))[1].startswith("The start is refused there")

    @pytest.mark.parametrize("policy", ["require", "optional", "force", "forbid"])
    def test_only_a_disabled_feature_blocks_it_no_more(self, policy: str) -> None:
        cpu = f"<model>Skylake-v1</model><feature policy='{policy}' name='movbe'/>"
        assert "The start is refused there" in self.consequences(cpu)[0]

    def test_its_vendor_is_not_compared(self) -> None:
        cpu = "<model>Skylake-v1</model><vendor>AMD</vendor><feature policy='disable' name='movbe'/>"
        assert self.consequences(cpu) == []
        (consequence,) = self.consequences(cpu.replace("-v1", ""))
        assert "host CPU vendor does not match" in consequence

    @pytest.mark.parametrize(("policy", "is_compared"), [("disable", False), ("optional", True)])
    def test_nor_is_that_of_a_model_that_the_host_can_run(self, policy: str, *, is_compared: bool) -> None:
        cpu = f"<model>qemu64</model><vendor>AMD</vendor><feature policy='{policy}' name='fpu'/>"
        assert bool(self.consequences(cpu)) is is_compared


@pytest.mark.parametrize("source", [{}, {"libvirt": failed("virsh", "no such command")}])
def test_a_host_without_libvirt_is_told_of(source: dict[str, Data]) -> None:
    (finding,) = on_hosts(asks("avx2"), host_of(evidence(**source)))
    assert finding.rule == "domain.host-untold"
    assert finding.mend


def test_tcg_is_not_judged_by_what_kvm_can_give() -> None:
    (finding,) = on_hosts(domain("<cpu mode='custom'><model>qemu64</model></cpu>", "qemu"), lint_host())
    assert finding.rule == "domain.host-untold"


def test_a_definition_that_cannot_be_read_is_told_once() -> None:
    basis = Basis(shipped_map(), (lint_host(),))
    file = lint_text(Text(b"<cpu mode='mine'/>", "x"), basis)
    assert [finding.rule for finding in file.findings] == ["domain.bad-value"]
    assert LintReport((file,), (), basis).findings == file.findings
