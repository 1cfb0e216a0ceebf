"""The answer of `guest` as text and as a JSON document."""

from __future__ import annotations

from collections.abc import Iterator

from vcpuid.answers.guest import Loss, Translation
from vcpuid.render.document import Document
from vcpuid.render.page import Page


def render_guest(answer: Translation) -> Page:
    """Show the definition alone: it is something to copy, or for another program to read."""
    page = Page()
    for line in answer.text.splitlines():
        page.add(line)
    return page


def loss_lines(answer: Translation) -> Iterator[str]:
    """Walk the losses as sentences."""
    return (f"{loss.place}: lost: {loss.what}: {loss.why}" for loss in answer.losses)


def guest_document(answer: Translation) -> Document:
    """Give the answer of `guest`."""
    return {
        "schema": "vcpuid-guest/1",
        "source": answer.source,
        "from": answer.origin,
        "to": answer.target,
        "text": answer.text,
        "losses": [_loss_document(loss) for loss in answer.losses],
    }


def _loss_document(loss: Loss) -> Document:
    return {"what": loss.what, "why": loss.why, "source": loss.place.source, "line": loss.place.line}
