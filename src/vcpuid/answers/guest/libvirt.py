"""libvirt's domain XML as a definition, and a definition as XML.

What libvirt makes of the elements beside <cpu>, and in what order, was measured with `virsh domxml-to-native` of
libvirt 9.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from lxml import etree

from vcpuid.answers.guest.definition import (
    Definition,
    Loss,
    Written,
    lose_settings,
    translate_requests,
)
from vcpuid.guest.libvirt import DomainDefinition, parse_domain, render_cpu, set_cpu
from vcpuid.guest.libvirt.elements import Element, epc_element, escape, render_element
from vcpuid.rules.libvirt.definition import disable_removed
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.libvirt.switches import Switch, load_switches
from vcpuid.terms.epc import EpcSection
from vcpuid.terms.feature import Dialect
from vcpuid.terms.guest import CpuMode, GuestCpu, Setting

TITLE = "libvirt's domain XML"
INPUT = "a domain XML"

# What libvirt writes for an element that says off; for the others it writes nothing then.
_WRITTEN_OFF = frozenset(("kvm", "kvm-pv-ipi", "kvm-pv-eoi", "kvm-pv-unhalt", "kvmclock", "pmu"))
# What libvirt writes only for off: it is QEMU's default.
_WRITTEN_ON = frozenset(("kvm", "kvm-pv-ipi"))
# Elements that mean on without the attribute that says so.
_BARE = frozenset(("kvm-pv-unhalt", "pmu"))
# Elements with a value, by QEMU's property: the path, the attribute, and the element as it is written.
_VALUED = {
    "hv-spinlocks": (
        "features/hyperv/spinlocks",
        "retries",
        "<features><hyperv><spinlocks state='on' retries='{}'/></hyperv></features>",
    ),
    "hv-vendor-id": (
        "features/hyperv/vendor_id",
        "value",
        "<features><hyperv><vendor_id state='on' value='{}'/></hyperv></features>",
    ),
    "tsc-frequency": (
        "clock/timer/tsc",
        "frequency",
        "<clock><timer name='tsc' frequency='{}'/></clock>",
    ),
}
# The order in which libvirt writes what is no timer; timers come first, in the order of the XML.
_ORDER = (
    *("kvm-pv-eoi", "kvm-pv-unhalt", "hv-passthrough", "hv-relaxed", "hv-vapic", "hv-spinlocks", "hv-vpindex"),
    *("hv-runtime", "hv-synic", "hv-stimer", "hv-stimer-direct", "hv-reset", "hv-vendor-id", "hv-frequencies"),
    *("hv-reenlightenment", "hv-tlbflush", "hv-tlbflush-direct", "hv-tlbflush-ext", "hv-ipi", "hv-evmcs"),
    *("hv-avic", "hv-emsr-bitmap", "hv-xmm-input", "kvm", "kvm-hint-dedicated", "kvm-poll-control", "kvm-pv-ipi"),
    "pmu",
)
_TIMER = "clock/timer/"


def is_like(text: str) -> bool:
    """Tell whether a text is XML."""
    return text.startswith("<")


def read(text: str, source: str, cpu_map: CpuMap | None = None) -> Definition:
    """Read a domain's XML or a <cpu>; with a map, what that takes from the model counts as disabled.

    Raises:
        InputError: It is no such XML, or has a word that libvirt does not know.
    """
    domain = parse_domain(text, source)
    cpu = domain.cpu if cpu_map is None else disable_removed(Models(cpu_map), domain.cpu)
    if cpu.mode is not CpuMode.CUSTOM:
        cpu = replace(cpu, vendor_id=None)  # libvirt sets the vendor of a named model alone
    return Definition(Dialect.LIBVIRT, cpu, tuple(_settings_of(domain)), domain.epc, tuple(_losses_of(domain)))


def _settings_of(domain: DomainDefinition) -> list[Setting]:
    found = {}
    for name, switch in load_switches().items():
        attributes = domain.switches.get(switch.path or "")
        value = None if attributes is None or name == "hv-apicv" else _value_of(name, switch, attributes)
        if value is not None:
            found[name] = Setting(name, value, domain.place)
    for name, (path, attribute, _) in _VALUED.items():
        attributes = domain.switches.get(path, {})
        text = attributes.get(attribute)
        if text is not None and attributes.get("state", "on") == "on":
            is_number = name != "hv-vendor-id" and re.fullmatch(r"[0-9]{1,18}", text)
            found[name] = Setting(name, int(text) if is_number else text, domain.place)
    timers = [path for path in domain.switches if path.startswith(_TIMER)]
    by_timer = {path: name for name, path in _paths().items() if path in timers}
    order = [by_timer[path] for path in timers if path in by_timer] + [*_ORDER]
    return sorted(found.values(), key=lambda setting: order.index(setting.name))


def _paths() -> dict[str, str]:
    paths = {name: switch.path for name, switch in load_switches().items() if switch.path}
    return paths | {name: path for name, (path, _, _) in _VALUED.items()}


def _value_of(name: str, switch: Switch, attributes: Mapping[str, str]) -> bool | None:
    said = set(attributes) & {"state", "present", "eoi", "mode"}
    if not said and name not in _BARE:
        return None
    if name == "hv-passthrough" and attributes.get("mode") != "passthrough":
        return None
    is_on = switch.is_on(attributes)
    return is_on if name in (_WRITTEN_OFF if not is_on else load_switches().keys() - _WRITTEN_ON) else None


def _losses_of(domain: DomainDefinition) -> Iterator[Loss]:
    if domain.passthrough:
        yield Loss("<qemu:commandline>", "arguments that are passed through are not read here", domain.place)
    if domain.launch_security is not None:
        yield Loss(f"<launchSecurity type='{domain.launch_security}'>", "it is not carried over", domain.place)


def write(definition: Definition, cpu_map: CpuMap | None = None) -> Written:
    """Write a definition as a <cpu>; as a <domain> with nothing else in it where elements beside it are needed."""
    requests, losses = translate_requests(definition, Dialect.LIBVIRT)
    cpu = replace(definition.cpu, requests=requests)
    if cpu.mode is CpuMode.CUSTOM and definition.dialect is Dialect.QEMU:
        cpu = replace(cpu, fallback=False)  # QEMU takes no other model than the one that is named
    losses += _lost_in_cpu(cpu, cpu_map or shipped_map())
    if cpu.mode is not CpuMode.CUSTOM and cpu.vendor_id is not None:
        losses.append(Loss(f"vendor={cpu.vendor_id}", "libvirt sets the vendor of a named model alone", cpu.place))
        cpu = replace(cpu, vendor_id=None)
    elements = []
    for setting in definition.beside:
        element = _element_of(setting)
        if element is None:
            losses += lose_settings((setting,), "libvirt's domain XML has no element for it")
        else:
            elements.append(element)
    if not elements and not definition.epc:
        return Written(render_cpu(cpu), tuple(losses))
    for section in definition.epc:
        why = "of EPC memory only the device is written; libvirt 9.0 wants <maxMemory> and a NUMA cell too"
        losses.append(Loss("what EPC memory needs", why, section.place))
    text = set_cpu(_with_elements(elements, definition.epc), cpu, "the domain")
    return Written(text, tuple(losses))


def _lost_in_cpu(cpu: GuestCpu, cpu_map: CpuMap) -> Iterator[Loss]:
    if cpu.mode is CpuMode.CUSTOM and cpu.model not in cpu_map.models:
        why = f"libvirt refuses it: {cpu_map.title} has no such model"
        yield Loss(f"model {cpu.model}", why, cpu.place)
    is_passing = cpu.mode in (CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM)
    if cpu.migratable is not None and not is_passing:
        yield Loss(
            f"migratable={'on' if cpu.migratable else 'off'}",
            "libvirt has it for host-passthrough alone",
            cpu.place,
        )


def _element_of(setting: Setting) -> str | None:
    name, value = setting.name, setting.value
    if name in _VALUED and not isinstance(value, bool):
        return _VALUED[name][2].format(escape(str(value)))
    switch = load_switches().get(name)
    if switch is None or not isinstance(value, bool):
        return None
    # The table has the element for on.
    return switch.element if value else _turned_off(switch)


def _turned_off(switch: Switch) -> str | None:
    if switch.name == "kvm":
        return switch.element.replace("'off'", "'on'")
    if switch.name == "hv-passthrough":
        return None
    head, _, last = switch.element.rpartition("'on'")
    if not head:
        head, _, last = switch.element.rpartition("'yes'")
        return f"{head}'no'{last}" if head else None
    return f"{head}'off'{last}"


def _with_elements(elements: Sequence[str], epc: Sequence[EpcSection]) -> str:
    """Give a domain with these elements, those of one parent put together."""
    root = etree.Element("domain", {"type": "kvm"})
    for text in elements:
        _merge(root, etree.fromstring(text))
    # <features> stands before <cpu>, and <clock> behind it.
    children = [_to_element(child) for child in sorted(root, key=lambda child: child.tag != "features")]
    if epc:
        children.append(Element("devices", {}, None, tuple(epc_element(section) for section in epc)))
    return render_element(Element("domain", {"type": "kvm"}, None, tuple(children)))


def _merge(parent: etree._Element, element: etree._Element) -> None:
    def is_same(other: etree._Element) -> bool:
        return other.tag == element.tag and other.get("name") == element.get("name")

    known = next(filter(is_same, parent), None)
    if known is None:
        parent.append(element)
        return
    known.attrib.update(element.attrib)
    for child in list(element):
        _merge(known, child)


def _to_element(element: etree._Element) -> Element:
    attributes = {str(name): str(text) for name, text in element.items()}
    return Element(str(element.tag), attributes, None, tuple(_to_element(child) for child in element))
