"""What a QEMU knows and a map does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vcpuid.answers.map_entry import doubt_map_entry, entry_of
from vcpuid.atlas import Atlas, known_in
from vcpuid.atlas.tables import load_table
from vcpuid.errors import UndecidedError, UsageError
from vcpuid.evidence import Evidence, Gap
from vcpuid.rules.libvirt.entry import Entry
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.terms.address import Bits
from vcpuid.terms.feature import Dialect, Feature


@dataclass(frozen=True, slots=True)
class Missing:
    """A feature that QEMU knows and a map does not.

    Attributes:
        feature: The feature.
        entry: What would be written.
        qemu_since: The release of QEMU that brought it, as the atlas dates it.
        libvirt_since: The same of libvirt; None where no libvirt that was looked at has it.
    """

    feature: Feature
    entry: Entry
    qemu_since: str
    libvirt_since: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a QEMU knows against a map.

    Attributes:
        qemu: Which QEMU, and how we know its names.
        cpu_map: The map.
        missing: What can be added, by address.
        left_out: Names with the reason why no entry is written for them.
        undecided: Names that came at a time between two releases that were looked at.
    """

    qemu: str
    cpu_map: CpuMap
    missing: tuple[Missing, ...]
    left_out: tuple[tuple[str, str], ...]
    undecided: tuple[str, ...]


def compare_with_version(version: str, cpu_map: CpuMap) -> Comparison:
    """Compare a map with what a release of QEMU knows by our table.

    Raises:
        UsageError: It is no version, or older than what was looked at.
    """
    known, undecided = qemu_names(version)
    if not known:
        raise UsageError(
            "no table of this QEMU's names",
            found=repr(version),
            expected="a version of 7.2 or later, as in 10.2",
        )
    return compare_with_names(known, cpu_map, f"QEMU {version} (by vcpuid's table)", undecided)


def compare_with_host(evidence: Evidence, cpu_map: CpuMap) -> Comparison:
    """Compare a map with the QEMUs of a host: by what they told, else by our table for their version.

    Raises:
        UndecidedError: The snapshot has no QEMU, or one without a version.
    """
    if not isinstance(evidence.qmp, Gap):
        told = [answer for answer in evidence.qmp if answer.properties is not None]
        if told:
            names = frozenset().union(*(answer.properties or () for answer in told))
            titles = dict.fromkeys(f"QEMU {answer.version} ({answer.path})" for answer in told)
            return compare_with_names(names, cpu_map, ", ".join(titles))
    binaries = () if isinstance(evidence.qemu, Gap) else evidence.qemu
    version = next((binary.version for binary in binaries if binary.version), None)
    if version is None:
        raise UndecidedError(
            "the snapshot does not tell which names its QEMU knows",
            next_step="Collect it with --active, or name the release with --qemu-version.",
        )
    return compare_with_version(version, cpu_map)


def qemu_names(version: str) -> tuple[frozenset[str], frozenset[str]]:
    """Give the names that a release of QEMU knows, and those of which the table cannot say."""
    known: set[str] = set()
    undecided: set[str] = set()
    for row in load_table("qemu"):
        is_known = known_in(Dialect.QEMU, row["since"], version)
        is_gone = bool(row["until"]) and row["until"] != version and known_in(Dialect.QEMU, row["until"], version)
        if is_known is None:
            undecided.add(row["name"])
        elif is_known and not is_gone:
            known.add(row["name"])
    return frozenset(known), frozenset(undecided)


def compare_with_names(
    names: Iterable[str], cpu_map: CpuMap, qemu: str, undecided: Iterable[str] = ()
) -> Comparison:
    """Compare a map with the names that a QEMU has told."""
    atlas = Atlas.load()
    taken = {bit for feature in cpu_map.features.values() for bit in feature.bits}
    missing: dict[str, Missing] = {}
    left_out: dict[str, str] = {}
    for name in sorted(names):
        feature = atlas.named(Dialect.QEMU, name)
        if feature is None or not feature.bits or set(feature.bits) <= taken:
            continue  # no feature (a property like `level`), a switch without a bit, or the map has it
        try:
            entry = entry_of(feature)
        except UsageError:
            left_out[feature.name] = f"bits in several places: {feature.address}"
            continue
        if entry.name in cpu_map.features:
            continue  # on other bits: a matter of `map lint`
        if doubt := doubt_map_entry(feature):
            left_out[feature.name] = doubt
            continue
        qemu_since = next((own.since for own in feature.names[Dialect.QEMU] if own.text == name), "")
        own_name = next(iter(feature.names.get(Dialect.LIBVIRT, ())), None)
        missing.setdefault(entry.name, Missing(feature, entry, qemu_since, own_name.since if own_name else None))
    ordered = sorted(missing.values(), key=lambda found: found.entry.bit.order)
    return Comparison(qemu, cpu_map, tuple(ordered), tuple(left_out.items()), _named_bits(undecided, taken))


def _named_bits(names: Iterable[str], taken: set[Bits]) -> tuple[str, ...]:
    """Of names, give those of features with bits that a map does not have."""
    features = ((name, Atlas.load().named(Dialect.QEMU, name)) for name in sorted(names))
    return tuple(name for name, feature in features if feature and feature.bits and not set(feature.bits) <= taken)
