"""The answer of `why` as text and as a JSON document."""

from __future__ import annotations

from vcpuid.answers.why import Answer
from vcpuid.render.document import Document, feature_document
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.verdict import verdict_document
from vcpuid.terms.verdict import Chain, Layer, State, Verdict

_WORDS = {
    State.PRESENT: ("yes", Role.GOOD),
    State.ABSENT: ("no", Role.BAD),
    State.UNKNOWN: ("?", Role.UNSURE),
    State.NOT_APPLICABLE: ("-", Role.DIM),
}
_LABEL_WIDTH = 10
_STATE_WIDTH = 4


def render_why(answers: list[Answer], *, verbose: bool = False) -> Page:
    """Show each answer: the two chains, their meeting, where they break, and what to do."""
    page = Page()
    for number, answer in enumerate(answers):
        if number:
            page.add()
        _render_answer(page, answer, verbose=verbose)
    return page


def _render_answer(page: Page, answer: Answer, *, verbose: bool) -> None:
    _render_head(page, answer)
    page.add(Span("  what can be given", Role.STRONG))
    _render_chain(page, answer, Chain.SUPPLY, verbose=verbose)
    if answer.guest is not None:
        page.add(Span("  what is asked for", Role.STRONG))
        _render_chain(page, answer, Chain.DEMAND, verbose=verbose)
        page.add(Span("  what the guest got", Role.STRONG))
        _render_chain(page, answer, Chain.GOT, verbose=verbose)
    page.add()
    for line in _conclusions(answer):
        page.add(f"  {line}", hang=2)
    for label, role, texts in (("Mend", Role.STRONG, answer.mends), ("Note", Role.UNSURE, answer.notes)):
        for text in texts:
            page.add(Span(f"  {label}: ", role), text, hang=8)


def _render_head(page: Page, answer: Answer) -> None:
    feature = answer.feature
    title = f"{feature.name}  {feature.address}"
    if feature.title:
        title += f"  ({feature.title})"
    page.add(Span(title, Role.STRONG))
    if answer.match.folded:
        names = sorted({name.text for own in feature.names.values() for name in own})
        page.add(Span(f"  read as another spelling of {', '.join(names)}", Role.DIM))
    meeting: list[Span | str] = ["  "]
    for label, state in (("asked", answer.asked), ("available", answer.available), ("got", answer.got)):
        word, role = _WORDS[state]
        meeting += [f"{label} ", Span(word, role), "   "]
    if answer.is_predicted:
        meeting[-1:] = [Span(" (predicted)", Role.UNSURE), "   "]
    page.add(*meeting, Span(f"({answer.guest})" if answer.guest else "(no guest given)", Role.DIM))
    page.add()


def _render_chain(page: Page, answer: Answer, chain: Chain, *, verbose: bool) -> None:
    for layer in Layer:
        if layer.chain is not chain:
            continue
        verdict = answer.verdicts[layer]
        word, role = _WORDS[verdict.state]
        mark = Span("  <- breaks here" if layer in answer.lost_at else "", Role.BAD)
        page.add(
            f"    {layer.value:<{_LABEL_WIDTH}}",
            Span(f"{word:<{_STATE_WIDTH}}", role),
            verdict.summary,
            mark,
        )
        if verbose:
            _render_evidence(page, verdict)


def _render_evidence(page: Page, verdict: Verdict) -> None:
    indent = " " * (4 + _LABEL_WIDTH + _STATE_WIDTH)
    by = f" by the rules of {verdict.rules_version}" if verdict.rules_version else ""
    page.add(Span(f"{indent}rule {verdict.rule} ({verdict.basis.value}{by})", Role.DIM))
    for proof in verdict.evidence:
        page.add(Span(f"{indent}{proof.source}: {proof.value}", Role.DIM))
    if verdict.cannot_prove:
        page.add(Span(f"{indent}cannot prove: {verdict.cannot_prove}", Role.DIM), hang=len(indent))


def _conclusions(answer: Answer) -> list[str]:
    """Say what the answer is and where the chains break, a sentence each."""
    sentences = []
    if answer.got is State.PRESENT:
        name = answer.feature.name
        sentences.append(
            f"By prediction the guest gets {name}." if answer.is_predicted else f"The guest has {name}."
        )
    for layer, chain in ((answer.broken_at.supply, "Supply"), (answer.broken_at.demand, "Demand")):
        if layer is not None:
            verdict = answer.verdicts[layer]
            sentences.append(f"{chain} breaks at {layer.value}: {_told(verdict)}")
    if not sentences:
        if answer.outcome is State.PRESENT:
            if answer.guest is None:
                sentences.append("Nothing is lost on the way that can be given to a guest.")
            else:
                sentences.append("It is asked for, and it can be given.")
        sentences += [
            f"Undecided at {verdict.layer.value}: {_told(verdict)}"
            for verdict in answer.decisive
            if verdict.state is State.UNKNOWN and answer.outcome is not State.PRESENT
        ]
        sentences += [_told(verdict) for verdict in answer.decisive if verdict.state is State.ABSENT]
    if not sentences:
        sentences.append(f"Nothing on the host decides. {_told(answer.verdicts[Layer.QEMU])}")
    return sentences


def _told(verdict: Verdict) -> str:
    if not verdict.cannot_prove:
        return verdict.explanation
    return f"{verdict.explanation} This does not prove {verdict.cannot_prove[0].lower()}{verdict.cannot_prove[1:]}"


def why_document(answers: list[Answer], host: str, taken_at: str) -> Document:
    """Give the answers of `why`."""
    return {
        "schema": "vcpuid-why/1",
        "host": host,
        "taken_at": taken_at or None,
        "answers": [
            {
                "feature": feature_document(answer.feature),
                "matched": [dialect.value for dialect in answer.match.dialects],
                "is_folded": answer.match.folded,
                "guest": answer.guest,
                "asked": answer.asked.value,
                "available": answer.available.value,
                "got": answer.got.value,
                "is_predicted": answer.is_predicted,
                "outcome": answer.outcome.value,
                "broken_at": {
                    "supply": _layer(answer.broken_at.supply),
                    "demand": _layer(answer.broken_at.demand),
                },
                "lost_at": [layer.value for layer in answer.lost_at],
                "verdicts": [verdict_document(answer.verdicts[layer]) for layer in Layer],
                "conclusions": _conclusions(answer),
                "mend": list(answer.mends),
                "notes": list(answer.notes),
            }
            for answer in answers
        ],
    }


def _layer(layer: Layer | None) -> str | None:
    return layer.value if layer else None
