"""libvirt's domain XML: the <cpu> element and its neighbours that change the guest's CPU.

Source of the format: libvirt's documentation, "Domain XML format": CPU model and topology, and the QEMU
driver's command-line passthrough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from lxml import etree

from vcpuid.errors import InputError
from vcpuid.terms.guest import (
    Accelerator,
    AddressBits,
    CacheMode,
    Check,
    CpuMode,
    FeatureRequest,
    GuestCpu,
    Match,
    NumaCell,
    Policy,
    Topology,
)
from vcpuid.terms.place import Place

_Kind = TypeVar("_Kind", CpuMode, Policy, Match, Check)

SIZE_LIMIT_BYTES = 4 * 1024 * 1024
_QEMU_NAMESPACE = "{http://libvirt.org/schemas/domain/qemu/1.0}"
_TOPOLOGY_LEVELS = ("sockets", "dies", "clusters", "cores", "threads")
# "Domain XML format", memory allocation: units are powers of 1024 with an i, else of 1000; one letter is binary.
_UNITS: dict[str, int] = {"b": 1, "bytes": 1} | {
    f"{letter}{tail}": base**power
    for power, letter in enumerate("kmgtpe", 1)
    for tail, base in (("", 1024), ("ib", 1024), ("b", 1000))
}
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
    """Read a <cpu> element, a guest's or a host's, or the <mode name='host-model'> of domain capabilities.

    Raises:
        InputError: It has a mode, policy, match, number or size that libvirt does not know.
    """
    model = element.find("model")
    name = (element.findtext("model") or "").strip() or None
    mode_name = element.get("mode") or element.get("name") or ("custom" if name else "default")
    requests = tuple(
        FeatureRequest(
            (feature.get("name") or ""),
            _member(Policy, feature.get("policy") or "require", feature, source),
            _place(feature, source),
        )
        for feature in element.iterfind("feature")
    )
    fallback = None if model is None else model.get("fallback")
    check = element.get("check")
    migratable = element.get("migratable")
    reader = _CpuReader(element, source)
    return GuestCpu(
        mode=_member(CpuMode, mode_name, element, source),
        model=name,
        requests=requests,
        place=_place(element, source),
        migratable=None if migratable is None else migratable == "on",
        match=_member(Match, element.get("match") or "exact", element, source),
        check=None if check is None else _member(Check, check, element, source),
        fallback=None if fallback is None else fallback == "allow",
        vendor=(element.findtext("vendor") or "").strip() or None,
        vendor_id=None if model is None else model.get("vendor_id"),
        arch=(element.findtext("arch") or "").strip() or None,
        topology=reader.topology(),
        cache=reader.cache(),
        address_bits=reader.address_bits(),
        cells=reader.cells(),
    )


class _CpuReader:
    """Reads the parts of a <cpu> element that stand in elements of their own."""

    def __init__(self, element: etree._Element, source: str) -> None:
        self._element = element
        self._source = source

    def topology(self) -> Topology | None:
        element = self._element.find("topology")
        if element is None:
            return None
        counts = {name: self._number(element, name) or 1 for name in _TOPOLOGY_LEVELS}
        return Topology(**counts)

    def cache(self) -> CacheMode | None:
        element = self._element.find("cache")
        if element is None:
            return None
        return CacheMode(element.get("mode") or "", self._number(element, "level"))

    def address_bits(self) -> AddressBits | None:
        element = self._element.find("maxphysaddr")
        if element is None:
            return None
        return AddressBits(
            element.get("mode") or "", self._number(element, "bits"), self._number(element, "limit")
        )

    def cells(self) -> tuple[NumaCell, ...]:
        return tuple(
            NumaCell(
                self._number(cell, "id"),
                cell.get("cpus"),
                parse_size(cell, cell.get("memory") or "", self._source, unit="KiB"),
            )
            for cell in self._element.iterfind("numa/cell")
        )

    def _number(self, element: etree._Element, attribute: str) -> int | None:
        text = element.get(attribute)
        if text is None:
            return None
        if not re.fullmatch(r"\d{1,9}", text):
            raise InputError(
                f"{attribute} of <{element.tag!s}> is no number",
                source=self._source,
                line=element.sourceline,
                found=repr(text[:40]),
            )
        return int(text)


def parse_size(element: etree._Element, text: str, source: str, *, unit: str = "KiB") -> int:
    """Give a size in bytes, by the element's `unit` attribute or the default one.

    Raises:
        InputError: The text is no number, or the unit none of libvirt's.
    """
    named = element.get("unit") or unit
    factor = _UNITS.get(named.lower())
    if factor is None or not re.fullmatch(r"\d{1,18}", text.strip()):
        raise InputError(
            f"<{element.tag!s}> has no size",
            source=source,
            line=element.sourceline,
            found=repr(f"{text.strip()[:40]} {named[:20]}"),
            expected="a whole number, and a unit like KiB, MiB or GiB",
        )
    return int(text) * factor


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
