"""Several hosts side by side: what differs, by meaning, who can receive whose guests, and what all can give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Final, NamedTuple

from vcpuid.answers.baseline import Baseline, baseline_of
from vcpuid.answers.compare import Comparer, Compatibility, Way, worst_of
from vcpuid.answers.feature_kinds import feature_kinds, kind_of_feature
from vcpuid.answers.offer import Offer, OfferReader
from vcpuid.answers.party import Party
from vcpuid.answers.unchecked import subjects_of
from vcpuid.atlas import Atlas
from vcpuid.decode.dynamic import causes_of
from vcpuid.decode.errata import decode_errata, mend
from vcpuid.decode.identity import vendor_of
from vcpuid.decode.lines import Subject, fact_lines
from vcpuid.decode.machine import Machine, decode_machine
from vcpuid.errors import UsageError
from vcpuid.evidence import Gap
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.terms.address import CpuidRegister
from vcpuid.terms.dump import Cpu, Dump, MissingRow
from vcpuid.terms.feature import Feature
from vcpuid.terms.verdict import Layer

FEWEST_HOSTS: Final = 2
MOST_HOSTS: Final = 8
_HYPERVISOR_RANGE = 0x4000
# Told with what decides a migration.
_TOLD_ELSEWHERE = frozenset(("addresses",))


class Cell(NamedTuple):
    """What one host has of a row.

    Attributes:
        has: Of a feature, whether the host has it; None where that is not told, and for what is no feature.
        layer: The hop at which it loses the feature; None where that is not known.
        text: What it has of what is no feature; empty where that is not told.
    """

    has: bool | None = None
    layer: Layer | None = None
    text: str = ""


class Row(NamedTuple):
    """Features that the same hosts have, or a fact, where hosts differ in it.

    Attributes:
        names: The features, by libvirt's names, or the atlas's for what libvirt has no name for; or the fact.
        cells: What each host has of it.
    """

    names: tuple[str, ...]
    cells: tuple[Cell, ...]


class Section(NamedTuple):
    """What differs in one subject.

    Attributes:
        subject: What it is about.
        of: Whose it is: a guest's, the CPU's, or the host's.
        rows: What differs.
        equal: Of how many features or facts all hosts tell the same.
        untold: Of how many some hosts tell nothing, and the others the same.
    """

    subject: str
    of: str
    rows: tuple[Row, ...]
    equal: int
    untold: int


OF_GUESTS, OF_CPU, OF_HOST = "guests", "cpu", "host"


class SideBySide(NamedTuple):
    """The answer.

    Attributes:
        hosts: The hosts, with what their features rest on; those of one name are numbered.
        sections: What differs.
        ways: From each host to each other.
        common: What all can give their guests.
        rests_on: The map whose features were compared.
    """

    hosts: tuple[Party, ...]
    sections: tuple[Section, ...]
    ways: tuple[Way, ...]
    common: Baseline
    rests_on: str

    @property
    def compatibility(self) -> Compatibility:
        """The worst of all ways."""
        return worst_of(self.ways)


def compare_side_by_side(hosts: Sequence[Party], cpu_map: CpuMap | None = None) -> SideBySide:
    """Compare hosts, each with each.

    Args:
        hosts: Two hosts at least, and `MOST_HOSTS` at most.
        cpu_map: The map to compare by; None for the one that all hosts' libvirt know.

    Raises:
        UsageError: There are too few or too many, or one is a guest.
        InputError: A description has a model or feature that no map at hand has.

    Examples:
        >>> from vcpuid import Snapshot, compare_side_by_side, party_of_snapshot
        >>> hosts = [party_of_snapshot(Snapshot.read(path)) for path in ("h10.json", "h11.json", "h12.json")]
        >>> answer = compare_side_by_side(hosts)
        >>> answer.compatibility.value, len(answer.ways), answer.common.cpu.model
        ('incompatible', 6, 'Icelake-Client')
    """
    if not FEWEST_HOSTS <= len(hosts) <= MOST_HOSTS:
        raise UsageError(
            "too many hosts to stand side by side" if len(hosts) > MOST_HOSTS else "several hosts are compared",
            found=str(len(hosts)),
            expected=f"{FEWEST_HOSTS} to {MOST_HOSTS} hosts",
            next_step="For a whole fleet: vcpuid fleet matrix" if len(hosts) > MOST_HOSTS else None,
        )
    guest = next((party for party in hosts if party.is_guest), None)
    if guest is not None:
        raise UsageError(
            "each is to be a host",
            found=f"{guest.name}: a guest's definition",
            expected="snapshots, dumps, domain capabilities or hosts' <cpu>",
            next_step="A guest is compared with one host: vcpuid compare GUEST HOST",
        )
    hosts = _told_apart(hosts)
    comparer = Comparer(OfferReader(hosts, cpu_map))
    reader = comparer.reader
    offers = [reader.read(host) for host in hosts]
    machines = [_machine_of(host) for host in hosts]
    return SideBySide(
        hosts=tuple(hosts),
        sections=(
            *_offered(comparer, offers),
            *_unnamed(machines, reader),
            *_facts(machines),
            _section("decides a migration too", OF_HOST, _host_facts(hosts)),
        ),
        ways=tuple(comparer.host_way(source, target) for source, target in permutations(offers, 2)),
        common=baseline_of(reader, offers),
        rests_on=reader.models.title,
    )


def _told_apart(hosts: Sequence[Party]) -> list[Party]:
    """Number hosts of one name: snapshots of one host at different times, for one."""
    names = Counter(host.name for host in hosts)
    so_far: Counter[str] = Counter()
    named = []
    for host in hosts:
        so_far[host.name] += 1
        is_alone = names[host.name] == 1
        named.append(host if is_alone else replace(host, name=f"{host.name} ({so_far[host.name]})"))
    return named


def _machine_of(host: Party) -> Machine | None:
    """Decode the CPUID of a host; None where it is not told, or stands for what KVM gives."""
    if host.evidence is not None:
        cpuid = host.evidence.cpuid
        return None if isinstance(cpuid, Gap) or not cpuid.dump.cpus else decode_machine(cpuid.dump)
    return decode_machine(Dump(host.cpus, host.name)) if host.cpus else None


# What guests can get ------------------------------------------------------------------------------------


def _offered(comparer: Comparer, offers: Sequence[Offer]) -> Iterator[Section]:
    """Compare what guests get, in the names of the map, by what the features are about."""
    reader = comparer.reader
    told = 0
    for offer in offers:
        told |= offer.data.bits
    by_kind: dict[str, dict[str, tuple[Cell, ...]]] = {}
    for name in reader.models.names(told & ~reader.beside_cpuid):
        bits = reader.models.features[name].bits
        cells = tuple(
            Cell(has=True) if not bits & ~offer.data.bits else _lacking(comparer, name, offer) for offer in offers
        )
        by_kind.setdefault(_kind_of(name, reader.models.cpu_map), {})[name] = cells
    for name in dict.fromkeys(name for offer in offers for name in offer.unnamed):
        by_kind.setdefault(_kind_of(name, None), {})[name] = tuple(_by_name(name, offer) for offer in offers)
    for kind in feature_kinds():
        if kind in by_kind:
            yield _section(kind, OF_GUESTS, by_kind[kind])


def _lacking(comparer: Comparer, name: str, offer: Offer) -> Cell:
    missing = comparer.missing(name, offer)
    return Cell(has=False, layer=missing.layer) if missing.is_sure else Cell()


def _by_name(name: str, offer: Offer) -> Cell:
    """Tell of a feature that the common map has no name for."""
    if name in offer.unnamed:
        return Cell(has=True)
    known = offer.party.map_features
    return Cell() if known is None or name in known else Cell(has=False, layer=Layer.LIBVIRT)


def _kind_of(name: str, cpu_map: CpuMap | None) -> str:
    written = cpu_map.features.get(name) if cpu_map else None
    atlas = Atlas.load()
    return kind_of_feature(feature for bit in (written.bits if written else ()) for feature in atlas.at(bit))


# What the CPUs have -------------------------------------------------------------------------------------


def _unnamed(machines: Sequence[Machine | None], reader: OfferReader) -> Iterator[Section]:
    """Compare what the CPUs have and the map has no name for: no guest is asked for it by name."""
    told = [
        None if machine is None else [mend(kind.cpus[0], decode_errata(kind.cpus[0])) for kind in machine.kinds]
        for machine in machines
    ]
    vendors = {vendor_of(cpu) for cpus in told if cpus for cpu in cpus}
    named = {bit for written in reader.models.cpu_map.features.values() for bit in written.bits}
    rows: dict[str, tuple[Cell, ...]] = {}
    for feature in Atlas.load().features():
        if _is_silicons(feature) and not named.intersection(feature.bits) and _is_of(feature, vendors):
            cells = tuple(_had(feature, cpus) for cpus in told)
            if any(cell.has for cell in cells):
                rows[feature.name] = cells
    if rows:
        yield _section("features without a name in libvirt", OF_CPU, rows)


def _is_silicons(feature: Feature) -> bool:
    """Tell whether a feature is the CPU's own, and in its CPUID."""
    words = [bits.word for bits in feature.bits]
    is_in_cpuid = all(isinstance(word, CpuidRegister) and word.leaf >> 16 != _HYPERVISOR_RANGE for word in words)
    return bool(words) and is_in_cpuid and not causes_of(feature.bits) and feature.mirror is None


