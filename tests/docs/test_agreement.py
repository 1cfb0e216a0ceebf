"""The page of the long runs has every named difference, and its runs are what can be run and explained."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest
from tools.agreement_page import PEERS, ROOT, Run, load_differences, load_runs, render_agreement

RUNS = load_runs()
MODULE = re.compile(r"^(?:\w+=\S+ )*python -m (\S+)")


def test_every_file_of_differences_belongs_to_a_run_and_is_on_the_page() -> None:
    assert {path.name for path in PEERS.glob("*_differences.csv")} <= {run.differences for run in RUNS}
    page = render_agreement()
    assert all(
        f"({path.name})" in page.replace("../../tests/peers/", "") for path in PEERS.glob("*_differences.csv")
    )


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.title)
def test_a_run_explains_what_it_met(run: Run) -> None:
    assert run.unexplained == 0
    assert run.versions
    assert run.length
    assert run.counts
    if run.explained:
        names = {row["name"] for row in load_differences(run.differences).rows}
        assert set(run.explained) <= names


@pytest.mark.parametrize("name", sorted({run.differences for run in RUNS if run.explained}))
def test_every_named_difference_was_met(name: str) -> None:
    met = {one for run in RUNS if run.differences == name for one, count in run.explained.items() if count}
    assert {row["name"] for row in load_differences(name).rows} == met


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.title)
def test_a_run_can_be_made_again(run: Run) -> None:
    found = MODULE.match(run.command)
    assert found, run.command
    assert find_spec(found[1])
    for word in run.command.split():
        if word.startswith("tests/"):
            assert (ROOT / word).exists(), word


def test_the_page_has_every_row() -> None:
    page = render_agreement()
    for run in RUNS:
        assert f"### {run.title}\n" in page
        for row in load_differences(run.differences).rows if run.differences else ():
            told = [row.get(column, "") for column in ("name", "reason", "versions", "bit", "lacks")]
            assert all(text.replace("|", "\\|").replace("<", "&lt;") in page for text in told)
