"""What a fleet consists of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from vcpuid.fleet import queries
from vcpuid.fleet.fleet import Fleet

_FEWEST_HOSTS = 20
_UNUSUAL_SHARE = 0.5


class Count(NamedTuple):
    """How many hosts have a value; empty where they do not tell."""

    value: str
    hosts: int


class Summary(NamedTuple):
    """The answer.

    Attributes:
        date: The snapshot of the fleet.
        hosts: How many hosts there are.
        distinct: How many distinct configurations they have.
        guests: How many guests they have.
        running: How many of these run.
        models: The models of libvirt that describe what they can give.
        counts: By column (`brand`, `generation`, `microcode`, versions, `basis`): its values, most frequent first.
        dates: The snapshots in the store, oldest first.
        labels: The names of labels that hosts have, zone and cluster first if any has one.
    """

    date: str
    hosts: int
    distinct: int
    guests: int
    running: int
    models: tuple[Count, ...]
    counts: Mapping[str, tuple[Count, ...]]
    dates: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def is_scattered(self) -> bool:
        """Whether there are suspiciously many configurations."""
        return is_scattered(self.hosts, self.distinct)


def is_scattered(hosts: int, distinct: int) -> bool:
    """Tell whether hosts are so seldom equal that something in their dumps must differ from host to host."""
    return hosts >= _FEWEST_HOSTS and distinct > hosts * _UNUSUAL_SHARE


def summarise(fleet: Fleet) -> Summary:
    """Count a fleet.

    Raises:
        InputError: The store cannot be read.

    Examples:
        >>> from vcpuid import fleet_summary, open_fleet
        >>> summary = fleet_summary(open_fleet("fleet", "2026-01-31"))
        >>> summary.hosts, summary.distinct, summary.guests
        (4, 3, 4)
        >>> [(count.value, count.hosts) for count in summary.models]
        [('Skylake-Client-IBRS', 3), ('Snowridge', 1)]
    """
    engine = fleet.engine
    ((hosts, distinct),) = engine.rows(queries.COUNT_HOSTS)
    ((guests, running),) = engine.rows(queries.COUNT_GUESTS)
    counts = {
        column: tuple(Count(*row) for row in engine.rows(queries.COUNT_BY.format(column=column)))
        for column in queries.SUMMED_UP
    }
    models: Counter[str] = Counter()
    for fp, count, _ in engine.rows(queries.COUNT_CONFIGURATIONS):
        models[fleet.offer(fp).model or ""] += count
    named = tuple(Count(*pair) for pair in sorted(models.items(), key=lambda pair: (-pair[1], pair[0])))
    return Summary(fleet.date, hosts, distinct, guests, running, named, counts, fleet.dates, fleet.label_names)
