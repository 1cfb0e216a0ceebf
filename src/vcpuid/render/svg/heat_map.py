"""A heat map: squares that are full by the share of what is sure, and hatched by that of what is only possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vcpuid.render.svg.picture import FONT_PX, Picture, shortened, width_of

_MARGIN, _GAP = 24.0, 8.0
_LARGEST_PX, _SMALLEST_PX = 46.0, 14.0
_MOST_PX = 960.0  # what all cells together may take
_LABEL_PX, _PART_LABEL_PX = 330.0, 250.0
_HALF = 0.5  # from here on the number stands in the full part
_NUMBERS_FROM_PX = 30.0  # a cell that is smaller has no room for a number


class Cell(NamedTuple):
    """One square.

    Attributes:
        sure: The share (0 to 1) of what is surely so.
        may: The share of what is possible, the sure included.
        says: Both in words.
        text: What stands in it, where there is room.
        is_empty: Whether there is nothing to tell of.
        link: Where more of it is told; empty for nowhere.
    """

    sure: float
    may: float
    says: str
    text: str = ""
    is_empty: bool = False
    link: str = ""


class HeatMap(NamedTuple):
    """What a heat map shows.

    Attributes:
        title: Its title.
        subtitle: A line below it.
        description: What it shows in sentences.
        labels: The names of rows and columns.
        cells: The rows of cells.
        legend: What a full, a hatched and an empty cell mean.
        rows_are: What the rows are.
        columns_are: What the columns are.
    """

    title: str
    subtitle: str
    description: str
    labels: Sequence[str]
    cells: Sequence[Sequence[Cell]]
    legend: tuple[str, str, str]
    rows_are: str
    columns_are: str


def draw_heat_map(heat_map: HeatMap, *, is_part: bool = False) -> str:
    """Give a heat map as SVG; as a part of a page, which has its title and more room for names, without these."""
    picture = Picture(heat_map.title, heat_map.description, "heat-map")
    count = len(heat_map.labels)
    side = max(min(_LARGEST_PX, _MOST_PX / max(count, 1)), _SMALLEST_PX)
    labels = [shortened(label, _PART_LABEL_PX if is_part else _LABEL_PX) for label in heat_map.labels]
    room = max((width_of(label) for label in labels), default=0.0)
    left = _MARGIN + max(room, width_of(heat_map.rows_are)) + _GAP
    slant = room * 0.72 + FONT_PX  # the height of a label that is turned by 45 degrees
    head = _GAP if is_part else _MARGIN + 17 + FONT_PX + 2 * _GAP
    top = head + 26 + slant + _GAP
    if not is_part:
        picture.text(_MARGIN, _MARGIN + 14, heat_map.title, "title")
        picture.text(_MARGIN, _MARGIN + 36, heat_map.subtitle, "quiet")
        picture.grow(_MARGIN * 2 + max(width_of(heat_map.title) * 1.3, width_of(heat_map.subtitle)), 0)
    picture.text(left, head + 20, f"{heat_map.columns_are} →", "quiet")
    picture.text(left - _GAP, top - _GAP, f"{heat_map.rows_are} ↓", "quiet end")
    for place, label in enumerate(labels):
        middle = (place + 0.5) * side
        picture.text(left - _GAP, top + middle + 4.5, label, "end")
        picture.text(left + middle + 3, top - _GAP, label, turned=-45)
    for row, cells in enumerate(heat_map.cells):
        for column, cell in enumerate(cells):
            with picture.group(cell.says, cell.link):
                _draw_cell(picture, (left + column * side, top + row * side), side, cell)
    bottom = top + count * side + 28
    for place, (style, words) in enumerate(zip(("sure", "may", "blank"), heat_map.legend, strict=True)):
        y = bottom + place * 22
        picture.box(left, y, (16, 16), style)
        picture.text(left + 24, y + 12.5, words)
        picture.grow(left + 24 + width_of(words) + _MARGIN, y + 16 + _MARGIN)
    picture.grow(left + count * side + slant + _MARGIN, 0)
    return picture.render(is_part=is_part)


def _draw_cell(picture: Picture, corner: tuple[float, float], side: float, cell: Cell) -> None:
    """Draw a cell that is filled from its foot: the sure part full, what is possible above it hatched."""
    x, y = corner
    inner = side - 2
    picture.box(x + 1, y + 1, (inner, inner), "blank")
    if cell.is_empty:
        return
    sure, may = inner * cell.sure, inner * (cell.may - cell.sure)
    if may > 0:
        picture.box(x + 1, y + 1 + inner - sure - may, (inner, may), "may")
    if sure > 0:
        picture.box(x + 1, y + 1 + inner - sure, (inner, sure), "sure")
    if cell.text and side >= _NUMBERS_FROM_PX:
        style = "on-sure" if cell.sure > _HALF else "halo" if cell.may else "quiet"
        picture.text(x + side / 2, y + side / 2 + 4, cell.text, f"middle small number {style}")
