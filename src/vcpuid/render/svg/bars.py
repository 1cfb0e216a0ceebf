"""Bar charts below each other: how many hosts have which value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vcpuid.render.svg.picture import Picture, shortened, width_of

_MARGIN, _GAP = 24.0, 10.0
_ROW_PX, _BAR_PX, _BARS_PX = 26.0, 16.0, 420.0
_LABEL_PX = 300.0
_FROM_PX, _HEAD_PX, _BETWEEN_PX = 76.0, 30.0, 18.0


class Bar(NamedTuple):
    """One value and how many hosts have it; `is_quiet` where it is no value but the want of one, or the rest."""

    label: str
    hosts: int
    is_quiet: bool = False


class Chart(NamedTuple):
    """Bars under a heading."""

    heading: str
    bars: Sequence[Bar]


def draw_bars(title: str, subtitle: str, description: str, charts: Sequence[Chart]) -> str:
    """Give charts as SVG, all by the same scale."""
    picture = Picture(title, description)
    bars = [bar for chart in charts for bar in chart.bars]
    labels = {bar.label: shortened(bar.label, _LABEL_PX) for bar in bars}
    left = _MARGIN + max((width_of(label) for label in labels.values()), default=0.0) + _GAP
    most = max((bar.hosts for bar in bars), default=0) or 1
    picture.text(_MARGIN, _MARGIN + 14, title, "title")
    picture.text(_MARGIN, _MARGIN + 36, subtitle, "quiet")
    y = _MARGIN + _FROM_PX
    for chart in charts:
        picture.text(_MARGIN, y, chart.heading, "quiet")
        y += _HEAD_PX - _BAR_PX
        picture.line((left, y - 2), (left, y + len(chart.bars) * _ROW_PX - _GAP + 2))
        for bar in chart.bars:
            length = max(bar.hosts / most * _BARS_PX, 1.0)
            says = f"{bar.label}: {bar.hosts} hosts"
            picture.text(left - _GAP, y + 12.5, labels[bar.label], "end quiet" if bar.is_quiet else "end")
            picture.box(left, y, (length, _BAR_PX), "rest" if bar.is_quiet else "sure", says)
            picture.text(left + length + 8, y + 12.5, f"{bar.hosts:,}", "number")
            y += _ROW_PX
        y += _BETWEEN_PX + _GAP
    picture.grow(left + _BARS_PX + 8 + width_of(f"{most:,}") + _MARGIN, y - _BETWEEN_PX + _MARGIN / 2)
    picture.grow(_MARGIN * 2 + max(width_of(title) * 1.3, width_of(subtitle)), 0)
    return picture.render()
