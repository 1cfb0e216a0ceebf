"""The answer of `sgx plan` as text and as a JSON document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vcpuid.answers.sgx.files import File
from vcpuid.answers.sgx.packing import Part
from vcpuid.answers.sgx.plan import Outcome, Plan
from vcpuid.decode.words import describe_size
from vcpuid.render.cpus import plural
from vcpuid.render.document import Document
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.sgx_doctor import memory_document


def render_plan(plan: Plan, written: Sequence[str]) -> Page:
    """Show the nodes, whom they serve, what does not fit, and the files."""
    page = Page()
    memory = plan.memory
    word = Span("all fit", Role.GOOD) if plan.fits else Span("not all fit", Role.BAD)
    page.add(Span(f"{plan.diagnosis.host}: ", Role.STRONG), word)
    if memory.known_by:
        page.add(Span(f"  memory by {memory.known_by.value}", Role.DIM))
    for node in memory.nodes:
        page.add(
            f"  node {node.number}  {describe_size(node.size_bytes)}, free {describe_size(node.free_bytes)}, "
            f"left after the plan {describe_size(plan.left[node.number])}"
        )
    for outcome in plan.outcomes:
        page.add()
        _add_outcome(page, outcome)
    _add_notes(page, plan)
    if written:
        page.add()
        for name in written:
            page.add(f"  written: {name}")
    return page


def _add_outcome(page: Page, outcome: Outcome) -> None:
    request = outcome.request
    rounded = "" if outcome.size_bytes == request.size_bytes else f", takes {describe_size(outcome.size_bytes)}"
    page.add(
        Span(f"  {request.name}", Role.STRONG),
        f"  {plural(request.copies, 'guest')} of {describe_size(request.size_bytes)}{rounded}; "
        f"alone {outcome.alone} would fit",
    )
    for parts, count in Counter(guest.parts for guest in outcome.placed).items():
        page.add(Span(f"    {count:>4}  ", Role.GOOD), _where(parts))
    if outcome.why:
        missing = request.copies - len(outcome.placed)
        page.add(Span(f"    {missing:>4}  ", Role.BAD), outcome.why, hang=10)


def _where(parts: Sequence[Part]) -> str:
    if len(parts) == 1:
        return f"on node {parts[0][0]}"
    return " and ".join(f"{describe_size(size)} on node {node}" for node, size in parts)


def _add_notes(page: Page, plan: Plan) -> None:
    sleeping = [use for use in plan.memory.uses if not use.runs]
    if plan.reserved_bytes:
        page.add()
        page.add(f"  kept free on each node: {describe_size(plan.reserved_bytes)}")
    if sleeping:
        page.add()
        total = describe_size(sum(use.size_bytes for use in sleeping))
        names = ", ".join(dict.fromkeys(use.guest for use in sleeping))
        page.add(
            Span("  Note: ", Role.UNSURE),
            f"{names} will ask for {total} when started; the plan leaves none for them.",
            hang=8,
        )
    if plan.diagnosis.faults:
        fault = plan.diagnosis.faults[0]
        page.add()
        page.add(
            Span("  Note: ", Role.UNSURE),
            f"the host is not ready: it breaks at {fault.step.name}, {fault.summary}; `vcpuid sgx doctor` tells.",
            hang=8,
        )


def plan_document(plan: Plan, files: Sequence[File], written: Sequence[str]) -> Document:
    """Give the answer of `sgx plan`."""
    return {
        "schema": "vcpuid-sgx-plan/1",
        "host": plan.diagnosis.host,
        "taken_at": plan.diagnosis.taken_at or None,
        "fits": plan.fits,
        "ready": plan.diagnosis.is_ready,
        "memory": memory_document(plan.memory),
        "granule_bytes": plan.granule_bytes,
        "reserved_bytes": plan.reserved_bytes,
        "requests": [_outcome_document(outcome) for outcome in plan.outcomes],
        "left": [{"node": node, "size_bytes": size} for node, size in sorted(plan.left.items())],
        "files": [{"for": file.target.value, "name": file.name, "text": file.text} for file in files],
        "written": list(written),
    }


def _outcome_document(outcome: Outcome) -> Document:
    return {
        "name": outcome.request.name,
        "asked_bytes": outcome.request.size_bytes,
        "size_bytes": outcome.size_bytes,
        "count": outcome.request.copies,
        "alone": outcome.alone,
        "placed": [[{"node": node, "size_bytes": size} for node, size in guest.parts] for guest in outcome.placed],
        "why_not_all": outcome.why or None,
    }
