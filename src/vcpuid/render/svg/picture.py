"""A picture: shapes and texts with classes, in a document that says in words what it shows.

Colours are of the palette of Okabe and Ito (https://jfly.uni-koeln.de/color/), which people with any colour vision
tell apart; a hatch says the same as the second colour.
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape, quoteattr

from vcpuid.render.page import printable

FONT_PX: Final = 13
_LETTER_PX = (
    7.2  # the mean width of a letter of this size; what is narrower leaves room, what is wider is shortened
)
_STYLE = """
svg { --paper: #ffffff; --ink: #1b1f24; --quiet: #59636e; --line: #d5dae0; --blank: #eef0f3;
  --sure: #0072b2; --on-sure: #ffffff; --may: #e69f00; --may-line: #7a4f00 }
@media (prefers-color-scheme: dark) { svg { --paper: #14181d; --ink: #e8ebef; --quiet: #9aa4af; --line: #343b44;
  --blank: #20262d; --sure: #56b4e9; --on-sure: #08131b; --may: #c98a00; --may-line: #ffd27a } }
text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink) }
.paper { fill: var(--paper) } .title { font-size: 17px; font-weight: 600 }
.quiet { fill: var(--quiet) } .end { text-anchor: end } .middle { text-anchor: middle }
.number { font-variant-numeric: tabular-nums } .small { font-size: 11px }
.sure { fill: var(--sure) } .may { fill: url(#hatch) } .blank { fill: var(--blank) } .line { stroke: var(--line) }
.hatch { fill: var(--may) } .stroke { stroke: var(--may-line); stroke-width: 1.5 }
.on-sure { fill: var(--on-sure) } .rest { fill: var(--quiet) }
.halo { stroke: var(--blank); stroke-width: 3.5px; paint-order: stroke; stroke-linejoin: round }
"""
_HATCH = (
    '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect class="hatch" width="6" height="6"/><path class="stroke" d="M0 0V6"/></pattern>'
)


class Picture:
    """An SVG document that a renderer adds to, from back to front.

    Args:
        title: What it is, for people who see it and for those who hear it.
        description: What it shows, in sentences that can stand for it.
    """

    def __init__(self, title: str, description: str) -> None:
        self._title, self._description = title, description
        self._parts: list[str] = []
        self._width = self._height = 0.0

    def text(self, x: float, y: float, words: str, classes: str = "", turned: int = 0) -> None:
        """Write words, with their base line at y; turned by so many degrees round their beginning."""
        turn = f' transform="rotate({turned} {_px(x)} {_px(y)})"' if turned else ""
        self._parts.append(f'<text x="{_px(x)}" y="{_px(y)}"{_class(classes)}{turn}>{_escaped(words)}</text>')

    def box(self, x: float, y: float, size: tuple[float, float], classes: str, says: str = "") -> None:
        """Draw a rectangle; what it says is shown to who points at it."""
        self._reach(x + size[0], y + size[1])
        head = f'<rect x="{_px(x)}" y="{_px(y)}" width="{_px(size[0])}" height="{_px(size[1])}"{_class(classes)}'
        self._parts.append(f"{head}><title>{_escaped(says)}</title></rect>" if says else f"{head}/>")

    def line(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw a thin line."""
        path = f"M{_px(start[0])} {_px(start[1])}L{_px(end[0])} {_px(end[1])}"
        self._parts.append(f'<path class="line" d="{path}"/>')

    def grow(self, width: float, height: float) -> None:
        """Make the document at least so large."""
        self._reach(width, height)

    def render(self) -> str:
        """Give the document."""
        width, height = _px(self._width), _px(self._height)
        namespace = 'xmlns="http://www.w3.org/2000/svg"'
        size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        return "\n".join(
            (
                f'<svg {namespace} {size} role="img" aria-labelledby="title description">',
                f'<title id="title">{_escaped(self._title)}</title>',
                f'<desc id="description">{_escaped(self._description)}</desc>',
                f"<style>{_STYLE}</style>",
                f"<defs>{_HATCH}</defs>",
                f'<rect class="paper" width="{width}" height="{height}"/>',
                *self._parts,
                "</svg>",
            )
        )

    def _reach(self, x: float, y: float) -> None:
        self._width, self._height = max(self._width, x), max(self._height, y)


def shortened(words: str, width_px: float) -> str:
    """Give words that fit a width: what is too long ends in an ellipsis."""
    words = printable(words)
    most = max(int(width_px / _LETTER_PX), 1)
    return words if len(words) <= most else f"{words[: most - 1]}…"


def width_of(words: str) -> float:
    """Give the width that words take at most, about."""
    return len(printable(words)) * _LETTER_PX


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _class(classes: str) -> str:
    return f" class={quoteattr(classes)}" if classes else ""


def _escaped(words: str) -> str:
    return escape(printable(words))
