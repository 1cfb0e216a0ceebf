"""What `lint --host` says of this machine's models, and whether the real libvirt would start them."""

from __future__ import annotations

from functools import cache
from itertools import product
from pathlib import Path

import pytest
from lxml import etree

from programs import needs_kvm, needs_libvirt, virsh
from vcpuid.answers.lint import Basis, Text, lint_text
from vcpuid.answers.lint_host import LintHost, first_map, host_of
from vcpuid.evidence import Evidence
from vcpuid.gather.collect import collect
from vcpuid.gather.options import Options
from vcpuid.rules.libvirt.choice import choose_map
from vcpuid.snapshot import Snapshot
from vcpuid.terms.guest import Policy

FEATURES = ("avx2", "sgx", "svm", "mpx", "hle", "pku", "amx-tile", "3dnow", "la57", "invtsc")
DOMAIN = """<domain type='kvm'>
  <name>vcpuid-test</name>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  {cpu}
</domain>
"""


@cache
def this_host() -> LintHost:
    return host_of(Evidence(Snapshot.of(collect(Options(only=("libvirt",))))))


def judge(text: str) -> list[str]:
    host = this_host()
    findings = lint_text(Text(text.encode(), "x"), Basis(choose_map(None, first_map([host])), (host,))).findings
    return [finding.consequence for finding in findings if finding.host]


def refusal(text: str, folder: Path) -> str:
    path = folder / "domain.xml"
    path.write_text(text, encoding="utf-8")
    return virsh("domxml-to-native", "qemu-argv", path).stderr.strip()


@cache
def named_models() -> list[str]:
    capabilities = virsh("domcapabilities", "--virttype", "kvm").stdout
    models = etree.fromstring(capabilities.encode()).iterfind("cpu/mode[@name='custom']/model")
    return sorted({(model.text or "").strip() for model in models})


@needs_libvirt()
@needs_kvm()
def test_models_that_libvirt_refuses_and_no_others_are_blocked(tmp_path: Path) -> None:
    names = named_models()
    assert len(names) > 20
    differing = {}
    for name in names:
        text = DOMAIN.format(cpu=f"<cpu mode='custom'><model fallback='forbid'>{name}</model></cpu>")
        found, said = judge(text), refusal(text, tmp_path)
        if any("refused" in consequence for consequence in found) != bool(said):
            differing[name] = (found, said)
    assert not differing


@needs_libvirt()
@needs_kvm()
@pytest.mark.parametrize("policy", ["require", "forbid"])
@pytest.mark.parametrize("mode", ["custom", "host-model", "host-passthrough"])
@pytest.mark.parametrize("check", ["partial", "none", "full"])
def test_features_that_libvirt_refuses_and_no_others_are_found(
    mode: str, check: str, policy: str, tmp_path: Path
) -> None:
    differing = {}
    model = "<model>pentium3</model>" if mode == "custom" else ""
    for name in FEATURES:
        if name == "amx-tile" and policy == "forbid":
            continue  # libvirt 9.0 counts it as the host's where KVM does not give it; we do not know why
        feature = f"<feature policy='{policy}' name='{name}'/>"
        text = DOMAIN.format(cpu=f"<cpu mode='{mode}' check='{check}'>{model}{feature}</cpu>")
        found, said = judge(text), refusal(text, tmp_path)
        if any("refused" in consequence for consequence in found) != bool(said):
            differing[name] = (found, said)
    assert not differing


@needs_libvirt()
@needs_kvm()
@pytest.mark.parametrize("family", ["486", "kvm64"])
def test_what_a_definition_says_of_vendor_and_features_counts_for_us_as_for_libvirt(
    family: str, tmp_path: Path
) -> None:
    """Models that the host can run and others; a newer libvirt's versioned names are compared by QEMU's word."""
    names = {family, f"{family}-v1"}.intersection(named_models())
    assert names
    differing = {}
    vendors = ("", "<vendor>Intel</vendor>", "<vendor>AMD</vendor>")
    features = ("apic", "pse", "pni", "la57")
    requests = ("", *(f"<feature policy='{policy.value}' name='{one}'/>" for policy in Policy for one in features))
    for name, vendor, request in product(names, vendors, requests):
        text = DOMAIN.format(
            cpu=f"<cpu mode='custom'><model fallback='forbid'>{name}</model>{vendor}{request}</cpu>"
        )
        found, said = judge(text), refusal(text, tmp_path)
        if any("refused" in consequence for consequence in found) != bool(said):
            differing[name, vendor, request] = (found, said)
    assert not differing
