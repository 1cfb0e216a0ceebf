"""Who can receive guests from whom, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from vcpuid.answers.compare import Compatibility
from vcpuid.fleet.matrix import Group, Matrix, Sum
from vcpuid.render.cpus import plural
from vcpuid.render.document import Document
from vcpuid.render.fleet.words import MOST_ROWS, hosts_like
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.parties import names_in_short

NO_MODEL: Final = "(no model)"
FEW: Final = 12
"""So many configurations are shown pair by pair in text."""

MOST_LISTED: Final = 256
"""So many are given pair by pair in JSON."""

STATES: Final = {
    Compatibility.COMPATIBLE: ("yes", "can", Role.GOOD),
    Compatibility.UNKNOWN: ("?", "may: an upper bound, or not all is known", Role.UNSURE),
    Compatibility.INCOMPATIBLE: ("no", "cannot", Role.BAD),
}
_LETTERS = {Compatibility.COMPATIBLE: "c", Compatibility.UNKNOWN: "u", Compatibility.INCOMPATIBLE: "i"}
_UPPER_BOUND = (
    "not migration-safe: {} by CPUID or KVM's list alone, which is an upper bound."
    " Domain capabilities make it certain."
)


def render_matrix(matrix: Matrix, total: Sum) -> Page:
    """Show who can receive guests from whom: pair by pair of few configurations, in sums of many."""
    page = Page()
    count, hosts = len(matrix.kinds), sum(kind.hosts for kind in matrix.kinds)
    page.add(Span("who can receive guests from whom", Role.STRONG), f" in the fleet of {matrix.date}")
    page.add(f"  {plural(hosts, 'host')}, {plural(count, 'distinct configuration')}")
    unsafe = sum(not kind.basis.is_safe for kind in matrix.kinds)
    if unsafe:
        known = f"{plural(unsafe, 'configuration')} {'is' if unsafe == 1 else 'are'} known"
        page.add(Span(f"  {_UPPER_BOUND.format(known)}", Role.UNSURE), hang=4)
    if count > 1:
        _add_sums(page, matrix, total)
    page.add("")
    if count <= FEW:
        _add_pairs(page, matrix)
    else:
        _add_models(page, matrix)
    page.add(Span(f"  names by {matrix.rests_on}", Role.DIM), hang=4)
    return page


def _add_sums(page: Page, matrix: Matrix, total: Sum) -> None:
    page.add("")
    page.add(Span("pairs of configurations", Role.STRONG), ", each from one to another")
    for state, (_, words, role) in STATES.items():
        if total.pairs[state]:
            page.add(f"  {total.pairs[state]:>9}  ", Span(words, role))
    page.add(f"  {total.both_ways} both ways, {total.one_way} one way only")
    others = len(matrix.kinds) - 1
    page.add("")
    page.add(Span("configurations", Role.STRONG))
    for words, counts, wanted, role in (
        ("can receive from all others", total.receives_from, others, Role.GOOD),
        ("can receive from none", total.receives_from, 0, Role.BAD),
        ("can go to all others", total.sends_to, others, Role.GOOD),
        ("can go nowhere", total.sends_to, 0, Role.BAD),
    ):
        places = [place for place, number in enumerate(counts.tolist()) if number == wanted]
        page.add(
            Span(f"  {len(places):>9}  {words}", role if places else Role.DIM), _listed(matrix, places), hang=13
        )
    page.add("")
    shared = [island for island in total.islands if len(island) > 1]
    alone = len(total.islands) - len(shared)
    page.add(Span("islands", Role.STRONG), ": configurations that exchange guests freely, each with each")
    for island in shared[:MOST_ROWS]:
        page.add(f"  {len(island):>9}  ", _listed(matrix, island).removeprefix(": "), hang=13)
    if len(shared) > MOST_ROWS:
        page.add(f"  and {len(shared) - MOST_ROWS} more; JSON has all")
    page.add(f"  {alone} alone" if shared else "  none: each is alone")


def _listed(matrix: Matrix, places: Sequence[int]) -> str:
    if not places:
        return ""
    return ": " + names_in_short(
        [hosts_like(matrix.kinds[place].hosts, matrix.kinds[place].host) for place in places]
    )


def _add_pairs(page: Page, matrix: Matrix) -> None:
    page.add(Span("from (row) to (column)", Role.STRONG))
    names = [hosts_like(kind.hosts, kind.host) for kind in matrix.kinds]
    width = max(len(name) for name in names)
    page.add(" " * (width + 6), *(f"{number:>4}" for number in range(1, len(names) + 1)))
    for place, (name, kind) in enumerate(zip(names, matrix.kinds, strict=True)):
        row = matrix.answers(place)
        cells = [
            Span(
                "   ." if column == place else f"{STATES[state][0]:>4}",
                Role.DIM if column == place else STATES[state][2],
            )
            for column, state in enumerate(row)
        ]
        page.add(f"{place + 1:>4}  {name:<{width}}", *cells, Span(f"  {kind.model or NO_MODEL}", Role.DIM))


def _add_models(page: Page, matrix: Matrix) -> None:
    groups = matrix.large_groups(MOST_ROWS)
    shares = matrix.shares(groups)
    page.add(Span("by model", Role.STRONG), ": of the pairs from row to column, how many percent can or may")
    names = [model_of(group) for group in groups]
    width = max(len(name) for name in names)
    page.add(" " * (width + 25), *(f"{number:>5}" for number in range(1, len(names) + 1)))
    for row, (name, group) in enumerate(zip(names, groups, strict=True)):
        cells = (
            percent(int(possible), int(pairs))
            for possible, pairs in zip(shares.possible[row], shares.pairs[row], strict=True)
        )
        page.add(f"{row + 1:>4}  {name:<{width}}  {group.hosts:>9} hosts  ", *(f"{cell:>5}" for cell in cells))
    page.add("  --output FILE.svg draws it, --output FILE.parquet has all pairs", hang=4)


def model_of(group: Group) -> str:
    """Name a group."""
    return group.model or NO_MODEL


def percent(part: int, whole: int) -> str:
    """Write a share so that only all is 100 and only none is 0."""
    if not whole:
        return "."
    return str(min(max(round(100 * part / whole), 1), 99)) if 0 < part < whole else "100" if part else "0"


def matrix_document(matrix: Matrix, total: Sum) -> Document:
    """Give who can receive guests from whom."""
    islands = {place: number for number, island in enumerate(total.islands) for place in island}
    groups = matrix.groups
    shares = matrix.shares(groups[:MOST_LISTED])
    return {
        "schema": "vcpuid-fleet-matrix/1",
        "date": matrix.date,
        "hosts": sum(kind.hosts for kind in matrix.kinds),
        "pairs": {state.value: total.pairs[state] for state in Compatibility},
        "both_ways": total.both_ways,
        "one_way": total.one_way,
        "configurations": [
            {
                "fingerprint": str(kind.fp),
                "host": kind.host,
                "hosts": kind.hosts,
                "vendor": kind.vendor or None,
                "model": kind.model or None,
                "basis": kind.basis.word,
                "is_safe": kind.basis.is_safe,
                "sends_to": sends,
                "receives_from": receives,
                "island": islands[place],
            }
            for place, (kind, sends, receives) in enumerate(
                zip(matrix.kinds, total.sends_to.tolist(), total.receives_from.tolist(), strict=True)
            )
        ],
        "rows": _rows(matrix) if len(matrix.kinds) <= MOST_LISTED else None,
        "models": [
            {"model": group.model or None, "configurations": group.stop - group.start, "hosts": group.hosts}
            for group in groups[:MOST_LISTED]
        ],
        "shares": {name: counts.tolist() for name, counts in shares._asdict().items()},
        "rests_on": matrix.rests_on,
    }


def _rows(matrix: Matrix) -> list[str]:
    return [_letters(matrix.answers(place)) for place in range(len(matrix.kinds))]


def _letters(states: Iterable[Compatibility]) -> str:
    return "".join(_LETTERS[state] for state in states)
