"""Reading a whole domain XML: the CPU, and what stands beside it and changes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lxml import etree

from vcpuid.errors import InputError
from vcpuid.guest.libvirt.cpu import parse_cpu
from vcpuid.guest.libvirt.values import number_in, parse_number, parse_size, parse_xml, place_of
from vcpuid.terms.epc import EpcSection
from vcpuid.terms.guest import Accelerator, CpuMode, GuestCpu
from vcpuid.terms.place import Place

QEMU_NAMESPACE = "{http://libvirt.org/schemas/domain/qemu/1.0}"
_ACCELERATOR_OF_TYPE = {"kvm": Accelerator.KVM, "qemu": Accelerator.TCG}


@dataclass(frozen=True, slots=True)
class MaxMemory:
    """The memory up to which a guest may grow, EPC included, and the slots for it; libvirt 9.0 wants both."""

    size_bytes: int
    slots: int | None
    place: Place


@dataclass(frozen=True, slots=True)
class DomainDefinition:
    """What one domain XML says of the guest's CPU.

    Attributes:
        name: The domain's name; empty where the XML has none.
        accelerator: From the domain's type; None for a type that is neither kvm nor qemu.
        emulator: The QEMU binary's path, or None for libvirt's default.
        machine: The machine type, or None.
        cpu: The CPU that is asked for; DEFAULT mode where there is no <cpu> with a mode or model.
        passthrough: The arguments in <qemu:commandline>, in order.
        launch_security: The <launchSecurity> type, or None.
        switches: Elements below <features>, <clock> and <devices> by their path, as in
            `features/hyperv/vapic` or `clock/timer/kvmclock`, with their attributes.
        place: Where the XML stands.
        max_vcpus: The most virtual CPUs that the guest may have; None where there is no <vcpu>.
        memory_bytes: The memory with which it starts, EPC included; None where there is no <memory>.
        max_memory: The memory up to which it may grow; None where nothing is said.
        epc: Its memory devices of model sgx-epc, in order.
        is_whole: Whether it is a <domain>; a <cpu> by itself says nothing of all that stands beside it.
    """

    name: str
    accelerator: Accelerator | None
    emulator: str | None
    machine: str | None
    cpu: GuestCpu
    passthrough: tuple[str, ...]
    launch_security: str | None
    place: Place
    switches: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    max_vcpus: int | None = None
    memory_bytes: int | None = None
    max_memory: MaxMemory | None = None
    epc: tuple[EpcSection, ...] = ()
    is_whole: bool = True


def parse_domain(text: str | bytes, source: str) -> DomainDefinition:
    """Read a domain's XML, or a bare <cpu> element.

    Places have a line where the text has more than one: the XML of a snapshot has lost its lines.

    Raises:
        InputError: It is not well-formed, its root is neither <domain> nor <cpu>, or a number in it is none.
    """
    root = parse_xml(text, source)
    if root.tag not in ("domain", "cpu"):
        raise InputError(
            "not a domain XML",
            source=source,
            line=root.sourceline,
            found=f"<{root.tag!s}>",
            expected="<domain>, as `virsh dumpxml NAME` prints it, or a <cpu>",
        )
    return read_domain(root, source)


def read_domain(root: etree._Element, source: str) -> DomainDefinition:
    """Read the tree of a domain's XML, or of a bare <cpu>.

    Raises:
        InputError: It has a word or number that libvirt does not know.
    """
    domain_type = root.get("type")
    security = root.find("launchSecurity")
    machine = root.find("os/type")
    element = root if root.tag == "cpu" else root.find("cpu")
    passthrough = root.findall(f"{QEMU_NAMESPACE}commandline/{QEMU_NAMESPACE}arg")
    vcpu, memory = root.find("vcpu"), root.find("memory")
    return DomainDefinition(
        name=root.findtext("name") or "",
        accelerator=_ACCELERATOR_OF_TYPE.get(domain_type) if domain_type else None,
        emulator=root.findtext("devices/emulator"),
        machine=None if machine is None else machine.get("machine"),
        cpu=_parse_cpu(element, source),
        passthrough=tuple(argument.get("value", "") for argument in passthrough),
        launch_security=None if security is None else security.get("type", "unknown"),
        place=Place(source),
        switches=dict(_walk_switches(root)),
        max_vcpus=_parse_count(vcpu, source),
        memory_bytes=None if memory is None else parse_size(memory, memory.text or "", source),
        max_memory=_parse_max_memory(root.find("maxMemory"), source),
        epc=tuple(_parse_epc(device, source) for device in root.iterfind("devices/memory[@model='sgx-epc']")),
        is_whole=root.tag == "domain",
    )


def _parse_cpu(element: etree._Element | None, source: str) -> GuestCpu:
    if element is None:
        return GuestCpu(CpuMode.DEFAULT, None, (), Place(source))
    return parse_cpu(element, source)


def _parse_count(element: etree._Element | None, source: str) -> int | None:
    text = "" if element is None else (element.text or "").strip()
    return None if element is None or not text else number_in(element, text, "the number", source)


def _walk_switches(root: etree._Element) -> Iterator[tuple[str, Mapping[str, str]]]:
    tree = root.getroottree()
    for parent in root.iterchildren("features", "clock"):
        for element in parent.iterdescendants(etree.Element):
            path = tree.getelementpath(element).partition("[")[0]
            # Timers share a tag; their name tells them apart.
            name = element.get("name") if element.tag == "timer" else None
            yield (f"{path}/{name}" if name else path), {str(key): str(text) for key, text in element.items()}


def _parse_max_memory(element: etree._Element | None, source: str) -> MaxMemory | None:
    if element is None:
        return None
    size_bytes = parse_size(element, element.text or "", source)
    return MaxMemory(size_bytes, parse_number(element, "slots", source), place_of(element, source))


def _parse_epc(device: etree._Element, source: str) -> EpcSection:
    size, node = device.find("target/size"), device.find("target/node")
    if size is None:
        raise InputError(
            "memory device of model sgx-epc without a size",
            source=source,
            line=device.sourceline,
            expected="<target><size unit='MiB'>64</size></target>",
        )
    return EpcSection(
        size_bytes=parse_size(size, size.text or "", source),
        host_nodes=(device.findtext("source/nodemask") or "").strip() or None,
        guest_node=_parse_count(node, source),
        place=place_of(device, source),
    )
