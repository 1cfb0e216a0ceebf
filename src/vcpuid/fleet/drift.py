"""What changed in a fleet from one snapshot to another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from vcpuid.atlas import Atlas
from vcpuid.fleet import queries
from vcpuid.fleet.configuration import Configuration, EvidenceLayer
from vcpuid.fleet.engine import Engine
from vcpuid.fleet.fleet import Fleet
from vcpuid.fleet.words import identifies
from vcpuid.terms.address import Bits, Word


class LayerChange(NamedTuple):
    """What one evidence layer told before and now.

    Attributes:
        layer: The layer.
        lost: Features that are gone, or bits without a name.
        gained: Features that are new.
        numbers: Words whose value says something else than features, as `CPUID.01H:EAX 000506e3 -> 000506e4`.
    """

    layer: EvidenceLayer
    lost: tuple[str, ...]
    gained: tuple[str, ...]
    numbers: tuple[str, ...]


class Change(NamedTuple):
    """What befell hosts that were alike and still are.

    Attributes:
        hosts: How many.
        host: The first of them.
        layers: What changed, by layer.
        came: Layers that are told now and were not.
        went: Layers that were told and are not now.
    """

    hosts: int
    host: str
    layers: tuple[LayerChange, ...]
    came: tuple[EvidenceLayer, ...]
    went: tuple[EvidenceLayer, ...]

    @property
    def has_lost(self) -> bool:
        """Whether a feature is gone."""
        return any(layer.lost for layer in self.layers)


class VersionChange(NamedTuple):
    """A version before and now, of how many hosts, and the first of them."""

    before: str
    after: str
    hosts: int
    host: str


class Drift(NamedTuple):
    """The answer.

    Attributes:
        before: The earlier snapshot.
        after: The later one.
        both: How many hosts are in both.
        gone: Hosts of the earlier only.
        new: Hosts of the later only.
        changes: What changed in CPUs, that of most hosts first.
        versions: Column (`microcode`, `kernel`, `qemu`, `libvirt`) to its changes.
    """

    before: str
    after: str
    both: int
    gone: Sequence[str]
    new: Sequence[str]
    changes: tuple[Change, ...]
    versions: Mapping[str, tuple[VersionChange, ...]]

    @property
    def losing(self) -> int:
        """How many hosts lost a feature."""
        return sum(change.hosts for change in self.changes if change.has_lost)


def find_drift(fleet: Fleet, before: str) -> Drift:
    """Compare a snapshot of the fleet with an earlier one.

    Raises:
        InputError: The store cannot be read.
        UsageError: There is no snapshot of that date.

    Examples:
        >>> from vcpuid import fleet_drift, open_fleet
        >>> drift = fleet_drift(open_fleet("fleet", "2026-02-01"), "2026-01-31")
        >>> list(drift.gone), drift.losing
        (['node-3', 'node-4'], 1)
        >>> drift.changes[0].host, drift.changes[0].layers[0].lost
        ('node-1', ('hle', 'rtm'))
    """
    fleet.beside(before)
    pairs = pair_kinds(fleet.engine)
    both = [(old, new, hosts, host) for old, new, hosts, host in pairs if old is not None and new is not None]
    configurations = fleet.configurations()
    return Drift(
        before,
        fleet.date,
        sum(hosts for _, _, hosts, _ in both),
        fleet.names(queries.GONE, sum(hosts for _, new, hosts, _ in pairs if new is None)),
        fleet.names(queries.NEW, sum(hosts for old, _, hosts, _ in pairs if old is None)),
        tuple(_change(configurations[old], configurations[new], *hosts) for (old, new), hosts in _by("fp", both)),
        {
            column: tuple(VersionChange(*values, *hosts) for values, hosts in _by(column, both))
            for column in queries.VERSIONS
        },
    )


_Kind = Mapping[str, Any]
"""What hosts are compared by: column to value."""


def pair_kinds(engine: Engine) -> list[tuple[_Kind | None, _Kind | None, int, str]]:
    """Give each kind of hosts before and now, how many hosts went from one to the other, and the first of them.

    None is the kind of hosts that are in one snapshot only.

    Args:
        engine: A session with the views `hosts_before` and `hosts`.

    Raises:
        InputError: The store cannot be read.
    """
    names, rows = engine.table(queries.KINDS)
    kinds = {kind: dict(zip(names[1:], values, strict=True)) for kind, *values in rows}
    return [
        (kinds.get(old), kinds.get(new), hosts, host) for old, new, hosts, host in engine.rows(queries.CHANGES)
    ]


def _by(column: str, pairs: list[tuple[_Kind, _Kind, int, str]]) -> list[tuple[tuple[Any, Any], tuple[int, str]]]:
    """Give what a column was and is where it has changed, how many hosts that befell, and the first of them.

    What befell most hosts comes first.
    """
    changes: dict[tuple[Any, Any], tuple[int, str]] = {}
    for old, new, hosts, host in pairs:
        change = old[column], new[column]
        if change[0] != change[1]:
            count, first = changes.get(change, (0, host))
            changes[change] = count + hosts, min(first, host)
    return sorted(changes.items(), key=lambda item: (-item[1][0], item[1][1]))


def _change(old: Configuration, new: Configuration, hosts: int, host: str) -> Change:
    layers = []
    for layer in EvidenceLayer:
        before, now = old.layers.get(layer), new.layers.get(layer)
        if before is None or now is None:
            continue
        words = [word for word in before if now.get(word, before[word]) != before[word]]
        lost = [name for word in words for name in _names(word, before[word] & ~now[word], new.vendor)]
        gained = [name for word in words for name in _names(word, now[word] & ~before[word], new.vendor)]
        numbers = [f"{word} {before[word]:08x} -> {now[word]:08x}" for word in words if identifies(word)]
        if words:
            layers.append(LayerChange(layer, tuple(lost), tuple(gained), tuple(numbers)))
    came = tuple(layer for layer in EvidenceLayer if layer in new.layers and layer not in old.layers)
    went = tuple(layer for layer in EvidenceLayer if layer in old.layers and layer not in new.layers)
    return Change(hosts, host, tuple(layers), came, went)


def _names(word: Word, mask: int, vendor: str) -> Iterator[str]:
    """Name bits; one without a name, or with one of another vendor only, is called by its address."""
    if identifies(word):
        return
    atlas = Atlas.load()
    for position in range(word.width):
        if mask >> position & 1:
            bit = Bits(word, position, position)
            meant = [
                feature for feature in atlas.at(bit) if not feature.vendors or vendor.lower() in feature.vendors
            ]
            yield meant[0].name if meant else str(bit)
