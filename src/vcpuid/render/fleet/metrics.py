"""The answers of `fleet summary` and `fleet drift` as Prometheus's text.

No metric has a label for a host or a feature. Of each column only the most frequent values have a series of
their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vcpuid.fleet.drift import Drift
from vcpuid.fleet.summary import Count, Summary
from vcpuid.render.prometheus import Metric, Sample, render_metrics

_MOST_VALUES = 50
_OTHERS = "(others)"


def render_summary_metrics(answer: Summary) -> str:
    """Give the counts of a fleet as metrics."""
    return render_metrics(_summary_metrics(answer))


def _summary_metrics(answer: Summary) -> Iterator[Metric]:
    yield _one("vcpuid_fleet_hosts", "Hosts of the fleet.", answer.hosts)
    yield _one("vcpuid_fleet_configurations", "Distinct configurations of the hosts.", answer.distinct)
    yield _one("vcpuid_fleet_guests", "Guests of the fleet, running or not.", answer.guests)
    yield _one("vcpuid_fleet_guests_running", "Running guests of the fleet.", answer.running)
    for column, counts in {"model": answer.models, **answer.counts}.items():
        yield Metric(
            f"vcpuid_fleet_hosts_by_{column}",
            f"Hosts by {column}; empty where they do not tell.",
            tuple(Sample({column: count.value}, count.hosts) for count in _bounded(counts)),
        )


def _bounded(counts: Iterable[Count]) -> Iterator[Count]:
    listed = list(counts)
    yield from listed[:_MOST_VALUES]
    if len(listed) > _MOST_VALUES:
        yield Count(_OTHERS, sum(count.hosts for count in listed[_MOST_VALUES:]))


def render_drift_metrics(answer: Drift) -> str:
    """Give what changed in a fleet as metrics."""
    return render_metrics(_drift_metrics(answer))


def _drift_metrics(answer: Drift) -> Iterator[Metric]:
    yield _one("vcpuid_fleet_drift_hosts", "Hosts that both snapshots have.", answer.both)
    yield _one("vcpuid_fleet_drift_hosts_gone", "Hosts of the earlier snapshot only.", len(answer.gone))
    yield _one("vcpuid_fleet_drift_hosts_new", "Hosts of the later snapshot only.", len(answer.new))
    changed = sum(change.hosts for change in answer.changes)
    yield _one("vcpuid_fleet_drift_hosts_changed", "Hosts whose CPU is told otherwise than before.", changed)
    yield _one("vcpuid_fleet_drift_hosts_losing", "Hosts that lost a feature.", answer.losing)
    yield Metric(
        "vcpuid_fleet_drift_hosts_updated",
        "Hosts with another version than before, by what changed.",
        tuple(
            Sample({"what": what}, sum(change.hosts for change in changes))
            for what, changes in answer.versions.items()
        ),
    )


def _one(name: str, text: str, value: float) -> Metric:
    return Metric(name, text, (Sample({}, value),))
