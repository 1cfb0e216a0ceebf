"""Prometheus's text format, for the node exporter's textfile collector.

Source of the format: Prometheus's documentation, "Exposition formats". Labels are few and their values bounded: no
metric has a label for a feature, and a host has as many series as it has guests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from vcpuid.answers.audit import Audit, AuditedGuest
from vcpuid.terms.finding import Severity

_LONGEST_LABEL = 120
_MOST_GUESTS = 5000


class Sample(NamedTuple):
    """One value of a metric."""

    labels: Mapping[str, str]
    value: float


class Metric(NamedTuple):
    """A gauge with its help and values."""

    name: str
    help: str
    samples: tuple[Sample, ...]


def render_metrics(metrics: Iterable[Metric]) -> str:
    """Give the text of metrics; those without values are left out."""
    return "".join(line + "\n" for metric in metrics if metric.samples for line in _lines(metric))


def _lines(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help}"
    yield f"# TYPE {metric.name} gauge"
    for labels, value in metric.samples:
        inside = ",".join(f'{name}="{_escape(text)}"' for name, text in labels.items())
        yield f"{metric.name}{{{inside}}} {value:.17g}" if inside else f"{metric.name} {value:.17g}"


def _escape(text: str) -> str:
    bounded = text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"
    safe = bounded.encode(errors="replace").decode()  # a lone surrogate cannot be written
    return safe.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def render_audit_metrics(answer: Audit) -> str:
    """Give the audit of a host as metrics."""
    return render_metrics(_audit_metrics(answer))


def _audit_metrics(answer: Audit) -> Iterator[Metric]:
    guests = answer.guests[:_MOST_GUESTS]
    running = Counter(_accelerator(guest) for guest in answer.guests if guest.pid is not None)
    yield Metric(
        "vcpuid_guests_running",
        "Running guests by who runs their instructions.",
        tuple(Sample({"accelerator": name}, count) for name, count in sorted(running.items())),
    )
    yield Metric(
        "vcpuid_guests",
        "Guests of this host, running or not.",
        (Sample({}, len(answer.guests)),),
    )
    yield Metric(
        "vcpuid_guest_info",
        "A guest's CPU as it was given or asked for; always 1.",
        tuple(
            Sample(
                {
                    **_label(guest),
                    "accelerator": _accelerator(guest),
                    "machine": guest.machine or "",
                    "model": _model(guest),
                },
                1,
            )
            for guest in guests
        ),
    )
    yield Metric(
        "vcpuid_guest_findings",
        "What the audit found at a guest, by severity.",
        tuple(
            Sample(
                {**_label(guest), "severity": severity.value}, sum(f.severity is severity for f in guest.findings)
            )
            for guest in guests
            for severity in Severity
        ),
    )
    yield Metric(
        "vcpuid_guest_dropped_features",
        "Features that a guest was to have and has not, as QEMU or libvirt report.",
        tuple(Sample(_label(guest), len(guest.dropped)) for guest in guests if guest.reported_by),
    )
    yield Metric(
        "vcpuid_guest_dropped_features_predicted",
        "The same by QEMU's rules, of guests of which nobody reports it.",
        tuple(Sample(_label(guest), len(guest.dropped)) for guest in guests if guest.predicted_by),
    )
    yield Metric(
        "vcpuid_guest_cpu_options",
        "The -cpu options of a guest's process; more than one is a fault.",
        tuple(
            Sample(_label(guest), len(guest.replaced) + (guest.given is not None))
            for guest in guests
            if guest.pid is not None
        ),
    )
    yield Metric(
        "vcpuid_guest_epc_bytes",
        "SGX memory of a guest.",
        tuple(Sample(_label(guest), guest.epc_bytes) for guest in guests if guest.epc_bytes),
    )
    yield Metric(
        "vcpuid_audit_gaps",
        "Sources that the audit could not read.",
        (Sample({}, len(answer.gaps)),),
    )
    if answer.taken_at:
        seconds = datetime.fromisoformat(answer.taken_at).timestamp()
        yield Metric(
            "vcpuid_audit_timestamp_seconds",
            "When this host was looked at.",
            (Sample({}, seconds),),
        )


def _label(guest: AuditedGuest) -> dict[str, str]:
    return {"guest": guest.name}


def _accelerator(guest: AuditedGuest) -> str:
    return guest.accelerator.value if guest.accelerator else "unknown"


def _model(guest: AuditedGuest) -> str:
    if guest.given is not None:
        return guest.given.partition(",")[0]
    return "" if guest.asked is None else guest.asked.model or guest.asked.mode.value
