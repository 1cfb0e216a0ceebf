"""All that a host's evidence answers, put together: what it runs, gives and loses, its guests, what is wrong."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import NamedTuple

from vcpuid.answers.audit import Audit, AuditedGuest, audit, essence
from vcpuid.answers.lint import LintReport
from vcpuid.answers.lint_snapshot import lint_snapshot
from vcpuid.answers.look_up import look_up
from vcpuid.answers.party import Basis, Party
from vcpuid.answers.sgx.doctor import Diagnosis, examine
from vcpuid.answers.supply import Supply, supply
from vcpuid.answers.unchecked import known_of
from vcpuid.answers.why import Answer, follow
from vcpuid.atlas import Atlas, Match
from vcpuid.decode.machine import Kind, decode_machine
from vcpuid.errors import UsageError
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.guest import Guest, every_guest
from vcpuid.terms.feature import Dialect
from vcpuid.terms.verdict import State


class FollowedGuests(NamedTuple):
    """Guests that ask for the same CPU, were given the same and have the same faults.

    Attributes:
        guests: They, in the audit's order.
        answers: Each feature that it names, followed to what it got: those that are asked for and lost first.
        unknown: Names among them that no table has, or that mean different bits.
    """

    guests: tuple[AuditedGuest, ...]
    answers: tuple[Answer, ...]
    unknown: tuple[str, ...]


class HostReport(NamedTuple):
    """What there is to tell of one host.

    Attributes:
        evidence: Its evidence.
        runs: What it runs and how its CPU is set up: subject to value, those alone that are known.
        supply: What it gives to guests, bit by bit.
        kinds: The kinds of its CPUs; empty where CPUID was not read.
        sgx: How it is for SGX guests.
        are_guests_seen: Whether its guests were looked at.
        audit: Its guests, judged.
        followed: Its guests with the features that they name.
        lint: The faults of its configurations.
    """

    evidence: Evidence
    runs: dict[str, str]
    supply: Supply
    kinds: tuple[Kind, ...]
    sgx: Diagnosis
    are_guests_seen: bool
    audit: Audit
    followed: tuple[FollowedGuests, ...]
    lint: LintReport


def report_on_host(evidence: Evidence) -> HostReport:
    """Ask a host's evidence every question that has an answer without more being given.

    Raises:
        InputError: The evidence is damaged.
    """
    audited = audit(evidence)
    cpuid = evidence.cpuid
    return HostReport(
        evidence=evidence,
        runs=dict(_runs(evidence)),
        supply=supply(evidence),
        kinds=() if isinstance(cpuid, Gap) else decode_machine(cpuid.dump).kinds,
        sgx=examine(evidence),
        are_guests_seen=not isinstance(evidence.domains, Gap) or not isinstance(evidence.processes, Gap),
        audit=audited,
        followed=tuple(_follow_guests(evidence, audited)),
        lint=lint_snapshot(evidence),
    )


def _runs(evidence: Evidence) -> Iterator[tuple[str, str]]:
    yield from known_of(Party(evidence.snapshot.host_name, Basis.CPUID, evidence=evidence)).items()
    if not isinstance(evidence.qemu, Gap) and evidence.qemu:
        binaries = (f"{binary.path} {binary.version or '(version unknown)'}" for binary in evidence.qemu)
        yield "QEMU binaries", ", ".join(binaries)
    if not isinstance(evidence.kernel, Gap) and evidence.kernel.command_line:
        yield "kernel parameters", " ".join(evidence.kernel.command_line)


def _follow_guests(evidence: Evidence, audited: Audit) -> Iterator[FollowedGuests]:
    guests = {found.name: found.guest for found in every_guest(evidence)}
    alike: dict[Hashable, list[AuditedGuest]] = {}
    for judged in audited.guests:
        alike.setdefault(_kind_of(judged), []).append(judged)
    for same in alike.values():
        first = guests[same[0].name]
        answers, unknown = _follow(evidence, first, same[0])
        yield FollowedGuests(tuple(same), answers, unknown)


def _kind_of(judged: AuditedGuest) -> Hashable:
    """Give what is the same for guests that are alike: all but their names and numbers."""
    findings = tuple((finding.rule, finding.message) for finding in judged.findings)
    asked = judged.asked and essence(judged.asked)
    runs = judged.pid is not None
    return judged._replace(name="", pid=None, asked=None, findings=()), asked, findings, runs


def _follow(evidence: Evidence, guest: Guest, judged: AuditedGuest) -> tuple[tuple[Answer, ...], tuple[str, ...]]:
    vendor = None if isinstance(evidence.cpuid, Gap) else evidence.cpuid.vendor
    matches: dict[str, Match] = {}
    unknown = []
    for name, dialect in dict.fromkeys(_named_by(guest, judged)):
        match = _find(name, dialect, vendor)
        if match is None:
            unknown.append(name)
        else:
            matches.setdefault(match.feature.name, match)
    answers = [follow(match, evidence, guest) for match in matches.values()]
    return tuple(sorted(answers, key=_is_got)), tuple(dict.fromkeys(unknown))


def _named_by(guest: Guest, judged: AuditedGuest) -> Iterator[tuple[str, Dialect]]:
    """Walk the names of single features in all that asks for a guest's CPU, and of those that it did not get."""
    if guest.nova is not None:
        yield from ((request.name, Dialect.LIBVIRT) for request in guest.nova.cpu.requests)
    if guest.definition is not None:
        yield from ((request.name, Dialect.LIBVIRT) for request in guest.definition.cpu.requests)
    # What libvirt makes of a definition names what its host-model has; what people wrote is what counts.
    if guest.command is not None and (guest.definition is None or guest.command.replaced):
        requests = guest.command.effective.cpu.requests if guest.command.effective else ()
        yield from ((request.name, Dialect.QEMU) for request in requests)
    reporter = Dialect.LIBVIRT if judged.reported_by == "live XML" else Dialect.QEMU
    yield from ((name, reporter) for name in judged.dropped)


def _find(name: str, dialect: Dialect, vendor: str | None) -> Match | None:
    named = Atlas.load().named(dialect, name)
    if named is not None:
        return Match(named, (dialect,))
    try:
        return look_up(name, vendor)
    except UsageError:
        return None


def _is_got(answer: Answer) -> int:
    """Order answers: asked for and not got, then got, then not asked for."""
    if answer.asked is not State.PRESENT:
        return 2
    return int(answer.got is State.PRESENT)