def _is_of(feature: Feature, vendors: Iterable[str | None]) -> bool:
    return not feature.vendors or any(vendor in feature.vendors for vendor in vendors)


def _had(feature: Feature, cpus: Sequence[Cpu] | None) -> Cell:
    if cpus is None:
        return Cell()
    if feature.vendors and vendor_of(cpus[0]) not in feature.vendors:
        return Cell(has=False)
    has = [cpu.has(bits) for cpu in cpus for bits in feature.bits]
    return Cell(has=False if False in has else None if None in has else True)


def _facts(machines: Sequence[Machine | None]) -> Iterator[Section]:
    """Compare what several registers say together, of each kind of core."""
    told = [{} if machine is None else _lines(machine) for machine in machines]
    for subject in Subject:
        labels = dict.fromkeys(label for lines in told for about, label in lines if about is subject)
        rows = {
            label: tuple(
                Cell(text=lines.get((subject, label)) or ("" if label in _IDENTITY else _if_none(machine)))
                for lines, machine in zip(told, machines, strict=True)
            )
            for label in labels
        }
        if rows:
            yield _section(subject.value, OF_CPU, rows)


def _lines(machine: Machine) -> dict[tuple[Subject, str], str]:
    first, *others = machine.kinds
    lines: dict[tuple[Subject, str], list[str]] = {}
    for label, describe in _IDENTITY.items():
        if text := describe(machine):
            lines[Subject.CPU, label] = [text]
    for kind in (first, *others):
        core = kind.facts.core_kind
        name = f" of {core.kind or 'other'} cores" if core and kind is not first else ""
        for line in fact_lines(kind.facts) if kind is first or name else ():
            if line.label not in _TOLD_ELSEWHERE:
                lines.setdefault((line.subject, f"{line.label}{name}"), []).append(line.text)
    return {key: "; ".join(dict.fromkeys(texts)) for key, texts in lines.items()}


