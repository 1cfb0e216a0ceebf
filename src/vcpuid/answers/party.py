"""Who stands in a comparison or a baseline: hosts and guests, whichever document speaks for them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from lxml import etree

from vcpuid.dumps import parse_dump
from vcpuid.errors import InputError, UsageError
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.guest import guest_of_domain
from vcpuid.evidence.libvirt import DomainCapabilities, read_capabilities
from vcpuid.guest.libvirt import parse_cpu, parse_domain, parse_xml
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.snapshot import Snapshot, is_snapshot
from vcpuid.terms.dump import Cpu
from vcpuid.terms.guest import Accelerator, CpuMode, GuestCpu
from vcpuid.terms.place import Place

_XML = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<")


class Basis(Enum):
    """What a party's features rest on, from what binds to what only bounds."""

    HOST_MODEL = "host-model of domain capabilities: what KVM and QEMU give"
    DEFINITION = "a CPU definition"
    KVM = "KVM's list, with the features that QEMU has a name for: QEMU was not asked"
    CPUID = "CPUID alone: an upper bound of what a guest gets"

    @property
    def word(self) -> str:
        """Its name in JSON and tables, as `host-model`."""
        return self.name.lower().replace("_", "-")

    @property
    def is_safe(self) -> bool:
        """Whether a host is sure to give a guest these features."""
        return self in (Basis.HOST_MODEL, Basis.DEFINITION)


class Versions(NamedTuple):
    """A host's programs and microcode, several of one joined by commas; what is not known is empty."""

    qemu: str = ""
    libvirt: str = ""
    kernel: str = ""
    microcode: str = ""


_NOT_KEPT = Versions()


@dataclass(frozen=True, slots=True)
class Party:
    """A host, or a guest.

    Attributes:
        name: What people call it: the host's name, the domain's, or the file.
        basis: What its features rest on.
        is_guest: Whether it is a guest: it asks, and gives nothing.
        cpu: Its description, for HOST_MODEL and DEFINITION.
        cpus: Its registers, for KVM and CPUID.
        evidence: Everything that is known of it, where a snapshot speaks for it.
        capabilities: Its domain capabilities, where they are known.
        kvm: What KVM lists, where that is known beside another basis.
        accelerator: What a guest is to run under; None where its document does not say.
        versions: What a store keeps of it, which has no evidence.
    """

    name: str
    basis: Basis
    is_guest: bool = False
    cpu: GuestCpu | None = None
    cpus: tuple[Cpu, ...] = ()
    evidence: Evidence | None = None
    capabilities: DomainCapabilities | None = None
    kvm: Cpu | None = None
    accelerator: Accelerator | None = None
    versions: Versions = _NOT_KEPT

    def under(self, accelerator: Accelerator | None) -> Party | None:
        """Give the host as guests of an accelerator (None for any) see it; None where that is not known."""
        own = Accelerator.KVM if self.capabilities is None else self.capabilities.accelerator
        if accelerator is None or accelerator is own or self.basis is Basis.DEFINITION:
            return self
        if self.evidence is None or isinstance(self.evidence.libvirt, Gap):
            return None
        found = self.evidence.libvirt.capabilities_for(accelerator, None)
        if found is None or found.host_model is None:
            return None
        return replace(self, basis=Basis.HOST_MODEL, cpu=found.host_model, cpus=(), capabilities=found, kvm=None)

    @property
    def map_features(self) -> frozenset[str] | None:
        """The names in its own libvirt's map; None where that is not known."""
        return None if self.cpu_map is None else frozenset(self.cpu_map.features)

    @property
    def cpu_map(self) -> CpuMap | None:
        """Its own libvirt's map; None where that is not known.

        Raises:
            InputError: It is damaged.
        """
        if self.evidence is None or isinstance(self.evidence.libvirt, Gap):
            return None
        return self.evidence.libvirt.checked_map()


def read_parties(raw: bytes, source: str) -> tuple[Party, ...]:
    """Read whoever a document speaks for: one of a dump, several of snapshots or XML elements in a row.

    XML may be <cpu>, <domain>, <domainCapabilities>, <capabilities> or <cpudata>, as virsh prints them, one or
    many in one file.

    Raises:
        InputError: The document is of no known kind, or damaged.

    Examples:
        >>> from vcpuid import read_parties
        >>> [party] = read_parties(b"<cpu mode='custom'><model>Haswell</model></cpu>", "mine.xml")
        >>> party.is_guest, party.cpu.model
        (True, 'Haswell')
    """
    if _XML.match(raw):
        return tuple(_parties_of_xml(raw, source))
    if is_snapshot(raw):
        return tuple(_parties_of_snapshots(raw, source))
    if not raw.strip():
        raise InputError("empty", source=source, expected="a snapshot, a dump, domain capabilities or a <cpu>")
    return (_party_of_dump(raw, source),)


def the_one(parties: Sequence[Party], source: str) -> Party:
    """Give the one party of a document.

    Raises:
        InputError: There are several.
    """
    if len(parties) > 1:
        raise InputError("several CPUs in one file", source=source, found=str(len(parties)), expected="one")
    return parties[0]


def _parties_of_snapshots(raw: bytes, source: str) -> Iterator[Party]:
    lines = [(number, line) for number, line in enumerate(raw.split(b"\n"), 1) if line.strip()]
    if len(lines) > 1 and all(line.startswith(b"{") and line.rstrip().endswith(b"}") for _, line in lines):
        for number, line in lines:  # what `collect` prints of many hosts
            yield party_of_snapshot(Snapshot.parse(line, f"{source}:{number}"))
    else:
        yield party_of_snapshot(Snapshot.parse(raw, source))


