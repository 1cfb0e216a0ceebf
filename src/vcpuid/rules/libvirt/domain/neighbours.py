"""Elements beside <cpu> that say what a guest's CPU has: <features>, <clock>, <launchSecurity>."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from vcpuid.rules.libvirt.domain.subject import Subject, rule
from vcpuid.rules.libvirt.switches import Switch, load_switches
from vcpuid.terms.finding import Finding
from vcpuid.terms.place import Place

# QEMU's names of what KVM alone can give: its own interface and Hyper-V's.
_BY_KVM = ("kvm-", "kvmclock", "hv-")
_MODULES = {"sev-snp": "SEV-SNP", "tdx": "TDX"}


def lint(subject: Subject) -> Iterator[Finding]:
    """Give the findings of the elements beside <cpu>."""
    if subject.is_tcg:
        yield from _lint_switches(subject)
    security = subject.root.find("launchSecurity")
    module = _MODULES.get(subject.definition.launch_security or "")
    if security is not None and module is not None:
        yield rule("launch-security").finding(Place(subject.source, security.sourceline), module=module)


def _lint_switches(subject: Subject) -> Iterator[Finding]:
    told: set[str] = set()
    for name, switch in load_switches().items():
        path = switch.path
        if path is None or path in told or not name.startswith(_BY_KVM):
            continue
        attributes = subject.definition.switches.get(path)
        if attributes is None or not _says(switch, attributes):
            continue
        told.add(path)
        element = _find(subject.root, path)
        place = subject.definition.place if element is None else Place(subject.source, element.sourceline)
        yield rule("tcg-element").finding(place, tag=switch.tag)


def _says(switch: Switch, attributes: Mapping[str, str]) -> bool:
    """Tell whether an element turns a switch on by itself: <apic/> alone says nothing of eoi."""
    return switch.is_on(attributes) and switch.wanted.keys() <= attributes.keys()


def _find(root: etree._Element, path: str) -> etree._Element | None:
    if path.startswith("clock/timer/"):
        return root.find(f"clock/timer[@name='{path.rpartition('/')[2]}']")
    return root.find(path)
