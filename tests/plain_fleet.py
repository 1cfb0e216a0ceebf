"""Small fleets of any hosts, and what they answer by a loop over all hosts: the reference for every engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import and_
from typing import NamedTuple

from hypothesis import strategies as st

from fleets import READER, fleet_rows
from vcpuid.answers.look_up import look_up_for_map
from vcpuid.fleet.baseline import find_baselines
from vcpuid.fleet.configuration import EvidenceLayer
from vcpuid.fleet.drift import find_drift
from vcpuid.fleet.fleet import Fleet
from vcpuid.fleet.missing import find_lacking
from vcpuid.fleet.record import HostRow
from vcpuid.fleet.summary import summarise

_ROWS = fleet_rows(40)
_COUNTED = ("microcode", "kernel", "basis", "generation")
_VERSIONS = ("microcode", "kernel", "qemu", "libvirt")
_FEATURE = look_up_for_map("umip")
_LAYERS = (EvidenceLayer.KVM, EvidenceLayer.CPUID)  # none of these hosts has told a host-model
Pairs = Mapping[tuple[str, str], tuple[int, str]]


@st.composite
def records(draw: st.DrawFn) -> HostRow:
    """Draw what one host told at one time; few names, so that hosts come again."""
    row = draw(st.sampled_from(_ROWS))
    return row._replace(
        host=draw(st.sampled_from("abcde")),
        taken_at=draw(st.sampled_from(["", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"])),
        zone=draw(st.sampled_from(["", "z1", "z2"])),
        kernel=draw(st.sampled_from(["", "6.1.0", "6.8.0"])),
        guests=draw(st.sampled_from([(), row.guests])),
    )


class Answers(NamedTuple):
    """What a fleet at two dates answers; names of hosts in alphabetical order.

    Attributes:
        counts: By column, how many hosts have which value.
        guests: How many guests there are, and how many of them run.
        lacking: How many hosts have a feature, who lacks it, of whom nothing is known.
        zones: By zone: how many hosts and configurations it has, and what guests start with there.
        alike: Hosts that are at both dates, gone, new.
        changed: How many hosts changed their CPU alike, and the first of them; most first.
        versions: By column: what it was and is, how many hosts that befell, and the first of them.
    """

    counts: Mapping[str, Mapping[str, int]]
    guests: tuple[int, int]
    lacking: tuple[int, tuple[str, ...], tuple[str, ...]]
    zones: Mapping[str, tuple[int, int, frozenset[str]]]
    alike: tuple[int, tuple[str, ...], tuple[str, ...]]
    changed: Sequence[tuple[int, str]]
    versions: Mapping[str, Pairs]


def asked(fleet: Fleet, before: str) -> Answers:
    """Ask a store, by whatever engine."""
    summary, lacking = summarise(fleet), find_lacking(fleet, _FEATURE)
    zones = {
        answer.place: (answer.hosts, answer.distinct, frozenset(answer.baseline.start))
        for answer in find_baselines(fleet, "zone")
    }
    drift = find_drift(fleet, before)
    return Answers(
        counts={column: dict(summary.counts[column]) for column in _COUNTED},
        guests=(summary.guests, summary.running),
        lacking=(lacking.has, tuple(lacking.lacks), tuple(lacking.untold)),
        zones=zones,
        alike=(drift.both, tuple(drift.gone), tuple(drift.new)),
        changed=[(change.hosts, change.host) for change in drift.changes],
        versions={
            column: {(one.before, one.after): (one.hosts, one.host) for one in changes}
            for column, changes in drift.versions.items()
        },
    )


def looped(before: Iterable[HostRow], now: Iterable[HostRow]) -> Answers:
    """Answer by a loop over the hosts of two dates."""
    old, new = _newest(before), _newest(now)
    told: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    zones: dict[str, list[HostRow]] = {}
    for host, row in sorted(new.items()):
        told[row.configuration.tells(_FEATURE.bits, _LAYERS)].append(host)
        zones.setdefault(row.zone, []).append(row)
    guests = [guest for row in new.values() for guest in row.guests]
    both = sorted(old.keys() & new.keys())
    cpus = _pairs((host, _fp(old[host]), _fp(new[host])) for host in both)
    return Answers(
        counts={column: Counter(_value(row, column) for row in new.values()) for column in _COUNTED},
        guests=(len(guests), sum(guest.running for guest in guests)),
        lacking=(len(told[True]), tuple(told[False]), tuple(told[None])),
        zones={zone: (len(rows), len({_fp(row) for row in rows}), _start(rows)) for zone, rows in zones.items()},
        alike=(len(both), tuple(sorted(old.keys() - new.keys())), tuple(sorted(new.keys() - old.keys()))),
        changed=sorted(cpus.values(), key=lambda change: (-change[0], change[1])),
        versions={
            column: _pairs((host, _value(old[host], column), _value(new[host], column)) for host in both)
            for column in _VERSIONS
        },
    )


def _newest(rows: Iterable[HostRow]) -> dict[str, HostRow]:
    """Give the record of each host that counts: the newest, then a labelled one, then by its number."""

    def rank(row: HostRow) -> tuple[str, bool, bool, int, int]:
        return row.taken_at, bool(row.zone), bool(row.cluster), len(row.labels), row.line()[0]

    chosen: dict[str, HostRow] = {}
    for row in rows:
        chosen[row.host] = max(row, chosen.get(row.host, row), key=rank)
    return chosen


def _start(rows: Sequence[HostRow]) -> frozenset[str]:
    """Give the features that every host can give to a guest; the CPUs of these fleets are of one vendor."""
    given = (row.configuration.offer(READER, "").data.bits for row in rows)
    common = reduce(and_, given, READER.models.known & ~READER.not_migratable)
    return frozenset(READER.models.names(common))


def _pairs(changes: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], tuple[int, str]]:
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for host, before, now in changes:
        if before != now:
            count, first = found.get((before, now), (0, host))
            found[before, now] = count + 1, first
    return found


def _fp(row: HostRow) -> str:
    return str(row.configuration.fingerprint)


def _value(row: HostRow, column: str) -> str:
    return row.configuration.best.value if column == "basis" else str(getattr(row, column))
