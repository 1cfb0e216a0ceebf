"""Every guest of a host: what was asked, what its process was given, what it got, and what bites later."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

from vcpuid.answers.compare import Compatibility, compare
from vcpuid.answers.guest.command import cpu_of_command
from vcpuid.answers.offer import OfferReader
from vcpuid.answers.party import Basis, Party, party_of_snapshot
from vcpuid.atlas import Atlas
from vcpuid.errors import InputError
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.guest import Guest, NamedGuest, every_guest
from vcpuid.layers.forecast import Forecast, forecast
from vcpuid.rules.libvirt.definition import encode
from vcpuid.rules.libvirt.mitigations import mitigations_of
from vcpuid.rules.lint import LintRule, load_rules
from vcpuid.snapshot import Snapshot
from vcpuid.terms.address import Bits
from vcpuid.terms.feature import Dialect
from vcpuid.terms.finding import Finding, Severity
from vcpuid.terms.guest import Accelerator, CpuMode, GuestCpu, Policy
from vcpuid.terms.place import Place
from vcpuid.terms.verdict import State

_RULES = f"{__file__.rpartition('/')[0]}/tables/audit_rules.toml"
_HOSTS_OWN = frozenset((CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM))
_TELLING_OF_GUESTS = ("domains", "processes", "libvirt", "monitor")
_MOST_THINGS = 3
_BINDING = frozenset((Policy.REQUIRE, Policy.FORCE))


class AuditedGuest(NamedTuple):
    """One guest.

    Attributes:
        name: Its domain's name, else what its process is called.
        pid: Its QEMU process; None while it does not run.
        is_domain: Whether libvirt knows it.
        accelerator: Who runs it; None where nothing tells.
        machine: The machine type; None for QEMU's default, or where nothing tells.
        asked: The CPU that its definition asks for; None for a guest without a definition.
        given: The -cpu of its process that counts; None where there is none, or no process.
        replaced: The -cpu options before it, which have no effect.
        dropped: Features that were asked for and not given, in the names of whoever reported it.
        reported_by: Who says what it got: `QMP`, `live XML`, or None for nobody.
        predicted_by: The rules by which `dropped` is predicted where nobody says it; else None.
        epc_bytes: Its SGX memory.
        findings: What is wrong with it.
    """

    name: str
    pid: int | None
    is_domain: bool
    accelerator: Accelerator | None
    machine: str | None
    asked: GuestCpu | None
    given: str | None
    replaced: tuple[str, ...]
    dropped: tuple[str, ...]
    reported_by: str | None
    predicted_by: str | None
    epc_bytes: int
    findings: tuple[Finding, ...]


class Audit(NamedTuple):
    """The guests of one host.

    Attributes:
        host: The host's name.
        taken_at: When its evidence was taken, ISO 8601 in UTC.
        guests: Its guests, running ones first, by name.
        peers: The hosts that guests were compared with.
        gaps: What could not be looked at, and why.
        is_decided: Whether the guests of this host could be seen at all.
    """

    host: str
    taken_at: str
    guests: tuple[AuditedGuest, ...]
    peers: tuple[str, ...]
    gaps: tuple[str, ...]
    is_decided: bool

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings."""
        return tuple(finding for guest in self.guests for finding in guest.findings)


def audit(snapshot: Snapshot | Evidence, peers: Sequence[Party] = ()) -> Audit:
    """Judge every guest of a host.

    Args:
        snapshot: The host's evidence.
        peers: Hosts to which its guests are to be able to migrate.

    Raises:
        InputError: The evidence is damaged.

    Examples:
        >>> from vcpuid import Snapshot, audit
        >>> [finding.message for finding in audit(Snapshot.read("h07.json")).findings][0]
        'asked for and not given: sgx'
    """
    evidence = snapshot if isinstance(snapshot, Evidence) else Evidence(snapshot)
    auditor = _Auditor(evidence, peers)
    guests = sorted(auditor.guests(), key=lambda guest: (guest.pid is None, guest.name))
    unseen = isinstance(evidence.processes, Gap) or any(map(evidence.failures, _TELLING_OF_GUESTS))
    return Audit(
        evidence.snapshot.host_name,
        evidence.snapshot.taken_at,
        tuple(guests),
        tuple(peer.name for peer in peers),
        tuple(_gaps(evidence)),
        is_decided=bool(guests) or not unseen,
    )


