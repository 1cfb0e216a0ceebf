"""The answer of `baseline` as text and as a JSON document."""

from __future__ import annotations

from collections.abc import Sequence

from vcpuid.answers.baseline import Barrier, Baseline, Candidate
from vcpuid.guest.libvirt import render_cpu
from vcpuid.render.cpus import plural
from vcpuid.render.document import Document
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.parties import (
    add_names,
    add_parties,
    cpu_document,
    in_short,
    names_in_short,
    party_document,
    plus,
)
from vcpuid.terms.guest import GuestCpu, Policy

_MOST_ROWS = 12
_MOST_MODELS = 3


def render_baseline(answer: Baseline) -> Page:
    """Show the definition, what it rests on, what each host costs, and the groups of hosts."""
    page = Page()
    if answer.cpu is None:
        page.add(Span("no common CPU: ", Role.BAD), answer.refusal, hang=4)
    else:
        page.add(Span("baseline: ", Role.STRONG), summary_of(answer.cpu), hang=4)
        if not answer.is_safe:
            unsafe = [party.name for party in answer.hosts if not party.basis.is_safe]
            upper = f"of {names_in_short(unsafe)} only an upper bound is known"
            page.add(Span(f"not migration-safe: {upper}", Role.UNSURE), hang=4)
        page.add("")
        for line in render_cpu(answer.cpu).splitlines():
            page.add(line)
    page.add("")
    page.add(Span(f"{len(answer.hosts)} hosts" if len(answer.hosts) > 1 else "1 host", Role.STRONG))
    add_parties(page, answer.hosts)
    page.add(Span(f"  names by {answer.rests_on}", Role.DIM), hang=4)
    if answer.unnamed:
        add_names(page, "  without a name in it: ", answer.unnamed, Role.UNSURE)
    if answer.cpu is not None:
        _add_reasons(page, answer)
    _add_groups(page, answer)
    return page


def render_baseline_xml(answer: Baseline) -> str:
    """Give the <cpu> element alone; nothing where there is no baseline."""
    return render_cpu(answer.cpu) if answer.cpu else ""


def summary_of(cpu: GuestCpu) -> str:
    """Give a definition in a line: the model, with what is added and taken away."""
    added = [request.name for request in cpu.requests if request.policy.asks]
    removed = [request.name for request in cpu.requests if request.policy is Policy.DISABLE]
    parts = [cpu.model or cpu.mode.value]
    if added:
        parts.append(f"with {plural(len(added), 'feature')} more")
    if removed:
        parts.append(f"without {' '.join(removed)}")
    return ", ".join(parts)


def _add_reasons(page: Page, answer: Baseline) -> None:
    page.add("")
    page.add(Span("what it is made of", Role.STRONG))
    page.add(f"  guests start with {len(answer.start)} features")
    if answer.accept:
        add_names(page, "  a guest that comes with them may keep: ", answer.accept)
    if answer.allowed is not None:
        page.add(Span(f"  the domain capabilities allow {answer.allowed} of the models", Role.DIM))
    weighed = [one for one in answer.candidates if one.score is not None and not one.is_better]
    for candidate in weighed[:_MOST_MODELS]:
        page.add(Span(f"  not {candidate.name}: {_why_not(candidate)}", Role.DIM), hang=4)
    _add_better(page, [one for one in answer.candidates if one.is_better])
    if answer.costs:
        page.add("")
        page.add(Span("what single hosts cost", Role.STRONG))
        for cost in answer.costs[:_MOST_ROWS]:
            add_names(page, f"  without {names_in_short(cost.hosts)}: ", plus(cost.features))
        if len(answer.costs) > _MOST_ROWS:
            page.add(f"  and {len(answer.costs) - _MOST_ROWS} more; JSON has all")


def _why_not(candidate: Candidate) -> str:
    changes = f"{len(candidate.added)} to add, {len(candidate.taken_away)} to take away"
    return f"{candidate.outcome.value} ({changes})"


def _add_better(page: Page, candidates: Sequence[Candidate]) -> None:
    """Show the nearest of the models that some hosts can give and others keep out."""
    if not candidates:
        return
    page.add("")
    page.add(Span("better models, and what keeps them out", Role.STRONG))
    for candidate in sorted(candidates, key=lambda candidate: len(candidate.taken_away))[:_MOST_MODELS]:
        whose = f"  the model of {names_in_short(candidate.best_of)}" if candidate.best_of else ""
        page.add(f"  {candidate.name}", Span(whose, Role.DIM), hang=4)
        for barrier in candidate.barriers[:_MOST_MODELS]:
            _add_barrier(page, barrier)
        if len(candidate.barriers) > _MOST_MODELS:
            others = sum(len(barrier.hosts) for barrier in candidate.barriers[_MOST_MODELS:])
            page.add(f"    {others} more hosts lack other features of it; JSON has all")
    if len(candidates) > _MOST_MODELS:
        page.add(f"  and {len(candidates) - _MOST_MODELS} more; JSON has all")


def _add_barrier(page: Page, barrier: Barrier) -> None:
    names = names_in_short(barrier.hosts)
    if barrier.features:
        verb = "lacks" if len(barrier.hosts) == 1 else "lack"
        add_names(page, f"    {names} {verb}: ", in_short(barrier.features), Role.BAD)
    else:
        page.add(f"    {names}: unusable by the domain capabilities, which do not say why", hang=6)


def _add_groups(page: Page, answer: Baseline) -> None:
    if len(answer.groups) <= 1:
        return
    page.add("")
    page.add(Span("groups of hosts with a baseline of their own", Role.STRONG))
    for group in answer.groups[:_MOST_ROWS]:
        summary = summary_of(group.cpu) if group.cpu else "no model that all of them can run describes it"
        page.add(f"  {names_in_short(group.hosts)}: {summary}", hang=4)
        if group.gains:
            add_names(page, "    ", plus(group.gains), Role.DIM)
    if len(answer.groups) > _MOST_ROWS:
        page.add(f"  and {len(answer.groups) - _MOST_ROWS} more; JSON has all")


def baseline_document(answer: Baseline) -> Document:
    """Give the answer of `baseline`."""
    return {
        "schema": "vcpuid-baseline/1",
        "cpu": cpu_document(answer.cpu) if answer.cpu else None,
        "xml": render_cpu(answer.cpu) if answer.cpu else None,
        "refusal": answer.refusal or None,
        "is_migration_safe": answer.cpu is not None and answer.is_safe,
        "hosts": [party_document(party) for party in answer.hosts],
        "start": list(answer.start),
        "accept": list(answer.accept),
        "costs": [cost._asdict() for cost in answer.costs],
        "groups": [
            {
                "hosts": list(group.hosts),
                "cpu": cpu_document(group.cpu) if group.cpu else None,
                "gains": None if group.gains is None else list(group.gains),
            }
            for group in answer.groups
        ],
        "models": [_candidate_document(candidate) for candidate in answer.candidates],
        "rests_on": answer.rests_on,
        "unnamed": list(answer.unnamed),
    }


def _candidate_document(candidate: Candidate) -> Document:
    return {
        "model": candidate.name,
        "why_not": candidate.outcome.value,
        "score": candidate.score,
        "is_better": candidate.is_better,
        "add": list(candidate.added),
        "take_away": list(candidate.taken_away),
        "best_of": list(candidate.best_of),
        "kept_out_by": [barrier._asdict() for barrier in candidate.barriers],
    }
