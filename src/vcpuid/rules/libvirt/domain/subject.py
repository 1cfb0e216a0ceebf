"""What all parts of the linter of domain XML share: its rules, and the definition with the map that judges it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from lxml import etree

from vcpuid.atlas.dating import known_in
from vcpuid.guest.libvirt import DomainDefinition
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.lint import LintRule, load_rules
from vcpuid.terms.feature import Dialect
from vcpuid.terms.finding import Finding, Severity
from vcpuid.terms.guest import Accelerator, Check, CpuMode, FeatureRequest, GuestCpu, Policy
from vcpuid.terms.place import Place

_NEWER = "11.3"  # the first libvirt after 9.0 that was measured

RULES = str(Path(__file__).parents[1] / "tables" / "domain_rules.toml")


def rule(name: str) -> LintRule:
    """Give a rule by its row."""
    return load_rules(RULES, "domain")[name]


def effective_check(definition: DomainDefinition) -> Check:
    """Give how libvirt 9.0 compares: `partial` before the start, `full` when QEMU is up, `none` never.

    Unless it is told, it compares what runs under KVM, and host-model under any accelerator. The host's own CPU
    it never compares before the start, whatever it is told. (Measured with virsh domxml-to-native.)
    """
    cpu = definition.cpu
    is_kvm = definition.accelerator is not Accelerator.TCG
    is_default = is_kvm or cpu.mode is CpuMode.HOST_MODEL
    check = cpu.check or (Check.PARTIAL if is_default else Check.NONE)
    if check is Check.PARTIAL and cpu.mode in (CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM):
        return Check.NONE
    return check


def refuses_forbidden(definition: DomainDefinition) -> bool:
    """Tell whether libvirt 9.0 refuses a start where the host has a feature of policy forbid.

    It does so under every check but `none`, in every mode; the host's own CPU has `none` unless it is told.
    """
    return effective_check(definition) is not Check.NONE or definition.cpu.check is Check.PARTIAL


@dataclass(frozen=True)
class Subject:
    """A definition and what its linters need to know.

    Attributes:
        definition: What was read.
        root: Its tree.
        source: Its file.
        cpu_map: The map that names and models are judged by.
    """

    definition: DomainDefinition
    root: etree._Element
    source: str
    cpu_map: CpuMap

    @property
    def cpu(self) -> GuestCpu:
        """The CPU that is asked for."""
        return self.definition.cpu

    @property
    def is_kvm(self) -> bool:
        """Whether the guest runs, or by a <cpu> alone may run, under KVM."""
        return self.definition.accelerator is Accelerator.KVM or not self.definition.is_whole

    @property
    def is_tcg(self) -> bool:
        """Whether the guest runs under TCG."""
        return self.definition.accelerator is Accelerator.TCG

    @property
    def is_compared(self) -> bool:
        """Whether libvirt compares the CPU with the host's before the start."""
        return effective_check(self.definition) is Check.PARTIAL

    def weighed(self, finding: Finding, old: Severity) -> Finding:
        """Give a finding the weight that it has by a map of libvirt 9.0 or older; newer ones do otherwise."""
        is_old = known_in(Dialect.LIBVIRT, _NEWER, self.cpu_map.version) is False
        return replace(finding, severity=old) if is_old else finding

    @cached_property
    def contents(self) -> frozenset[str]:
        """The features of the named model; empty without one, or for one that the map has not."""
        if self.cpu.mode is not CpuMode.CUSTOM or self.cpu.model is None:
            return frozenset()
        return self.cpu_map.model_features(self.cpu.model) or frozenset()

    @cached_property
    def vendor(self) -> str | None:
        """The vendor of the named model."""
        if self.cpu.mode is not CpuMode.CUSTOM or self.cpu.model is None:
            return None
        return next(
            (model.vendor for model in reversed(self.cpu_map.lineage(self.cpu.model)) if model.vendor), None
        )

    @cached_property
    def asked(self) -> dict[str, FeatureRequest]:
        """The features that are asked for, by name."""
        return {request.name: request for request in self.cpu.requests if request.policy.asks}

    @cached_property
    def required(self) -> dict[str, FeatureRequest]:
        """The features that are required, by name."""
        return {name: request for name, request in self.asked.items() if request.policy is Policy.REQUIRE}

    @property
    def element(self) -> etree._Element | None:
        """The <cpu>; None where the domain has none."""
        return self.root if self.root.tag == "cpu" else self.root.find("cpu")

    def find(self, path: str) -> etree._Element | None:
        """Give the first element of a path below <cpu>, or None."""
        return None if self.element is None else self.element.find(path)

    def place(self, path: str) -> Place:
        """Give where the first element of a path below <cpu> stands; the CPU's place where there is none."""
        element = self.find(path)
        return self.cpu.place if element is None else Place(self.source, element.sourceline)