def _gaps(evidence: Evidence) -> Iterator[str]:
    """Say what could not be looked at; the same trouble of many things together.

    Every host has processes: a snapshot without them was not asked for its guests.
    """
    together: dict[str, list[str]] = {}
    for source in (*_TELLING_OF_GUESTS, "qmp"):
        for gap in evidence.failures(source):
            together.setdefault(gap.why, []).append(gap.what)
    if isinstance(evidence.processes, Gap) and not evidence.failures("processes"):
        together.setdefault(evidence.processes.why, []).append(evidence.processes.what)
    for why, things in together.items():
        more = len(things) - _MOST_THINGS
        yield f"{', '.join(things[:_MOST_THINGS])}{f' and {more} more' if more > 0 else ''}: {why}"


class _Auditor:
    """Judges guests by what is known of their host."""

    def __init__(self, evidence: Evidence, peers: Sequence[Party]) -> None:
        self._evidence = evidence
        self._peers = peers
        self._rules = load_rules(_RULES, "audit")

    def guests(self) -> Iterator[AuditedGuest]:
        """Give every guest, judged."""
        return map(self._judge, every_guest(self._evidence))

    def _judge(self, found: NamedGuest) -> AuditedGuest:
        name, pid, is_domain, guest = found
        definition = guest.definition or guest.live
        effective = guest.command.effective if guest.command else None
        dropped, reported_by = _dropped(guest)
        foreseen = forecast(self._evidence, guest) if guest.running and reported_by is None else None
        predicted_by = _rules_of(foreseen) if foreseen else None
        if foreseen is not None:
            dropped = foreseen.dropped
        choice = f"--domain {shlex.quote(name)}" if is_domain else f"--pid {pid}"
        findings = [
            *self._on_command(guest, name),
            *self._on_dropped(dropped, predicted_by, name, choice),
            *self._on_definition(guest, name),
            *self._on_supply(guest, foreseen, name),
            *self._on_peers(guest, dropped, name),
        ]
        if guest.process is not None and guest.process.is_replaced:
            findings.append(self._rule("binary-replaced").finding(Place(name)))
        return AuditedGuest(
            name=name,
            pid=pid,
            is_domain=is_domain,
            accelerator=guest.accelerator,
            machine=(guest.command.machine if guest.command else None)
            or (definition.machine if definition else None),
            asked=definition.cpu if definition else None,
            given=effective.text if effective else None,
            replaced=tuple(argument.text for argument in guest.command.replaced) if guest.command else (),
            dropped=dropped,
            reported_by=reported_by,
            predicted_by=predicted_by,
            epc_bytes=_epc_bytes(guest),
            findings=tuple(sorted(findings, key=lambda finding: list(Severity).index(finding.severity))),
        )

    def _rule(self, name: str) -> LintRule:
        return self._rules[name]

    def _on_command(self, guest: Guest, name: str) -> Iterator[Finding]:
        if guest.command is not None and guest.command.replaced:
            models = [argument.text.partition(",")[0] for argument in guest.command.cpus]
            yield self._rule("second-cpu").finding(
                Place(name),
                found=f"-cpu {guest.command.cpus[-1].text}",
                count=len(models),
                used=models[-1],
                forgotten=", ".join(models[:-1]),
            )
        elif (upcoming := guest.next_definition or guest.definition) and "-cpu" in upcoming.passthrough:
            yield self._rule("passthrough-cpu").finding(Place(name))

    def _on_dropped(
        self, dropped: Sequence[str], predicted_by: str | None, name: str, choice: str
    ) -> Iterator[Finding]:
        if dropped:
            rule = self._rule("dropped-by-prediction" if predicted_by else "dropped")
            features = ", ".join(dropped)
            yield rule.finding(Place(name), features=features, first=dropped[0], guest=choice, rules=predicted_by)

    def _on_definition(self, guest: Guest, name: str) -> Iterator[Finding]:
        place = Place(name)
        if guest.launch_security:
            yield self._rule("module-decides").finding(place, kind=guest.launch_security)
        mode = _mode_of(guest)
        if mode is not None and mode in _HOSTS_OWN:
            yield self._rule("not-migratable-mode").finding(place, mode=mode.value)
        if mode is CpuMode.DEFAULT:
            yield self._rule("default-model").finding(place)
        if guest.accelerator is Accelerator.TCG and not isinstance(self._evidence.kvm, Gap):
            yield self._rule("emulated").finding(place)
        if guest.next_definition and guest.definition and _differ(guest.next_definition.cpu, guest.definition.cpu):
            yield self._rule("changed-since-start").finding(place)
        if epc_bytes := _epc_bytes(guest):
            yield self._rule("epc").finding(place, size=f"{epc_bytes / 2**20:g} MiB")

    def _on_supply(self, guest: Guest, foreseen: Forecast | None, name: str) -> Iterator[Finding]:
        """Name the protections that the host can give and the guest lacks."""
        has = self._bits_of(guest)
        rule = self._rule("mitigations")
        if has is None and foreseen is not None:
            has = self._bits_foreseen(foreseen)
            rule = self._rule("mitigations-by-prediction")
        if has is None or self._host is None or guest.accelerator is not Accelerator.KVM:
            return
        given = self._reader.read(self._host).data
        features = self._reader.models.features
        missing: dict[str, str] = {}
        for mitigation in mitigations_of(given.vendor):
            known = [features[name] for name in mitigation.names if name in features]
            offered = next((feature.name for feature in known if feature.bits & given.bits), None)
            if offered and not any(feature.bits & has for feature in known):
                missing[offered] = mitigation.against
        if missing:
            yield rule.finding(
                Place(name),
                rules=_rules_of(foreseen) if foreseen else "",
                features=", ".join(missing),
                first=next(iter(missing)),
                against="; ".join(missing.values()),
            )

    def _on_peers(self, guest: Guest, dropped: Sequence[str], name: str) -> Iterator[Finding]:
        party = self._party_of(guest, name) or self._party_of_command(guest, dropped, name)
        if party is None:
            return
        for peer in self._peers:
            try:
                way = compare(party, peer).there
            except InputError as error:
                yield self._rule("peer-lacks").finding(Place(name), peer=peer.name, reason=str(error))
                continue
            if way.compatibility is Compatibility.INCOMPATIBLE:
                names = ", ".join(one.feature for one in way.missing)
                reason = f"it lacks {names}" if names else way.reason
                yield self._rule("peer-lacks").finding(Place(name), peer=peer.name, reason=reason)

    def _party_of(self, guest: Guest, name: str) -> Party | None:
        """Give what a peer must have: the guest's CPU, or the host's where the guest has that."""
        if _mode_of(guest) in _HOSTS_OWN:
            return self._host
        definition = guest.live or guest.definition
        if definition is None or definition.cpu.mode is not CpuMode.CUSTOM or _has_second_cpu(guest):
            return None
        # The live XML disables what QEMU has dropped: the guest does not need it elsewhere.
        return Party(name, Basis.DEFINITION, is_guest=True, cpu=definition.cpu, evidence=self._evidence)

    def _party_of_command(self, guest: Guest, dropped: Sequence[str], name: str) -> Party | None:
        """Give what a peer must have for a guest without a definition that counts: what its -cpu asks for.

        Features that were dropped are not needed elsewhere. What libvirt does not know cannot be compared.
        """
        argument = guest.command.effective if guest.command else None
        if argument is None or argument.cpu.model not in self._reader.models.models:
            return None
        cpu = cpu_of_command(argument, self._reader.models.features, dropped)
        return Party(name, Basis.DEFINITION, is_guest=True, cpu=cpu, evidence=self._evidence)

    def _bits_of(self, guest: Guest) -> int | None:
        """Give the features that a guest has, as bits of the host's map; None where they are not known."""
        if guest.monitor is not None:
            return self._bits_of_properties(guest.monitor.properties)
        definition = guest.live or guest.definition
        if definition is None or definition.cpu.mode is not CpuMode.CUSTOM or _has_second_cpu(guest):
            return None
        try:
            return encode(self._reader.models_for(self._host or _NOBODY, definition.cpu), definition.cpu).bits
        except InputError:
            return None

    def _bits_foreseen(self, foreseen: Forecast) -> int:
        """Give the features of the host's map that a guest has or may have: the undecided is not missing."""
        bits = 0
        for name, written in self._written.items():
            if foreseen.has_bits(written) is not State.ABSENT:
                bits |= self._reader.models.features[name].bits
        return bits

    @cached_property
    def _written(self) -> dict[str, tuple[Bits, ...]]:
        """The bits of each feature of the host's map, which every guest is asked for."""
        return {name: written.bits for name, written in self._reader.models.cpu_map.features.items()}

    def _bits_of_properties(self, properties: Mapping[str, bool]) -> int:
        atlas = Atlas.load()
        bits = 0
        for name, written in self._reader.models.cpu_map.features.items():
            spellings = {
                spelling
                for bit in written.bits
                for feature in atlas.at(bit)
                for spelling in feature.spellings(Dialect.QEMU)
            }
            if any(properties.get(spelling) for spelling in spellings):
                bits |= self._reader.models.features[name].bits
        return bits

    @cached_property
    def _host(self) -> Party | None:
        try:
            return party_of_snapshot(self._evidence.snapshot)
        except InputError:
            return None

    @cached_property
    def _reader(self) -> OfferReader:
        return OfferReader([self._host] if self._host else [])


