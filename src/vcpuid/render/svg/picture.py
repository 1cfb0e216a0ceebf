"""A picture: shapes and texts with classes, in a document that says in words what it shows.

Colours are of the palette of Okabe and Ito (https://jfly.uni-koeln.de/color/), which people with any colour vision
tell apart; a hatch says the same as the second colour.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Final

from vcpuid.render.page import printable

FONT_PX: Final = 13
_LETTER_PX = (
    7.2  # the mean width of a letter of this size; what is narrower leaves room, what is wider is shortened
)
STYLE: Final = Path(__file__).with_name("picture.css")
"""What colours pictures: it stands within one that stands alone, and beside a page that has pictures in it."""

_HATCH = (
    '<pattern id="{}-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect class="hatch" width="6" height="6"/><path class="stroke" d="M0 0V6"/></pattern>'
)


class Picture:
    """An SVG document that a renderer adds to, from back to front.

    Args:
        title: What it is, for people who see it and for those who hear it.
        description: What it shows, in sentences that can stand for it.
        name: What its parts are called by in a page that has other pictures.
    """

    def __init__(self, title: str, description: str, name: str = "picture") -> None:
        self._title, self._description, self._name = title, description, name
        self._has_links = False
        self._parts: list[str] = []
        self._width = self._height = 0.0

    def text(self, x: float, y: float, words: str, classes: str = "", turned: int = 0) -> None:
        """Write words, with their base line at y; turned by so many degrees round their beginning."""
        turn = f' transform="rotate({turned} {_px(x)} {_px(y)})"' if turned else ""
        self._parts.append(f'<text x="{_px(x)}" y="{_px(y)}"{_class(classes)}{turn}>{_escaped(words)}</text>')

    def box(self, x: float, y: float, size: tuple[float, float], classes: str, says: str = "") -> None:
        """Draw a rectangle, hatched if its class is `may`; what it says is shown to who points at it."""
        self._reach(x + size[0], y + size[1])
        style = f' fill="url(#{self._name}-hatch)"' if classes == "may" else _class(classes)
        head = f'<rect x="{_px(x)}" y="{_px(y)}" width="{_px(size[0])}" height="{_px(size[1])}"{style}'
        self._parts.append(f"{head}><title>{_escaped(says)}</title></rect>" if says else f"{head}/>")

    @contextmanager
    def group(self, says: str, link: str = "") -> Iterator[None]:
        """Keep together what is drawn meanwhile: what it says is shown to who points at it, and a click leads on.

        A keyboard does not go through hundreds of cells: what has links stands beside other ways to these pages.
        """
        self._has_links = self._has_links or bool(link)
        element, rest = ("a", f' href={_quoted(printable(link))} tabindex="-1"') if link else ("g", "")
        self._parts.append(f"<{element}{rest}><title>{_escaped(says)}</title>")
        yield
        self._parts[-1] += f"</{element}>"

    def line(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw a thin line."""
        path = f"M{_px(start[0])} {_px(start[1])}L{_px(end[0])} {_px(end[1])}"
        self._parts.append(f'<path class="line" d="{path}"/>')

    def grow(self, width: float, height: float) -> None:
        """Make the document at least so large."""
        self._reach(width, height)

    def render(self, *, is_part: bool = False) -> str:
        """Give the document; as a part of a page that has the style beside it, without."""
        width, height = _px(self._width), _px(self._height)
        title, description = f"{self._name}-title", f"{self._name}-description"
        namespace = 'xmlns="http://www.w3.org/2000/svg"'
        size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        role = f'role="{"group" if self._has_links else "img"}" aria-labelledby="{title} {description}"'
        return "\n".join(
            (
                f'<svg {namespace} class="picture" {size} {role}>',
                f'<title id="{title}">{_escaped(self._title)}</title>',
                f'<desc id="{description}">{_escaped(self._description)}</desc>',
                *([] if is_part else [f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>"]),
                f"<defs>{_HATCH.format(self._name)}</defs>",
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
    return f" class={_quoted(classes)}" if classes else ""


def _escaped(words: str) -> str:
    return escape(printable(words), quote=False)


def _quoted(value: str) -> str:
    return f'"{escape(value)}"'