def party_of_snapshot(snapshot: Snapshot) -> Party:
    """Give the host of a snapshot, by the best evidence in it: domain capabilities, KVM's list, CPUID.

    Raises:
        InputError: It has none of these, or they are damaged.

    Examples:
        >>> from vcpuid import Snapshot, party_of_snapshot
        >>> party_of_snapshot(Snapshot.read("h10.json")).basis.name
        'KVM'
    """
    evidence = Evidence(snapshot)
    name = snapshot.host_name or snapshot.source
    kvm = None if isinstance(evidence.kvm, Gap) else evidence.kvm.supported
    capabilities = None
    if not isinstance(evidence.libvirt, Gap):
        capabilities = evidence.libvirt.capabilities_for(Accelerator.KVM, None)
    if capabilities is not None and capabilities.host_model is not None:
        cpu = capabilities.host_model
        return Party(name, Basis.HOST_MODEL, cpu=cpu, evidence=evidence, capabilities=capabilities, kvm=kvm)
    if kvm is not None:
        return Party(name, Basis.KVM, cpus=(kvm,), evidence=evidence, capabilities=capabilities, kvm=kvm)
    if isinstance(evidence.cpuid, Gap):
        raise InputError(
            f"the snapshot tells nothing of this host's CPU: {evidence.cpuid.why}",
            source=snapshot.source,
            next_step=evidence.cpuid.remedy or None,
        )
    return Party(name, Basis.CPUID, cpus=evidence.cpuid.dump.cpus, evidence=evidence)


def party_of_domain(host: Party, name: str) -> Party:
    """Give a domain of a host.

    Raises:
        InputError: The host has no such domain.
        UsageError: The host is not known by a snapshot.
    """
    if host.evidence is None:
        raise UsageError("a domain needs a snapshot of its host", found=host.name)
    guest = guest_of_domain(host.evidence, name)
    definition = guest.live or guest.definition
    if definition is None:
        raise InputError("the domain's XML is not in the snapshot", source=host.name, found=name)
    return replace(
        host,
        name=name,
        basis=Basis.DEFINITION,
        is_guest=True,
        cpu=definition.cpu,
        cpus=(),
        accelerator=definition.accelerator,
    )


def party_of_model(name: str) -> Party:
    """Give a guest that asks for a model of libvirt, and nothing else.

    Raises:
        UsageError: libvirt has no such model.
    """
    if name not in shipped_map().models:
        raise UsageError("no model of libvirt", found=repr(name), next_step="`vcpuid map show` lists the models.")
    cpu = GuestCpu(CpuMode.CUSTOM, name, (), Place("the question"), arch="x86_64")
    return Party(name, Basis.DEFINITION, is_guest=True, cpu=cpu)


def _party_of_dump(raw: bytes, source: str) -> Party:
    dump = parse_dump(raw, source).dump
    return Party(_name_of(source), Basis.CPUID, cpus=dump.cpus)


def _name_of(source: str) -> str:
    """Give a file's name without its folders."""
    return source.rpartition("/")[2] or source


def _parties_of_xml(raw: bytes, source: str) -> Iterator[Party]:
    elements = _roots(raw, source)
    on_line = Counter(element.sourceline for element in elements)
    so_far: Counter[int | None] = Counter()
    for element in elements:
        text = etree.tostring(element)
        line = element.sourceline
        so_far[line] += 1
        name = _name_of(source)
        if len(elements) > 1:
            name += f":{line}" if on_line[line] == 1 else f":{line}#{so_far[line]}"
        match element.tag:
            case "cpu":
                cpu = parse_cpu(element, source)
                yield Party(name, Basis.DEFINITION, is_guest=not cpu.is_host, cpu=cpu)
            case "domain":
                definition = parse_domain(text, source)
                yield Party(
                    definition.name or name,
                    Basis.DEFINITION,
                    is_guest=True,
                    cpu=definition.cpu,
                    accelerator=definition.accelerator,
                )
            case "domainCapabilities":
                capabilities = read_capabilities(element, source)
                if capabilities.host_model is None:
                    raise InputError(
                        "these domain capabilities have no host-model",
                        source=source,
                        line=line,
                        expected="<mode name='host-model' supported='yes'>",
                        next_step="Ask for the guests' own domain type: virsh domcapabilities --virttype kvm",
                    )
                yield Party(name, Basis.HOST_MODEL, cpu=capabilities.host_model, capabilities=capabilities)
            case "capabilities":
                host = element.find("host/cpu")
                if host is None:
                    raise InputError("these capabilities have no <cpu> in <host>", source=source, line=line)
                # libvirt describes CPUID here, whatever KVM and QEMU make of it.
                yield Party(name, Basis.CPUID, cpu=parse_cpu(host, source))
            case "cpudata":
                yield Party(name, Basis.CPUID, cpus=parse_dump(text, source).dump.cpus)
            case _:
                raise InputError(
                    "no CPU in this XML",
                    source=source,
                    line=line,
                    found=f"<{element.tag!s}>",
                    expected="<cpu>, <domain>, <domainCapabilities>, <capabilities> or <cpudata>",
                )


def _roots(raw: bytes, source: str) -> list[etree._Element]:
    """Give the elements of a file that may have several, as `virsh cpu-baseline` takes them."""
    body = re.sub(rb"<\?xml[^>]*\?>", b"", raw)
    # On the first line, so that line numbers stay those of the file; the name is for the parser's complaints.
    elements = list(parse_xml(b"<file>" + body.removeprefix(b"\xef\xbb\xbf") + b"</file>", source))
    elements = [element for element in elements if isinstance(element.tag, str)]
    if not elements:
        raise InputError("no element in this XML", source=source)
    return elements
