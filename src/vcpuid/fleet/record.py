"""What the store keeps of one host: its configuration, versions and guests, read from one document."""

from __future__ import annotations

import json
import marshal
import re
from collections.abc import Iterable, Mapping, MutableMapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from vcpuid.answers.offer import OfferReader
from vcpuid.answers.party import Party, party_of_snapshot, read_parties
from vcpuid.decode.identity import decode_identity
from vcpuid.errors import InputError, not_json
from vcpuid.evidence import Evidence, Gap
from vcpuid.fleet.configuration import Configuration, configuration_of
from vcpuid.fleet.guests import GuestRow, read_guests
from vcpuid.snapshot import Snapshot
from vcpuid.terms.dump import Cpu

_MARK = b'"vcpuid-snapshot/'
_FACTS = re.compile(rb'"(?:ansible_facts|ansible_local|ansible_[a-z]+)"\s*:')
_HEAD_BYTES = 4096
_RECORD_BYTES = 8
_DIGEST_BYTES = 16
_WITHOUT_REFERENCES = 2  # the version of marshal in which equal documents have equal bytes
_SOURCES_OF_CPU = ("cpuid", "kvm", "libvirt")
_UNNAMED = "unknown"
_NO_LABELS: Final[Mapping[str, str]] = {}
_REST = (
    '"zone": %s, "cluster": %s, "labels": %s, "brand": %s, "generation": %s, "qemu": %s,'
    ' "libvirt": %s, "kernel": %s, "microcode": %s, "basis": %s, "taken_at": %s, "fp": %d'
)
_quoted = json.encoder.encode_basestring_ascii


class HostRow(NamedTuple):
    """One host; what is not known is empty.

    Attributes:
        host: Its name.
        taken_at: When the evidence was taken, ISO 8601 in UTC.
        configuration: Its CPU.
        guests: Its guests.
        brand: The brand string of its CPU.
        generation: The design of its cores.
        qemu: QEMU's version; several joined by a comma.
        libvirt: libvirt's version.
        kernel: The kernel's release.
        microcode: The microcode's revision; several joined by a comma.
        zone: Where it stands.
        cluster: The cluster that it belongs to.
        labels: What else people call it by.
    """

    host: str
    taken_at: str
    configuration: Configuration
    guests: tuple[GuestRow, ...] = ()
    brand: str = ""
    generation: str = ""
    qemu: str = ""
    libvirt: str = ""
    kernel: str = ""
    microcode: str = ""
    zone: str = ""
    cluster: str = ""
    labels: Mapping[str, str] = _NO_LABELS

    def labelled(self, labels: Mapping[str, str]) -> HostRow:
        """Give the same host with labels, two of which have columns of their own."""
        rest = dict(sorted(labels.items()))
        zone, cluster = rest.pop("zone", self.zone), rest.pop("cluster", self.cluster)
        return self._replace(zone=zone, cluster=cluster, labels={**self.labels, **rest})

    def line(self) -> tuple[int, str]:
        """Give `record`, a number that only equal hosts with equal guests have, and the row of `hosts` as JSON."""
        return line_of(self.host, self.rest(), self.guests)

    def rest(self) -> str:
        """Give all of the row of `hosts` but what tells one host from others that are alike."""
        return _REST % (
            _quoted(self.zone),
            _quoted(self.cluster),
            json.dumps(dict(sorted(self.labels.items()))) if self.labels else "{}",
            _quoted(self.brand),
            _quoted(self.generation),
            _quoted(self.qemu),
            _quoted(self.libvirt),
            _quoted(self.kernel),
            _quoted(self.microcode),
            _quoted(self.configuration.best.value),
            _quoted(self.taken_at),
            self.configuration.fingerprint,
        )

    def guest_columns(self, record: int) -> list[dict[str, Any]]:
        """Give the rows of the table of guests."""
        return [{"record": record, "host": self.host, **guest._asdict()} for guest in self.guests]


def line_of(name: str, rest: str, guests: Iterable[GuestRow] = ()) -> tuple[int, str]:
    """Give `HostRow.line` of a host by its name, the rest of its row, and its guests."""
    text = f'"host": {_quoted(name)}, {rest}'
    digest = blake2b(text.encode(), digest_size=_RECORD_BYTES)
    for guest in guests:
        digest.update(json.dumps(guest._asdict()).encode())
    record = int.from_bytes(digest.digest(), "little", signed=True)
    return record, f'{{"record": {record}, {text}}}\n'


def speaks_for_itself(raw: bytes) -> bool:
    """Tell whether a document tells a host's name: a snapshot, or Ansible facts."""
    return _MARK in raw[:_HEAD_BYTES] or (raw.lstrip()[:1] == b"{" and _FACTS.search(raw) is not None)


