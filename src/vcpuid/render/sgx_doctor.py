"""The answer of `sgx doctor` as text and as a JSON document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vcpuid.answers.sgx.doctor import Diagnosis, Examined
from vcpuid.answers.sgx.memory import Memory
from vcpuid.answers.sgx.step import Purpose, StepState
from vcpuid.decode.sgx import Sgx
from vcpuid.decode.words import describe_size
from vcpuid.render.document import Document
from vcpuid.render.page import Page, Role, Span

_ROLES = {
    StepState.FINE: ("fine", Role.GOOD),
    StepState.BROKEN: ("BROKEN", Role.BAD),
    StepState.UNKNOWN: ("?", Role.UNSURE),
    StepState.NOT_NEEDED: ("-", Role.DIM),
}
_READY = {True: ("ready", Role.GOOD), False: ("not ready", Role.BAD), None: ("undecided", Role.UNSURE)}
_NAME_WIDTH, _TITLE_WIDTH = 14, 33
_WANTED = {Purpose.GUESTS: "for SGX guests", Purpose.QUOTES: "for quotes of the host, which TDX guests need"}


def render_doctor(answer: Diagnosis, *, verbose: bool = False) -> Page:
    """Show each step, the breaks with their mends, what is not known, and the memory."""
    page = Page()
    word, role = _READY[answer.is_ready]
    page.add(Span(f"{answer.host}: ", Role.STRONG), Span(word, role), f" {_WANTED[answer.purpose]}")
    for one in answer.steps:
        if answer.purpose in one.step.serves or verbose:
            _add_step(page, one, verbose=verbose)
    for number, fault in enumerate(answer.faults):
        page.add()
        _add_fault(page, fault, is_first=not number)
    _add_unknown(page, answer, verbose=verbose)
    _add_notes(page, answer)
    _add_memory(page, answer)
    return page


def _add_step(page: Page, one: Examined, *, verbose: bool) -> None:
    word, role = _ROLES[one.state]
    if one.follows is not None and one.state is StepState.BROKEN:
        word, role = "broken", Role.UNSURE
    follows = f"  <- follows from {one.follows.name}" if one.follows else ""
    names = f"  {one.step.name:<{_NAME_WIDTH}}  {one.step.title:<{_TITLE_WIDTH}}  {one.summary}"
    parts = (Span(f"{word:<6}", role), names, Span(follows, Role.DIM))
    page.add("  ", *parts)
    if verbose:
        page.add(f"          {one.means}", Span(f"  [{one.rule}]", Role.DIM), hang=10)
        for proof in one.evidence:
            page.add(Span(f"          {proof.source}: {proof.value}", Role.DIM), hang=12)


def _add_fault(page: Page, fault: Examined, *, is_first: bool) -> None:
    label = "It breaks at: " if is_first else "Broken besides: "
    page.add(
        Span(f"  {label}", Role.BAD),
        Span(fault.step.name, Role.STRONG),
        f" ({fault.step.title}), {fault.summary}",
        hang=4,
    )
    page.add(f"  {fault.means}", hang=2)
    if fault.mend:
        page.add(Span("  Mend: ", Role.STRONG), fault.mend, hang=8)


def _needed(answer: Diagnosis) -> Iterator[Examined]:
    return (one for one in answer.steps if one.state is not StepState.NOT_NEEDED)


def _add_unknown(page: Page, answer: Diagnosis, *, verbose: bool) -> None:
    unknown = [one for one in _needed(answer) if one.state is StepState.UNKNOWN and one.follows is None]
    if not unknown:
        return
    page.add()
    for one in unknown:
        weight = ", which leaves the answer open" if one.leaves_open else ""
        page.add(Span("  Not known: ", Role.UNSURE), f"{one.step.name}{weight}. {one.means} {one.mend}", hang=4)
    if not verbose:
        page.add(Span("  -v shows what every step rests on.", Role.DIM))


def _add_notes(page: Page, answer: Diagnosis) -> None:
    if answer.purpose is not Purpose.GUESTS:
        return
    missing = [one.step.name for one in answer.steps if _is_for_quotes(one) and one.seen is StepState.BROKEN]
    if answer.is_tdx:
        page.add()
        page.add(
            "  This host runs TDX: its guests' quotes are made by SGX enclaves of the host. ",
            f"For these {_listed(missing)}. `vcpuid sgx doctor --for quotes` tells.",
            hang=4,
        )


def _is_for_quotes(one: Examined) -> bool:
    return Purpose.GUESTS not in one.step.serves


def _listed(missing: Sequence[str]) -> str:
    return f"something is missing: {', '.join(missing)}" if missing else "nothing was found to be missing"


def _add_memory(page: Page, answer: Diagnosis) -> None:
    memory, sgx = answer.memory, answer.sgx
    if memory.known_by is None and sgx is None:
        return
    page.add()
    if sgx is not None:
        page.add(Span("  enclaves  ", Role.STRONG), _enclaves(sgx), hang=12)
    if memory.known_by is None:
        return
    page.add(Span("  memory    ", Role.STRONG), f"by {memory.known_by.value}")
    for node in memory.nodes:
        page.add(
            f"    node {node.number}  {describe_size(node.size_bytes)}, free {describe_size(node.free_bytes)}"
        )
    for use in memory.uses:
        where = f"node {','.join(map(str, sorted(use.nodes)))}" if use.nodes else "any node"
        state = "" if use.runs else ", does not run"
        page.add(f"    guest {use.guest}  {describe_size(use.size_bytes)}, {where}{state}")


def _enclaves(sgx: Sgx) -> str:
    parts = [" ".join(sgx.instructions)]
    if sgx.max_bytes_64 is not None:
        parts.append(f"up to {describe_size(sgx.max_bytes_64)} each")
    if sgx.attributes is not None and sgx.xfrm is not None:
        parts.append(f"attributes {' '.join(sgx.attribute_names)}, XFRM {sgx.xfrm:#x}")
    parts.append(f"MISCSELECT {sgx.miscselect:#x}")
    return "; ".join(parts)


def doctor_document(answer: Diagnosis) -> Document:
    """Give the answer of `sgx doctor`."""
    return {
        "schema": "vcpuid-sgx-doctor/1",
        "host": answer.host,
        "taken_at": answer.taken_at or None,
        "purpose": answer.purpose.value,
        "ready": answer.is_ready,
        "tdx": answer.is_tdx,
        "broken_at": answer.faults[0].step.name if answer.faults else None,
        "steps": [_step_document(one) for one in answer.steps],
        "memory": memory_document(answer.memory),
        "enclaves": None if answer.sgx is None else _enclave_document(answer.sgx),
    }


def _step_document(one: Examined) -> Document:
    return {
        "name": one.step.name,
        "title": one.step.title,
        "serves": sorted(purpose.value for purpose in one.step.serves),
        "state": one.state.value,
        "seen": one.seen.value,
        "rule": one.rule,
        "summary": one.summary,
        "means": one.means,
        "mend": one.mend or None,
        "follows": one.follows.name if one.follows else None,
        "leaves_open": one.leaves_open,
        "evidence": [{"source": proof.source, "value": proof.value} for proof in one.evidence],
    }


def memory_document(memory: Memory) -> Document:
    """Give a host's enclave memory."""
    return {
        "known_by": memory.known_by.name.lower() if memory.known_by else None,
        "size_bytes": memory.size_bytes,
        "free_bytes": memory.free_bytes,
        "nodes": [
            {"node": node.number, "size_bytes": node.size_bytes, "free_bytes": node.free_bytes}
            for node in memory.nodes
        ],
        "guests": [
            {
                "name": use.guest,
                "size_bytes": use.size_bytes,
                "nodes": sorted(use.nodes) if use.nodes else None,
                "runs": use.runs,
            }
            for use in memory.uses
        ],
    }


def _enclave_document(sgx: Sgx) -> Document:
    return {
        "instructions": list(sgx.instructions),
        "miscselect": sgx.miscselect,
        "max_bytes_32": sgx.max_bytes_32,
        "max_bytes_64": sgx.max_bytes_64,
        "attributes": sgx.attributes,
        "attribute_names": list(sgx.attribute_names),
        "xfrm": sgx.xfrm,
        "sections": None
        if sgx.sections is None
        else [
            {"base": section.base, "size_bytes": section.size_bytes, "protection": section.protection}
            for section in sgx.sections
        ],
    }
