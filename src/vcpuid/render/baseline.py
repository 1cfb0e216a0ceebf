"""The answer of `baseline` as text and as a JSON document."""

from __future__ import annotations

from vcpuid.answers.baseline import Baseline
from vcpuid.guest.libvirt import render_cpu
from vcpuid.render.document import Document
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.parties import add_names, add_parties, cpu_document, names_in_short, party_document, plus
from vcpuid.rules.libvirt.decode import Trial
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
        parts.append(f"with {len(added)} features more")
    if removed:
        parts.append(f"without {' '.join(removed)}")
    return ", ".join(parts)


def _add_reasons(page: Page, answer: Baseline) -> None:
    page.add("")
    page.add(Span("what it is made of", Role.STRONG))
    page.add(f"  guests start with {len(answer.start)} features")
    if answer.accept:
        add_names(page, "  a guest that comes with them may keep: ", answer.accept)
    for trial in answer.trials[:_MOST_MODELS]:
        page.add(Span(f"  not {trial.model}: {_why_not(trial)}", Role.DIM), hang=4)
    if answer.allowed is not None:
        page.add(Span(f"  every host can run {answer.allowed} of the models", Role.DIM))
    if answer.costs:
        page.add("")
        page.add(Span("what single hosts cost", Role.STRONG))
        for cost in answer.costs[:_MOST_ROWS]:
            add_names(page, f"  without {names_in_short(cost.hosts)}: ", plus(cost.features))
        if len(answer.costs) > _MOST_ROWS:
            page.add(f"  and {len(answer.costs) - _MOST_ROWS} more; JSON has all")


def _why_not(trial: Trial) -> str:
    return f"{trial.outcome.value} ({trial.extra.bit_count()} to add, {trial.lacking.bit_count()} to take away)"


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
        "models": [_trial_document(trial) for trial in answer.trials],
        "rests_on": answer.rests_on,
        "unnamed": list(answer.unnamed),
    }


def _trial_document(trial: Trial) -> Document:
    return {"model": trial.model, "why_not": trial.outcome.value, "score": trial.score}