def _is_snapshot(raw: bytes) -> bool:
    """Tell whether a document is a snapshot, and does not only hold one as a local fact."""
    place = raw.find(_MARK, 0, _HEAD_BYTES)
    return place >= 0 and _FACTS.search(raw, 0, place) is None


class ToldCpu(NamedTuple):
    """What a snapshot's sources of the CPU tell, which equal hosts share."""

    configuration: Configuration
    brand: str
    generation: str
    libvirt: str


def read_host(
    raw: bytes, source: str, name: str, reader: OfferReader, known: MutableMapping[bytes, ToldCpu] | None = None
) -> HostRow:
    """Read a host from a snapshot, an Ansible facts file that holds one, a dump, or domain capabilities.

    Args:
        raw: The document.
        source: Where it is from, for errors.
        name: The host's name where the document does not tell one.
        reader: Reads what hosts can give.
        known: What sources have told to this reader, by their digest: equal ones are not read again.

    Raises:
        InputError: It is none of these, damaged, or speaks for several CPUs or for a guest.
    """
    if _is_snapshot(raw):
        return _of_snapshot(Snapshot.parse(raw, source), name, reader, known)
    if raw.lstrip()[:1] == b"{" and _FACTS.search(raw):
        return _of_snapshot(_snapshot_in_facts(raw, source), name, reader, known)
    parties = read_parties(raw, source)
    if len(parties) > 1:
        raise InputError("several CPUs in one file", source=source, found=str(len(parties)), expected="one host")
    (party,) = parties
    if party.is_guest:
        raise InputError("this is a guest's definition", source=source, expected="a host")
    brand, generation = _identity(party.cpus)
    return HostRow(name, "", configuration_of(party, reader), brand=brand, generation=generation)


def _snapshot_in_facts(raw: bytes, source: str) -> Snapshot:
    try:
        facts = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise not_json(error, source, expected="Ansible facts") from None
    facts = facts.get("ansible_facts", facts)
    local = facts.get("ansible_local") if isinstance(facts, dict) else None
    document = local.get("vcpuid") if isinstance(local, dict) else None
    if not isinstance(document, dict):
        raise InputError(
            "these Ansible facts hold no snapshot",
            source=source,
            expected="a snapshot as the local fact `vcpuid`",
            next_step="Let `vcpuid collect` write /etc/ansible/facts.d/vcpuid.fact, and gather the facts again.",
        )
    return Snapshot.of(document, source)


def _of_snapshot(
    snapshot: Snapshot, name: str, reader: OfferReader, known: MutableMapping[bytes, ToldCpu] | None
) -> HostRow:
    key = None if known is None else _digest_of_cpu(snapshot)
    cpu = None if known is None or key is None else known.get(key)
    evidence = Evidence(snapshot)
    if cpu is None:
        party = party_of_snapshot(snapshot)
        evidence = party.evidence or evidence
        cpu = _told_cpu(party, evidence, reader)
        if known is not None and key is not None:
            known[key] = cpu
    kernel, cpuinfo, qemu = evidence.kernel, evidence.cpuinfo, evidence.qemu
    versions = () if isinstance(qemu, Gap) else {binary.version for binary in qemu if binary.version}
    own = snapshot.host_name
    return HostRow(
        host=name if own == _UNNAMED else own,
        taken_at=snapshot.taken_at,
        configuration=cpu.configuration,
        guests=read_guests(evidence, reader.models.features),
        qemu=", ".join(sorted(versions)),
        libvirt=cpu.libvirt,
        kernel="" if isinstance(kernel, Gap) else kernel.release,
        microcode="" if isinstance(cpuinfo, Gap) else ", ".join(sorted(cpuinfo.microcode)),
        brand=cpu.brand,
        generation=cpu.generation,
    )


def _told_cpu(party: Party, evidence: Evidence, reader: OfferReader) -> ToldCpu:
    cpuid, libvirt = evidence.cpuid, evidence.libvirt
    brand, generation = _identity(() if isinstance(cpuid, Gap) else cpuid.dump.cpus)
    version = "" if isinstance(libvirt, Gap) else libvirt.version
    return ToldCpu(configuration_of(party, reader), brand, generation, version)


def _digest_of_cpu(snapshot: Snapshot) -> bytes:
    """Give a digest of all that a snapshot tells of its CPU."""
    sources = [snapshot.root["sources"].get(name) for name in _SOURCES_OF_CPU]
    data = [None if source is None else source.value for source in sources]
    told = [one.get("data") if isinstance(one, dict) else None for one in data]
    return blake2b(marshal.dumps(told, _WITHOUT_REFERENCES), digest_size=_DIGEST_BYTES).digest()


def _identity(cpus: tuple[Cpu, ...]) -> tuple[str, str]:
    """Give brand and design of the first CPU."""
    if not cpus:
        return "", ""
    identity = decode_identity(cpus[0])
    design = identity.microarchitecture
    return identity.brand or "", design.name if design else ""
