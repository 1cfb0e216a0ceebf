"""What libvirt knows and offers: versions, its CPU map, domain capabilities, the age of its cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from lxml import etree

from vcpuid.errors import InputError
from vcpuid.guest.libvirt import parse_cpu, parse_xml
from vcpuid.guest.libvirt.values import number_in, parse_size
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.map_reader import load_map
from vcpuid.snapshot.node import Node
from vcpuid.terms.guest import Accelerator, GuestCpu, Policy

_DOMAIN_TYPES = {"kvm": Accelerator.KVM, "qemu": Accelerator.TCG}


class NamedModel(NamedTuple):
    """A named model in domain capabilities.

    Attributes:
        usable: Whether the host can run it as it is; None where libvirt does not say.
        blockers: The features that keep the host from it; empty from a libvirt that lists none (9.0 does not).
    """

    usable: bool | None
    blockers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SgxOffer:
    """The <sgx> of domain capabilities, where it is supported.

    Attributes:
        flc: Whether guests may have flexible launch control.
        sgx1: Whether there are the first instructions.
        sgx2: Whether there are the later ones.
        size_bytes: All enclave memory; None where it is not told.
        sections: NUMA node of the host to the bytes of its enclave memory; empty where that is not told.
    """

    flc: bool
    sgx1: bool
    sgx2: bool
    size_bytes: int | None
    sections: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class DomainCapabilities:
    """One answer of `virsh domcapabilities`.

    Attributes:
        accelerator: The domain type that was asked about.
        emulator: The QEMU binary that libvirt chose.
        host_model: The CPU of mode host-model; None where it is not supported.
        host_passthrough: Whether mode host-passthrough is supported.
        models: The named models of this QEMU.
        sgx: Whether libvirt offers SGX memory; None for a libvirt that does not say.
        sgx_offer: What it offers; None where it offers none.
    """

    accelerator: Accelerator
    emulator: str | None
    host_model: GuestCpu | None
    host_passthrough: bool
    models: Mapping[str, NamedModel]
    sgx: bool | None
    sgx_offer: SgxOffer | None = None

    @property
    def usable_models(self) -> frozenset[str]:
        """The named models that this host can run as they are; empty where libvirt says so of none."""
        return frozenset(name for name, model in self.models.items() if model.usable)

    def blockers_of(self, name: str) -> tuple[str, ...] | None:
        """Give the features that a named model has to lose to run here; None where it is unknown or nobody says.

        Where libvirt lists no blockers, what host-model disables are those of its model.
        """
        model = self.models.get(name)
        if model is None or model.usable or model.blockers:
            return model.blockers if model else None
        own = self.host_model
        if own is None or own.model != name:
            return None
        return tuple(request.name for request in own.requests if request.policy is Policy.DISABLE)


@dataclass(frozen=True, slots=True)
class CacheFile:
    """One file of libvirt's capabilities cache; stale where its binary is newer."""

    emulator: str
    stale: bool


@dataclass(frozen=True, slots=True)
class LibvirtEvidence:
    """The libvirt of this host.

    Attributes:
        version: The daemon's version; empty where it did not answer.
        hypervisor: What the daemon says that it runs, as in `QEMU 7.2.22`.
        capabilities: One per domain type that was asked.
        cpu_map: The installed map; None where it was not found, or is damaged.
        cache: The capabilities cache; empty where it may not be read.
        host_cpu: The host's own CPU as libvirt describes it, whatever KVM gives of it; None where it did not say.
        map_fault: What is wrong with a map that was found and is damaged; None for any other.
    """

    version: str
    hypervisor: str
    capabilities: tuple[DomainCapabilities, ...]
    cpu_map: CpuMap | None
    cache: tuple[CacheFile, ...]
    host_cpu: GuestCpu | None = None
    map_fault: InputError | None = None

    def checked_map(self) -> CpuMap | None:
        """Give the installed map to an answer that cannot be without it; None where it was not found.

        Raises:
            InputError: It is damaged.
        """
        if self.map_fault is not None:
            raise self.map_fault.advising(self.map_fault.next_step)
        return self.cpu_map

    def capabilities_for(self, accelerator: Accelerator, emulator: str | None) -> DomainCapabilities | None:
        """Give the answer for a domain type and emulator; for None, the default emulator."""
        answers = [answer for answer in self.capabilities if answer.accelerator is accelerator]
        exact = [answer for answer in answers if emulator is not None and answer.emulator == emulator]
        if exact or emulator is None:
            return next(iter(exact or answers), None)
        return None


