"""A report on a host as a JSON document: the answers' own documents, and where all of it is from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath

from vcpuid import __version__
from vcpuid.answers.host_report import FollowedGuests, HostReport
from vcpuid.answers.supply import Supplied
from vcpuid.answers.why import Answer
from vcpuid.dumps import write_dump
from vcpuid.evidence import Gap
from vcpuid.render.audit import audit_document
from vcpuid.render.document import Document, feature_document
from vcpuid.render.findings import finding_document, join_findings
from vcpuid.render.lint import lint_document
from vcpuid.render.sgx_doctor import doctor_document
from vcpuid.render.supply import supply_document
from vcpuid.render.why import why_document
from vcpuid.snapshot import Record, Snapshot
from vcpuid.snapshot.node import Node
from vcpuid.terms.dump import Dump
from vcpuid.terms.verdict import Chain, Verdict

_COLLECTOR: dict[str, Callable[[Node], str | int | bool]] = {
    "version": Node.text,
    "python": Node.text,
    "euid": Node.number,
    "active": Node.truth,
    "monitor": Node.truth,
    "anonymised": Node.truth,
}


def host_report_document(report: HostReport) -> Document:
    """Give a report."""
    evidence = report.evidence
    snapshot = evidence.snapshot
    supply = supply_document(evidence, report.supply)
    return {
        "schema": "vcpuid-report/1",
        "made_by": __version__,
        "host": snapshot.host_name,
        "taken_at": snapshot.taken_at or None,
        "file": PurePath(snapshot.source).name,
        "collector": _collector(snapshot),
        "runs": [{"subject": subject, "value": value} for subject, value in report.runs.items()],
        "vulnerabilities": {} if isinstance(evidence.kernel, Gap) else dict(evidence.kernel.vulnerabilities),
        "supply": supply,
        "sgx": doctor_document(report.sgx),
        "guests_seen": report.are_guests_seen,
        "audit": audit_document(report.audit),
        "paths": [_path(followed, snapshot) for followed in _naming(report)],
        "lint": lint_document(report.lint),
        "sources": [_source(record) for record in snapshot.records()],
        "registers": [
            {
                "cpus": [cpu.number for cpu in kind.cpus],
                "text": write_dump(Dump(kind.cpus[:1], snapshot.source), "cpuid"),
            }
            for kind in report.kinds
        ],
        "features": list(_features(report, supply)),
    }


def report_context(report: HostReport) -> Document:
    """Give what the page shows besides the document: findings that are alike in one."""
    findings = (*report.audit.findings, *report.lint.findings)
    return {
        "findings": [
            {**finding_document(finding), "host": None, "places": [place.source for place in places]}
            for finding, places in join_findings(findings)
        ],
    }


def _collector(snapshot: Snapshot) -> Document | None:
    """Give who took the snapshot, as far as it says so; None for a dump."""
    node = snapshot.root.get("collector")
    if node is None:
        return None
    return {name: read(member) if (member := node.get(name)) else None for name, read in _COLLECTOR.items()}


def _naming(report: HostReport) -> Iterator[FollowedGuests]:
    """Walk the guests that name single features."""
    return (followed for followed in report.followed if followed.answers or followed.unknown)


def _path(followed: FollowedGuests, snapshot: Snapshot) -> Document:
    answers = list(followed.answers)
    return {
        "guests": [guest.name for guest in followed.guests],
        "unknown": list(followed.unknown),
        "why": why_document(answers, snapshot.host_name, snapshot.taken_at) if answers else None,
    }


def _source(record: Record) -> Document:
    return {
        "name": record.name,
        "state": record.state,
        "problems": [
            {"what": what, "why": why, "remedy": remedy or None} for what, why, remedy in record.problems
        ],
    }


def _features(report: HostReport, supply: Document) -> Iterator[Document]:
    """Give every feature that the report mentions, in the order of the atlas, then those that guests name."""
    shown = {cell["name"] for word in supply["registers"] for cell in word["cells"] if cell["light"]}
    for one in report.supply.features:
        if one.lost_at is not None or one.answer.feature.name in shown:
            shown.add(one.answer.feature.name)
            yield _feature(one.answer, one)
    followed = {answer.feature.name: answer for own in report.followed for answer in own.answers}
    for name, answer in followed.items():
        if name not in shown:
            yield _feature(answer, None)


def _feature(answer: Answer, supplied: Supplied | None) -> Document:
    return {
        "feature": feature_document(answer.feature),
        "light": supplied.light.value if supplied else None,
        "lost_at": supplied.lost_at.value if supplied and supplied.lost_at else None,
        "states": dict(_states(answer.verdicts.values())),
    }


def _states(verdicts: Iterable[Verdict]) -> Iterator[tuple[str, str]]:
    for verdict in verdicts:
        if verdict.layer.chain is Chain.SUPPLY:
            yield verdict.layer.value, verdict.state.value