def _if_none(machine: Machine | None) -> str:
    """Say that there is none where a dump that lacks a row has none; else it is not told."""
    is_whole = machine is not None and all(kind.cpus[0].missing is MissingRow.ZERO for kind in machine.kinds)
    return "none" if is_whole else ""


def _model(machine: Machine) -> str:
    identity = machine.kinds[0].facts.identity
    if identity.family is None:
        return ""
    return f"family {identity.family:#x}, model {identity.model:#x}, stepping {identity.stepping}"


def _designs(machine: Machine) -> str:
    designs = (kind.facts.identity.microarchitecture for kind in machine.kinds)
    return " and ".join(dict.fromkeys(design.name for design in designs if design))


def _parts(machine: Machine) -> str:
    counts = reversed(machine.counts.items()) if len(machine.members) > 1 else ()
    return ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts)


_IDENTITY: Mapping[str, Callable[[Machine], str]] = {
    "vendor": lambda machine: machine.kinds[0].facts.identity.letters or "",
    "brand": lambda machine: machine.kinds[0].facts.identity.brand or "",
    "model": _model,
    "micro-architecture": _designs,
    "topology": _parts,
}


def _host_facts(hosts: Sequence[Party]) -> dict[str, tuple[Cell, ...]]:
    told = [subjects_of(host) for host in hosts]
    return {subject: tuple(Cell(text=one[subject]) for one in told) for subject in told[0]}


# Rows ---------------------------------------------------------------------------------------------------


def _section(subject: str, of: str, rows: Mapping[str, tuple[Cell, ...]]) -> Section:
    """Make a section of what differs; features that the same hosts have, and lose at the same hop, are one row."""
    differing: dict[tuple[Cell, ...], list[str]] = {}
    equal = untold = 0
    for name, cells in rows.items():
        values = {(cell.has, cell.text) for cell in cells if cell != Cell()}
        if len(values) > 1:
            differing.setdefault(cells, []).append(name)
        elif Cell() in cells:
            untold += bool(values)
        else:
            equal += 1
    return Section(
        subject, of, tuple(Row(tuple(names), cells) for cells, names in differing.items()), equal, untold
    )
