"""KubeVirt's cpu block."""

from __future__ import annotations

import sys

import pytest

from vcpuid.errors import InputError, UndecidedError
from vcpuid.guest.kubevirt import parse_kubevirt, render_kubevirt
from vcpuid.terms.guest import CpuMode, FeatureRequest, GuestCpu, Policy, Topology
from vcpuid.terms.place import Place

MANIFEST = """apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: web}
spec:
  template:
    spec:
      volumes:
      - cloudInitNoCloud:
          userData: |
            cpu: not this one
      domain:
        cpu:
          model: "Skylake-Client-IBRS"
          cores: 2   # a comment
          dedicatedCpuPlacement: true
          features:
          - name: sgx
            policy: require
          - {name: 'hle', policy: disable}
          - name: avx512f
          numa: {}
        features:
          hyperv: {relaxed: {}}
"""
JSON = '{"kind": "VirtualMachineInstance", "spec": {"domain": {"cpu": {"model": "host-passthrough"}}}}'


def asked(text: str) -> tuple[str | None, list[tuple[str, str]]]:
    cpu = parse_kubevirt(text, "vm.yaml").cpu
    return cpu.model or cpu.mode.value, [(request.name, request.policy.value) for request in cpu.requests]


def test_a_whole_manifest() -> None:
    cpu, beside = parse_kubevirt(MANIFEST, "vm.yaml")
    assert asked(MANIFEST) == (
        "Skylake-Client-IBRS",
        [("sgx", "require"), ("hle", "disable"), ("avx512f", "require")],
    )
    assert cpu.topology == Topology(1, 2, 1)
    assert [request.place.line for request in cpu.requests] == [17, 19, 20]
    assert [(entry.path, entry.place.line) for entry in beside] == [("cpu.numa", 21), ("domain.features", 23)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (JSON, ("host-passthrough", [])),
        ("model: EPYC\nfeatures:\n- name: avx", ("EPYC", [("avx", "require")])),
        ("cpu:\n  cores: 4", ("host-model", [])),
        ("cpu: {}", ("host-model", [])),
        ("domain: {cpu: {features: []}}", ("host-model", [])),
        ("cpu:\n  model: x\n  features:", ("x", [])),
        ("---\nkind: Secret\n---\nspec: {domain: {cpu: {model: x}}}", ("x", [])),
        ("a: &a {model: x}\ncpu: *a", ("x", [])),
    ],
)
def test_other_forms(text: str, expected: tuple[str, list[tuple[str, str]]]) -> None:
    assert asked(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Pod", "vm.yaml: no CPU block"),
        ("", "no CPU block"),
        ("- a", "no CPU block"),
        ("cpu: {model: a}\n---\ncpu: {model: b}", "vm.yaml:3: several CPU blocks"),
        ("cpu: [", "vm.yaml:1: not YAML"),
        ("cpu: \0", "not YAML"),
        ("cpu: {cores: many}", "no number"),
        ("cpu: {model: [a]}", "no text"),
        ("cpu:\n  features: avx", "vm.yaml:2: features is no list"),
        ("cpu: {features: [avx]}", "a feature without a name"),
        ("cpu: {features: [{name: avx, policy: maybe}]}", "an unknown policy: found 'maybe', expected force or"),
        ("[" * 20_000, "nested too deeply"),
        ("#" * (1 << 21), "too large"),
    ],
)
def test_what_is_none(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_kubevirt(text, "vm.yaml")


def test_without_pyyaml_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)  # an import of it fails
    with pytest.raises(UndecidedError, match=r"prepare_venv\.py kubevirt"):
        parse_kubevirt("cpu: {}", "vm.yaml")


def test_it_is_written() -> None:
    place = Place("x")
    requests = (FeatureRequest("sgx", Policy.REQUIRE, place), FeatureRequest("3dnow", Policy.FORBID, place))
    cpu = GuestCpu(CpuMode.CUSTOM, "486", requests, place, topology=Topology(1, 2, 2))
    assert render_kubevirt(cpu) == (
        'cpu:\n  cores: 2\n  sockets: 1\n  threads: 2\n  model: "486"\n  features:\n'
        '  - name: sgx\n    policy: require\n  - name: "3dnow"\n    policy: forbid'
    )
    assert render_kubevirt(GuestCpu(CpuMode.DEFAULT, None, (), place)) == "cpu: {}"