_NOBODY = Party("", Basis.CPUID)


def _rules_of(foreseen: Forecast) -> str:
    return f"the rules of {foreseen.prediction.rules}"


def _mode_of(guest: Guest) -> CpuMode | None:
    """Give the mode that counts: the process's -cpu, else the definition's."""
    if guest.command is not None and guest.running:
        return guest.command.effective.cpu.mode if guest.command.effective else CpuMode.DEFAULT
    definition = guest.definition or guest.live
    return definition.cpu.mode if definition else None


def _dropped(guest: Guest) -> tuple[tuple[str, ...], str | None]:
    """Give what was asked for and not given, and who says so."""
    if guest.monitor is not None:
        return tuple(sorted(guest.monitor.dropped)), "QMP"
    if guest.live is None or guest.definition is None or not guest.running or _has_second_cpu(guest):
        return (), None
    off = {request.name for request in guest.live.cpu.requests if request.policy is Policy.DISABLE}
    required = {request.name for request in guest.definition.cpu.requests if request.policy in _BINDING}
    return tuple(sorted(off & required)), "live XML"


def _has_second_cpu(guest: Guest) -> bool:
    return guest.command is not None and bool(guest.command.replaced)


def _differ(one: GuestCpu, other: GuestCpu) -> bool:
    """Tell whether two definitions ask for different CPUs, wherever they stand."""
    return essence(one) != essence(other)


def essence(cpu: GuestCpu) -> GuestCpu:
    """Give a definition without the places where it stands, and its requests in one order."""
    nowhere = Place("")
    requests = sorted(
        (replace(request, place=nowhere) for request in cpu.requests), key=lambda request: request.name
    )
    return replace(cpu, requests=tuple(requests), place=nowhere)


def _epc_bytes(guest: Guest) -> int:
    definition = guest.live or guest.definition
    return sum(section.size_bytes for section in definition.epc) if definition else 0


def worst(findings: Iterable[Finding]) -> Severity | None:
    """Give the worst severity of findings; None where there are none."""
    found = {finding.severity for finding in findings}
    return next((severity for severity in Severity if severity in found), None)
