"""The page of the long runs against other programs: what was run, what came of it, and every named difference.

The runs are rows of tests/peers/agreement.toml; the differences are those of the CSV files beside it, by which the
runs themselves, and the peer tests, explain what they meet.
"""

import csv
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "tests/peers"
RUNS = PEERS / "agreement.toml"
HIDDEN = ("pattern", "sha256")
"""Columns that say how a difference is found, not what it is."""
_HEAD = """\
<!-- Made by: python -m tools.make_docs, from tests/peers/agreement.toml and the CSV files beside it. -->

# How we know

What vcpuid says of QEMU, libvirt, Nova and CPUID is held against those programs: the same random questions to them
and to us, and the same answer or a difference that has a name. CI asks a few hundred on each change. This page has
the long runs: the command, the versions, the length and what came of it. A difference that nothing explains is a
fault, and is mended before a run stands here.

Every run can be made again from the source: a seed makes the same questions. DUMPS is a folder of 106 dumps of
real CPUs from InstLatx64's collection, which is not part of the source. DIR is the root of a Debian 13, which
stands beside the Debian 12 that runs it. SOURCES and ENVIRONMENTS are the folders of libvirt's sources and of
Nova's releases, which `.ci/run` fetches. The machine had two cores and other work nearly all the time, so that
how much a run did in its time says nothing of its speed.
"""


@dataclass(frozen=True, slots=True)
class Run:
    """A comparison with another program.

    Attributes:
        title: What was compared.
        what: How, in a few sentences.
        command: What was run.
        versions: Of the programs that answered.
        length: How many questions, or how long.
        counts: What came of it.
        unexplained: Differences without a name.
        differences: The file of tests/peers that has the named ones; empty where there are none.
        explained: Rows of that file, and how often each was met.
    """

    title: str
    what: str
    command: str
    versions: str
    length: str
    counts: Mapping[str, int | str]
    unexplained: int
    differences: str = ""
    explained: Mapping[str, int] = field(default_factory=dict)


def load_runs() -> list[Run]:
    """Give the runs in the order of the file."""
    table = tomllib.loads(RUNS.read_text(encoding="utf-8"))
    return [Run(**run) for run in table["run"]]


@dataclass(frozen=True, slots=True)
class Differences:
    """A file of named differences.

    Attributes:
        caption: Its first line, which says what they are.
        rows: Its rows.
    """

    caption: str
    rows: Sequence[Mapping[str, str]]


def load_differences(name: str) -> Differences:
    """Read a file of tests/peers."""
    lines = (PEERS / name).read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    return Differences(lines[0].removeprefix("# ").partition(";")[0].rstrip("."), rows)


def render_agreement() -> str:
    """Give the page."""
    runs = load_runs()
    parts = [_HEAD, _summary(runs), "## The runs\n", *map(_section, runs), "## The named differences\n"]
    files = {path.name for path in PEERS.glob("*_differences.csv")}
    named = sorted(files | {run.differences for run in runs if run.differences})
    parts += [_differences(name, [run for run in runs if run.differences == name]) for name in named]
    return "\n".join(parts)


def _summary(runs: Sequence[Run]) -> str:
    rows = [
        (f"[{run.title}](#{_anchor(run.title)})", run.versions, run.length, str(run.unexplained)) for run in runs
    ]
    return _table(("run", "versions", "length", "unexplained"), rows)


def _anchor(title: str) -> str:
    kept = (letter for letter in title.lower() if letter.isalnum() or letter in " -_")
    return "".join(kept).replace(" ", "-")


def _section(run: Run) -> str:
    counts = [(_number(count), what) for what, count in run.counts.items()]
    counts += [(_number(count), f"explained: {name}") for name, count in run.explained.items()]
    counts.append((_number(run.unexplained), "differences that nothing explains"))
    told = f"{run.what}\n\n*Versions:* {run.versions}. *Length:* {run.length}."
    table = _table(("count", "of"), counts)
    return f"### {run.title}\n\n{told}\n\n```text\n{run.command}\n```\n\n{table}"


def _number(count: int | str) -> str:
    return f"{count:,}" if isinstance(count, int) else count


def _differences(name: str, runs: Sequence[Run]) -> str:
    found = load_differences(name)
    link = f"[{name}](../../tests/peers/{name})"
    columns = [column for column in found.rows[0] if column not in HIDDEN]
    met = {run.title: run.explained for run in runs if run.explained}
    rows = [(*(_code(column, row[column]) for column in columns), *_met(row, met)) for row in _merged(found.rows)]
    return f"### {found.caption}\n\n{link}\n\n{_table((*columns, *met), rows)}"


def _met(row: Mapping[str, str], met: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    for explained in met.values():
        yield _number(explained.get(row["name"], 0))


def _merged(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Make one row of those that have the same name, and of those that differ in their names alone."""
    named: dict[tuple[str, ...], dict[str, str]] = {}
    for number, row in enumerate(rows):
        own = tuple(row.get(column, "") for column in ("kind", "versions", "name"))
        first = named.setdefault(own if "name" in row else (str(number),), dict(row))
        if row.get("reason", "") not in first.get("reason", ""):
            first["reason"] += f"; {row['reason']}"
    merged: dict[tuple[str, ...], dict[str, str]] = {}
    for row in named.values():
        key = tuple(value for column, value in row.items() if column not in {"name", *HIDDEN})
        first = merged.setdefault(key, row)
        if first is not row:
            first["name"] += f", {row['name']}"
    return list(merged.values())


def _code(column: str, text: str) -> str:
    return f"`{text}`" if column in {"bit", "without"} and text else _cell(text)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(line)} |" for line in (head, *rows)]
    return "\n".join([lines[0], f"|{'---|' * len(head)}", *lines[1:]]) + "\n"
