"""A report: one page with all that it needs in it, which asks nobody for anything and opens from a disk."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import Final, NamedTuple

from markupsafe import Markup

from vcpuid.render.document import Document
from vcpuid.render.html import FOLDER, STATIC, render_page
from vcpuid.render.html.anchors import Anchors

_STYLES: Final = (STATIC["style.css"].path, STATIC["picture.css"].path, FOLDER / "report.css")


class _Inline(NamedTuple):
    """What a report has in place of files beside it.

    Attributes:
        style: Its style sheet.
        icon: Its icon, as an address.
        policy: What a browser may do with it: show it, with this style and this icon.
    """

    style: Markup
    icon: str
    policy: str


def render_report(template: str, document: Document, more: Document, features: Sequence[Document] = ()) -> str:
    """Render a report.

    Args:
        template: The template's name, without its ending.
        document: What is reported.
        more: What the page shows besides.
        features: The features that the page describes: what speaks of them leads there.
    """
    inline = _load()._asdict()
    return render_page(template, {"result": document, "more": more, **inline}, links=Anchors(features).links())


@cache
def _load() -> _Inline:
    style = "".join(path.read_text(encoding="utf-8") for path in _STYLES)
    icon = b64encode(STATIC["icon.svg"].path.read_bytes()).decode()
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return _Inline(Markup(style), f"data:image/svg+xml;base64,{icon}", policy)  # noqa: S704 - a file of ours
