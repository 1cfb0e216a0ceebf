"""What of a domain XML goes wrong on one host: names that its libvirt lacks, features that it cannot give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from lxml import etree

from vcpuid.errors import InputError
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.libvirt import DomainCapabilities, LibvirtEvidence
from vcpuid.guest.libvirt import DomainDefinition
from vcpuid.guest.libvirt.domain import read_domain
from vcpuid.rules.libvirt.definition import encode
from vcpuid.rules.libvirt.domain.subject import Subject, effective_check, refuses_forbidden, rule
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.models import Model, Models
from vcpuid.rules.libvirt.partial import is_host_compared, rests_on_map, settled
from vcpuid.rules.lint import near
from vcpuid.terms.dump import Cpu
from vcpuid.terms.finding import Finding
from vcpuid.terms.guest import Accelerator, Check, CpuMode, GuestCpu, Policy

_MOST_NAMES = 8


@dataclass(frozen=True, slots=True)
class LintHost:
    """A host's libvirt.

    Attributes:
        name: What people call the host.
        snapshot: The file that its evidence is from.
        libvirt: What its libvirt said, or why nothing is known.
        kvm: What its KVM can give; None where that is not known.
        qemu: The version of its first QEMU; None where that is not known.
    """

    name: str
    snapshot: str
    libvirt: LibvirtEvidence | Gap
    kvm: Cpu | None = None
    qemu: str | None = None

    @property
    def cpu_map(self) -> CpuMap | None:
        """Its installed map, with the version of its libvirt; None where that is not known.

        Raises:
            InputError: It is damaged.
        """
        own = None if isinstance(self.libvirt, Gap) else self.libvirt.checked_map()
        if own is None or isinstance(self.libvirt, Gap):
            return None
        return replace(own, source=f"{own.source} on {self.name}", version=self.libvirt.version)


def host_of(evidence: Evidence) -> LintHost:
    """Give the host of a snapshot."""
    snapshot = evidence.snapshot
    binaries = () if isinstance(evidence.qemu, Gap) else evidence.qemu
    return LintHost(
        snapshot.host_name or snapshot.source,
        snapshot.source,
        evidence.libvirt,
        kvm=None if isinstance(evidence.kvm, Gap) else evidence.kvm.given,
        qemu=next((binary.version for binary in binaries if binary.version), None),
    )


def first_map(hosts: Iterable[LintHost]) -> CpuMap | None:
    """Give the map of the first host that has one."""
    return next((host.cpu_map for host in hosts if host.cpu_map is not None), None)


def lint_on_host(root: etree._Element, source: str, cpu_map: CpuMap, host: LintHost) -> Iterator[Finding]:
    """Give the findings that hold on a host; what `cpu_map` does not know has been told already."""
    try:
        definition = read_domain(root, source)
    except InputError:
        return  # told already
    if definition.cpu.is_host:
        return
    for finding in _HostLinter(definition, root, source, cpu_map, host).lint():
        yield replace(finding, host=host.name)


class _HostLinter:
    """Lints one definition for one host."""

    def __init__(
        self, definition: DomainDefinition, root: etree._Element, source: str, cpu_map: CpuMap, host: LintHost
    ) -> None:
        self._definition = definition
        self._cpu = definition.cpu
        self._place = Subject(definition, root, source, cpu_map).place
        self._common = cpu_map
        self._host = host
        self._map = host.cpu_map or cpu_map
        self._check = effective_check(definition)
        self._is_forbidding = refuses_forbidden(definition)

    def lint(self) -> Iterator[Finding]:
        yield from self._lint_names()
        libvirt = self._host.libvirt
        if isinstance(libvirt, Gap):
            yield self._untold(libvirt.remedy or f"Collect the host anew: {libvirt.why}.")
            return
        definition = self._definition
        capabilities = libvirt.capabilities_for(definition.accelerator or Accelerator.KVM, definition.emulator)
        if capabilities is None:
            yield self._untold("Collect the host anew, with the libvirt daemon running there: `vcpuid collect`.")
            return
        yield from self._lint_mode(capabilities)
        if definition.epc and capabilities.sgx is not True:
            yield rule("host-without-sgx").finding(definition.epc[0].place, host=self._host.snapshot)
        if capabilities.host_model is not None:
            yield from self._lint_cpu(capabilities, capabilities.host_model)

    def _untold(self, mend: str) -> Finding:
        return rule("host-untold").finding(self._cpu.place, mend=mend)

    def _lint_names(self) -> Iterator[Finding]:
        for request in self._cpu.requests:
            if request.name in self._common.features and request.name not in self._map.features:
                yield rule("host-unknown-feature").finding(
                    request.place, request.name, name=request.name, title=self._title
                )
        model = self._cpu.model
        if model and self._is_named and model in self._common.models and model not in self._map.models:
            yield rule("host-unknown-model").finding(
                self._place("model"), model, model=model, title=self._title, near=near(model, self._map.models)
            )

    @property
    def _title(self) -> str:
        return f"the map of libvirt {self._map.version} there" if self._map.version else "the map there"

    @property
    def _is_named(self) -> bool:
        return self._cpu.mode is CpuMode.CUSTOM

    def _lint_mode(self, capabilities: DomainCapabilities) -> Iterator[Finding]:
        mode = self._cpu.mode
        has_none = (mode is CpuMode.HOST_PASSTHROUGH and not capabilities.host_passthrough) or (
            mode is CpuMode.HOST_MODEL and capabilities.host_model is None
        )
        if has_none:
            yield rule("host-mode").finding(self._cpu.place, mode=mode.value)

    def _lint_cpu(self, capabilities: DomainCapabilities, host_model: GuestCpu) -> Iterator[Finding]:
        models = Models(self._map)
        try:
            offered = encode(models, host_model)
            by_map = rests_on_map(models, self._cpu)
            compared = offered.bits | self._own_bits(models) if by_map else offered.bits
            present = compared if self._check is Check.PARTIAL else offered.bits
        except InputError:
            yield self._untold("Collect the host anew: its map and its capabilities do not fit.")
            return
        model = models.models.get(self._cpu.model or "") if self._is_named else None
        if capabilities.accelerator is Accelerator.KVM and offered.vendor is not None:
            is_compared = self._check is Check.PARTIAL and is_host_compared(
                models, self._cpu, capabilities.usable_models
            )
            yield from self._lint_vendor(model, offered.vendor, is_compared=is_compared)
        if model is not None and model.name not in (capabilities.usable_models or models.models):
            decided = settled(models, self._cpu)
            told = () if by_map else capabilities.blockers_of(model.name) or ()
            lacking = model.bits & ~offered.bits & ~models.bits_of(decided & models.features.keys())
            blockers = [name for name in told or models.names(lacking) if name not in decided]
            if blockers:
                refused = list(models.names(lacking & ~compared)) if by_map else blockers
                yield self._blocked(model.name, blockers, refused)
        for request in self._cpu.requests:
            feature = models.features.get(request.name)
            if feature is None:
                continue
            if request.policy is Policy.REQUIRE and feature.bits & ~offered.bits:
                refused = [request.name] if feature.bits & ~compared else []
                yield rule("host-lacks-feature").finding(
                    request.place,
                    name=request.name,
                    host=self._host.snapshot,
                    consequence=self._what_happens([request.name], refused),
                )
            elif request.policy is Policy.FORBID and self._is_forbidding and not feature.bits & ~present:
                yield rule("host-forbidden-feature").finding(request.place, name=request.name)

    def _lint_vendor(self, model: Model | None, theirs: str, *, is_compared: bool) -> Iterator[Finding]:
        wanted = self._cpu.vendor
        if wanted is not None and wanted != theirs and is_compared:
            yield rule("host-vendor").finding(self._place("vendor"), wanted, vendor=wanted, theirs=theirs)
        elif model is not None and model.vendor not in (None, theirs):
            yield rule("host-model-vendor").finding(
                self._place("model"), model=model.name, vendor=model.vendor, theirs=theirs
            )

    def _own_bits(self, models: Models) -> int:
        """Give what the host's own CPU has: libvirt's check before the start takes it as well."""
        libvirt = self._host.libvirt
        if isinstance(libvirt, Gap) or libvirt.host_cpu is None or self._definition.accelerator is Accelerator.TCG:
            return 0
        return encode(models, libvirt.host_cpu).bits

    def _blocked(self, model: str, blockers: list[str], refused: list[str]) -> Finding:
        return rule("host-model-blocked").finding(
            self._place("model"),
            model=model,
            blockers=f": it cannot give {_some(blockers)}",
            consequence=self._what_happens(blockers, refused),
        )

    def _what_happens(self, names: list[str], refused: list[str]) -> str:
        """Say what becomes of features that the host cannot give; its CPU itself lacks those of `refused`."""
        dropped = f"QEMU drops {_some(names)} with a line in its log, and the guest starts without."
        if self._check is Check.NONE:
            return f"Nothing is compared: {dropped}"
        if self._check is Check.FULL:
            missing = ",".join(names[:_MOST_NAMES])
            told = f"guest CPU doesn't match specification: missing features: {missing}..."
            return f'libvirt stops it as soon as QEMU is up: "{told}".'
        if refused:
            return f'The start is refused there: "Host CPU does not provide required features: {_some(refused)}".'
        return f"The CPU has what KVM or QEMU cannot give, and libvirt's check looks at the CPU: {dropped}"


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return f"{' '.join(names[:_MOST_NAMES])}{f' and {more} more' if more > 0 else ''}"