def read_libvirt(data: Node, problems: Sequence[tuple[str, str, str]] = ()) -> LibvirtEvidence:
    """Read the `libvirt` source, whose collector had these problems: what, why, and the remedy.

    Raises:
        InputError: The record, or XML in it, is damaged. A damaged map is none of this: the rest can be judged.
    """
    version = data.get("version")
    release = _text(version, "daemon") or _text(version, "library")
    cpu_map, map_fault = _read_map(data.get("map"), release, problems)
    return LibvirtEvidence(
        version=release,
        hypervisor=_text(version, "hypervisor"),
        capabilities=tuple(_read_capabilities(node) for node in data.get("domain_capabilities") or ()),
        cpu_map=cpu_map,
        cache=tuple(
            CacheFile(_text(node, "emulator"), bool((newer := node.get("emulator_newer")) and newer.truth()))
            for node in data.get("cache") or ()
        ),
        host_cpu=_read_host_cpu(data.get("capabilities_cpu")),
        map_fault=map_fault,
    )


def _read_host_cpu(node: Node | None) -> GuestCpu | None:
    text = node.text() if node else ""
    return parse_cpu(parse_xml(text, "virsh capabilities"), "virsh capabilities") if text else None


def _text(node: Node | None, key: str) -> str:
    member = node.get(key) if node else None
    return member.text() if member else ""


def _read_map(
    node: Node | None, version: str, problems: Sequence[tuple[str, str, str]]
) -> tuple[CpuMap | None, InputError | None]:
    if node is None:
        return None, None
    files = tuple((name, text.text()) for name, text in node["files"].members())
    directory = node["directory"].text()
    try:
        return _load_map(files, directory, version), None
    except InputError as error:
        # What the collector could not take along is missing here: why it could not is what is wrong.
        left_out = ((what, why) for what, why, _ in problems if what.startswith(f"{directory}/"))
        what, why = next(left_out, (None, ""))
        return None, error if what is None else InputError(why, source=what, next_step=error.next_step)


@lru_cache(maxsize=8)
def _load_map(files: tuple[tuple[str, str], ...], source: str, version: str) -> CpuMap:
    """Load a map once for all hosts that have the same: in a fleet that is most of the work."""
    return load_map(dict(files), source, version)


def _read_capabilities(node: Node) -> DomainCapabilities:
    domain_type = node["virttype"].text()
    if domain_type not in _DOMAIN_TYPES:
        raise node["virttype"].error(repr(domain_type[:40]), " or ".join(_DOMAIN_TYPES))
    source = f"virsh domcapabilities --virttype {domain_type}"
    return read_capabilities(parse_xml(node["xml"].text(), source), source, _DOMAIN_TYPES[domain_type])


def read_capabilities(
    root: etree._Element, source: str, accelerator: Accelerator | None = None
) -> DomainCapabilities:
    """Read <domainCapabilities>; the domain type is in it, if it is not told.

    Raises:
        InputError: Its host-model has a mode or policy that libvirt does not know.
    """
    if accelerator is None:
        accelerator = _DOMAIN_TYPES.get(root.findtext("domain") or "", Accelerator.KVM)
    modes = {mode.get("name"): mode for mode in root.iterfind("cpu/mode") if mode.get("supported") == "yes"}
    host_model = modes.get("host-model")
    custom = modes.get("custom")
    sgx = root.find("features/sgx")
    return DomainCapabilities(
        accelerator=accelerator,
        emulator=root.findtext("path"),
        host_model=None if host_model is None else parse_cpu(host_model, source),
        host_passthrough="host-passthrough" in modes,
        models={} if custom is None else _read_models(custom),
        sgx=None if sgx is None else sgx.get("supported") == "yes",
        sgx_offer=_read_sgx(sgx, source) if sgx is not None and sgx.get("supported") == "yes" else None,
    )


def _read_sgx(element: etree._Element, source: str) -> SgxOffer:
    size = element.find("section_size")
    sections = Counter[int]()  # of one node there may be several
    for section in element.iterfind("sections/section"):
        node = number_in(section, section.get("node") or "", "node", source)
        sections[node] += parse_size(section, section.get("size") or "", source)
    return SgxOffer(
        flc=element.findtext("flc") == "yes",
        sgx1=element.findtext("sgx1") == "yes",
        sgx2=element.findtext("sgx2") == "yes",
        size_bytes=None if size is None else parse_size(size, size.text or "", source),
        sections=dict(sections),
    )


def _read_models(custom: etree._Element) -> dict[str, NamedModel]:
    blockers = {
        element.get("model"): tuple(feature.get("name") or "" for feature in element.iterfind("feature"))
        for element in custom.iterfind("blockers")
    }
    models = {}
    for element in custom.iterfind("model"):
        name = (element.text or "").strip()
        usable = {"yes": True, "no": False}.get(element.get("usable") or "")
        models[name] = NamedModel(usable, () if usable else blockers.get(name, ()))
    return models
