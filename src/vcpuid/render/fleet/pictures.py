"""The matrix and the counts of a fleet as pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from vcpuid.answers.compare import Compatibility
from vcpuid.fleet.matrix import Group, Kind, Matrix, Sum
from vcpuid.fleet.summary import Count, Summary
from vcpuid.render.cpus import plural
from vcpuid.render.fleet.matrix import NO_MODEL, STATES, model_of, percent
from vcpuid.render.fleet.words import NOT_TOLD, hosts_like
from vcpuid.render.svg.bars import Bar, Chart, draw_bars
from vcpuid.render.svg.heat_map import Cell, HeatMap, draw_heat_map

Link: TypeAlias = Callable[[str, str], str]
"""Gives where two hosts are compared: from the first to the second."""

MOST_CELLS: Final = 40
"""Configurations that have a row of their own; of more, models have."""

MOST_LINKED: Final = 20
"""The same on a page, where each cell is a link."""

_MOST_MODELS = 24
_MOST_BARS = 10
_CHARTS = {
    "generation": "generations",
    "microcode": "microcode",
    "kernel": "kernels",
    "qemu": "QEMU",
    "libvirt": "libvirt",
    "basis": "best evidence",
}
_TITLE = "Who can receive guests from whom"


def draw_matrix(matrix: Matrix, total: Sum, link: Link | None = None) -> str:
    """Draw a matrix as SVG: of few configurations each, of many the models.

    Args:
        matrix: The matrix.
        total: What it comes to.
        link: Gives where two hosts are compared. With it the picture is a part of a page: it has no style of its
            own, and not as many rows, and each cell leads to its pair, or to an example of its pairs.
    """
    count, hosts = len(matrix.kinds), sum(kind.hosts for kind in matrix.kinds)
    subtitle = f"{plural(hosts, 'host')}, {plural(count, 'distinct configuration')}; fleet of {matrix.date}"
    pairs = "; ".join(f"{total.pairs[state]} {words}" for state, (_, words, _) in STATES.items())
    description = (
        f"Heat map; {subtitle}. Pairs of configurations, each from one to another: {pairs}."
        f" {total.both_ways} both ways, {total.one_way} one way only."
    )
    if count <= (MOST_CELLS if link is None else MOST_LINKED):
        labels: Sequence[str] = [_label_of(kind, is_short=link is not None) for kind in matrix.kinds]
        cells = [list(_cells_of_kind(matrix, place, link)) for place in range(count)]
        legend = tuple(f"{words[0].upper()}{words[1:]}" for _, words, _ in STATES.values())
    else:
        groups = matrix.large_groups(_MOST_MODELS if link is None else MOST_LINKED)
        labels = [f"{model_of(group)} · {plural(group.hosts, 'host')}" for group in groups]
        cells = list(_cells_of_models(matrix, groups, labels, link))
        legend = tuple(f"Share of the pairs that {words}" for _, words, _ in STATES.values())
    full, hatched, empty = legend
    heat_map = HeatMap(_TITLE, subtitle, description, labels, cells, (full, hatched, empty), "from", "to")
    return draw_heat_map(heat_map, is_part=link is not None)


def _label_of(kind: Kind, *, is_short: bool) -> str:
    model = kind.model or NO_MODEL
    return f"{kind.host} · {model}" if is_short else f"{model} · {hosts_like(kind.hosts, kind.host)}"


def _cells_of_kind(matrix: Matrix, place: int, link: Link | None) -> Iterator[Cell]:
    source = matrix.kinds[place].host
    for column, (state, kind) in enumerate(zip(matrix.answers(place), matrix.kinds, strict=True)):
        if column == place:
            yield Cell(0, 0, f"{source}: itself", is_empty=True)
            continue
        sure, may = state is Compatibility.COMPATIBLE, state is not Compatibility.INCOMPATIBLE
        says, leads = f"{source} to {kind.host}: {state.value}", link(source, kind.host) if link else ""
        yield Cell(float(sure), float(may), says, STATES[state][0], link=leads)


def _cells_of_models(
    matrix: Matrix, groups: Sequence[Group], labels: Sequence[str], link: Link | None
) -> Iterator[list[Cell]]:
    shares = matrix.shares(groups)
    examples = matrix.examples(groups) if link else [[None] * len(groups)] * len(groups)
    for row, source in enumerate(labels):
        cells = []
        for column, target in enumerate(labels):
            pairs = int(shares.pairs[row, column])
            possible, compatible = int(shares.possible[row, column]), int(shares.compatible[row, column])
            says = f"{source} to {target}: {compatible} of {pairs} pairs can, {possible - compatible} may"
            leads, example = "", examples[row][column]
            if link and example:
                one, other = (matrix.kinds[place].host for place in example)
                leads, says = link(one, other), f"{says}; for example {one} to {other}"
            share = 1 / pairs if pairs else 0.0
            text = percent(possible, pairs)
            cells.append(Cell(compatible * share, possible * share, says, text, not pairs, leads))
        yield cells


def draw_summary(answer: Summary) -> str:
    """Draw the counts of a fleet as SVG: models, generations and versions."""
    listed = {"models that describe them": answer.models}
    listed |= {title: answer.counts[column] for column, title in _CHARTS.items()}
    charts = [
        Chart(title, list(_bars(counts)))
        for title, counts in listed.items()
        if any(count.value for count in counts)
    ]
    subtitle = f"{plural(answer.hosts, 'host')}, {plural(answer.distinct, 'distinct configuration')}"
    sentences = [
        f"{chart.heading}: {', '.join(f'{bar.label} {bar.hosts}' for bar in chart.bars)}." for chart in charts
    ]
    description = " ".join((f"Bar charts of a fleet; {subtitle}. Hosts by", *sentences))
    return draw_bars(f"Fleet of {answer.date}", subtitle, description, charts)


def _bars(counts: Sequence[Count]) -> Iterator[Bar]:
    shown = counts if len(counts) <= _MOST_BARS else counts[: _MOST_BARS - 1]
    for count in shown:
        yield Bar(count.value or NOT_TOLD, count.hosts, not count.value)
    rest = counts[len(shown) :]
    if rest:
        yield Bar(f"({len(rest)} more)", sum(count.hosts for count in rest), is_quiet=True)
