"""libvirt's domain XML: the <cpu> element and its neighbours that change the guest's CPU.

Source of the format: libvirt's documentation, "Domain XML format": CPU model and topology, and the QEMU
driver's command-line passthrough.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from lxml import etree

from vcpuid.errors import InputError
from vcpuid.terms.guest import Accelerator, CpuMode, FeatureRequest, GuestCpu, Policy
from vcpuid.terms.place import Place

_Kind = TypeVar("_Kind", CpuMode, Policy)

SIZE_LIMIT_BYTES = 4 * 1024 * 1024
_QEMU_NAMESPACE = "{http://libvirt.org/schemas/domain/qemu/1.0}"
_ACCELERATOR_OF_TYPE = {"kvm": Accelerator.KVM, "qemu": Accelerator.TCG}


@dataclass(frozen=True, slots=True)
class DomainDefinition:
    """What one domain XML says of the guest's CPU.

    Attributes:
        name: The domain's name; empty where the XML has none.
        accelerator: From the domain's type; None for a type that is neither kvm nor qemu.
        emulator: The QEMU binary's path, or None for libvirt's default.
        machine: The machine type, or None.
        cpu: The CPU that is asked for; DEFAULT mode where there is no <cpu> with a mode or model.
        check: The <cpu>'s `check` attribute, or None.
        passthrough: The arguments in <qemu:commandline>, in order.
        launch_security: The <launchSecurity> type, or None.
        switches: Elements below <features>, <clock> and <devices> by their path, as in
            `features/hyperv/vapic` or `clock/timer/kvmclock`, with their attributes.
        place: Where the XML stands.
    """

    name: str
    accelerator: Accelerator | None
    emulator: str | None
    machine: str | None
    cpu: GuestCpu
    check: str | None
    passthrough: tuple[str, ...]
    launch_security: str | None
    place: Place
    switches: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def parse_xml(text: str | bytes, source: str) -> etree._Element:
    """Parse XML from strangers: no entities, no network, no deep or huge trees.

    Raises:
        InputError: The text is not well-formed, too large, or declares a document type.
    """
    raw = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    if len(raw) > SIZE_LIMIT_BYTES:
        raise InputError(
            "too large for libvirt XML",
            source=source,
            found=f"{len(raw)} bytes",
            expected=f"at most {SIZE_LIMIT_BYTES}",
        )
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        reason = getattr(error, "msg", None) or error
        raise InputError(f"not well-formed XML: {reason}", source=source, line=line) from None
    if root.getroottree().docinfo.doctype:
        raise InputError(
            "a document type or entity declaration",
            source=source,
            expected="plain libvirt XML, which never has one",
            next_step="Remove the <!DOCTYPE ...>; `virsh dumpxml` prints none.",
        )
    return root


def parse_domain(text: str | bytes, source: str) -> DomainDefinition:
    """Read a domain's XML, or a bare <cpu> element.

    Places have a line where the text has more than one: the XML of a snapshot has lost its lines.

    Raises:
        InputError: It is not well-formed, or its root is neither <domain> nor <cpu>.
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
    domain_type = root.get("type")
    security = root.find("launchSecurity")
    machine = root.find("os/type")
    element = root if root.tag == "cpu" else root.find("cpu")
    passthrough = root.iterfind(f"{_QEMU_NAMESPACE}commandline/{_QEMU_NAMESPACE}arg")
    return DomainDefinition(
        name=root.findtext("name") or "",
        accelerator=_ACCELERATOR_OF_TYPE.get(domain_type) if domain_type else None,
        emulator=root.findtext("devices/emulator"),
        machine=None if machine is None else machine.get("machine"),
        cpu=_parse_cpu(element, source),
        check=None if element is None else element.get("check"),
        passthrough=tuple(argument.get("value", "") for argument in passthrough),
        launch_security=None if security is None else security.get("type", "unknown"),
        place=Place(source),
        switches=dict(_walk_switches(root)),
    )


def _walk_switches(root: etree._Element) -> Iterator[tuple[str, Mapping[str, str]]]:
    tree = root.getroottree()
    for parent in root.iterchildren("features", "clock"):
        for element in parent.iterdescendants(etree.Element):
            path = tree.getelementpath(element).partition("[")[0]
            # Timers share a tag; their name tells them apart.
            name = element.get("name") if element.tag == "timer" else None
            yield (f"{path}/{name}" if name else path), {str(key): str(text) for key, text in element.items()}


def parse_cpu(element: etree._Element, source: str) -> GuestCpu:
    """Read a <cpu> element, or the <mode name='host-model'> of domain capabilities.

    Raises:
        InputError: It has a mode or policy that libvirt does not know.
    """
    model = element.findtext("model")
    mode_name = element.get("mode") or element.get("name") or ("custom" if model else "default")
    requests = tuple(
        FeatureRequest(
            (feature.get("name") or ""),
            _member(Policy, feature.get("policy") or "require", feature, source),
            _place(feature, source),
        )
        for feature in element.iterfind("feature")
    )
    mode = _member(CpuMode, mode_name, element, source)
    migratable = element.get("migratable")
    return GuestCpu(
        mode=mode,
        model=model.strip() if model else None,
        requests=requests,
        place=_place(element, source),
        migratable=None if migratable is None else migratable == "on",
        at_least=element.get("match") == "minimum",
    )


def _place(element: etree._Element, source: str) -> Place:
    return Place(source, element.sourceline if element.sourceline != 1 else None)


def _parse_cpu(element: etree._Element | None, source: str) -> GuestCpu:
    if element is None:
        return GuestCpu(CpuMode.DEFAULT, None, (), Place(source))
    return parse_cpu(element, source)


def _member(kind: type[_Kind], text: str, element: etree._Element, source: str) -> _Kind:
    try:
        return kind(text)
    except ValueError:
        raise InputError(
            f"<{element.tag!s}> has an unknown value",
            source=source,
            line=element.sourceline,
            found=repr(text),
            expected=" or ".join(member.value for member in kind if member.value != CpuMode.DEFAULT.value),
        ) from None
