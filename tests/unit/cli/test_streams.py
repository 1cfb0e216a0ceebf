"""Every command where standard output is closed, full, gone, narrow or ASCII, or an extra is missing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from tools.commands import walk_commands

import forked
from map_defects import TINY
from reports import whole_report, write_qemu
from vcpuid.cli import run

H07, NODE = "docs/examples/h07.json", "docs/examples/cluster/node-1.json"
HYGON, RENOIR = "tests/dumps/hygon.json", "tests/dumps/amd-renoir.json"
STORE = ("--store", "{tmp}/store")
ROWS: tuple[tuple[str, ...], ...] = (
    ("explain", "sgx"),
    ("why", "sgx", "avx2", "--host", H07),
    ("probe", "Haswell", "--accel", "tcg", "--qemu", "{tmp}/q/qemu"),
    ("decode", HYGON),
    ("diff", HYGON, RENOIR),
    ("collect", "--access"),
    ("convert", HYGON, "--to", "cpuid"),
    ("compare", H07, NODE),
    ("baseline", NODE, H07, "--for", "nova"),
    ("audit", "--host", H07),
    ("diagnose", "invalid object type: memory-backend-epc"),
    ("lint", "docs/examples/nova.conf", "--host", H07),
    ("guest", "docs/examples/web-1.xml", "--to", "qemu"),
    ("map", "show", "sgx"),
    ("map", "entry", "sgx", "umip"),
    ("map", "lint", str(TINY)),
    ("map", "add", "umip", "--to", str(TINY), "-o", "{new}/map"),
    ("map", "sync", "--qemu-version", "10.0", "--shipped"),
    ("sgx", "doctor", "--host", H07, "-v"),
    ("sgx", "plan", "--host", "docs/examples/h10.json", "--guest", "64M"),
    ("report", "--host", H07),
    ("completion", "bash"),
    ("fleet", "ingest", H07, "--store", "{new}/store", "--at", "2026-01-01"),
    ("fleet", "summary", *STORE),
    ("fleet", "missing", "sgx", *STORE),
    ("fleet", "which-hosts", "EPYC", *STORE),
    ("fleet", "baseline", *STORE),
    ("fleet", "matrix", *STORE),
    ("fleet", "drain", "node-1", *STORE),
    ("fleet", "what-if", "--want", "EPYC", *STORE),
    ("fleet", "precheck", "--target", H07, *STORE),
    ("fleet", "drift", "2026-01-01", "2026-01-02", *STORE),
)
ENDLESS = {"serve"}
"""It has tests of its own: it serves until it is told to end."""

NEED_EXTRAS = {"fleet", "report"}
FOR_MACHINES = {"report"}
"""Its page has an encoding of its own, whatever the terminal's is."""

_PLAIN = {"PYTHONUTF8": "1", "TERM": "dumb"}
_C_LOCALE = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}


class Run(NamedTuple):
    """A command that has ended."""

    words: tuple[str, ...]
    status: int
    out: str
    err: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp = tmp_path_factory.mktemp("streams")
    write_qemu(tmp / "q", report=whole_report())
    for day, node in enumerate((NODE, "docs/examples/updated/node-1.json"), start=1):
        assert run(["fleet", "ingest", node, H07, "--store", f"{tmp}/store", "--at", f"2026-01-0{day}"]) == 0
    return tmp


def runs(folder: Path, kind: str, **variables: str) -> list[Run]:
    new = folder / "-".join((kind, *variables.values()))
    new.mkdir()
    commands = [[word.format(tmp=folder, new=new) for word in row] for row in ROWS]
    done = subprocess.run(
        [sys.executable, forked.__file__, kind],
        input=json.dumps(commands),
        capture_output=True,
        check=True,
        text=True,
        env=os.environ | _PLAIN | variables,
        timeout=300,
    )
    found = [Run(row, *one) for row, one in zip(ROWS, json.loads(done.stdout), strict=True)]
    for one in found:
        assert "Traceback" not in one.err, one
        assert "a bug of vcpuid" not in one.err, one
    return found


@pytest.fixture(scope="module")
def usual(folder: Path) -> list[Run]:
    """What the commands print into a file."""
    found = runs(folder, "file")
    assert {one.status for one in found} == {0, 1}
    return found


def _words(text: str, folder: Path) -> str:
    """Give a text without the blanks that its width decides, and without where a test writes."""
    return re.sub(r"\s+", "", re.sub(rf"{re.escape(str(folder))}/[\w-]+/", "", text))


def test_every_command_has_a_row() -> None:
    leaves = {found.path for found in walk_commands() if not isinstance(found.command, click.Group)}
    rows = {f"vcpuid {' '.join(row[:2] if row[0] in ('map', 'sgx', 'fleet') else row[:1])}" for row in ROWS}
    assert leaves - rows == {f"vcpuid {name}" for name in ENDLESS}


@pytest.mark.parametrize(("kind", "told"), [("closed", "it is closed"), ("full", "No space left on device")])
def test_an_answer_that_cannot_be_printed_is_a_fault(folder: Path, kind: str, told: str) -> None:
    for one in runs(folder, kind):
        assert one.status == 3, one
        assert one.err.endswith(f"vcpuid: standard output: {told}\n"), one


def test_a_reader_that_goes_away_is_no_fault(folder: Path, usual: list[Run]) -> None:
    for one, whole in zip(runs(folder, "broken"), usual, strict=True):
        assert one.status == 0, one
        assert _words(whole.err, folder).startswith(_words(one.err, folder)), one


def test_who_is_interrupted_says_so(folder: Path) -> None:
    for one in runs(folder, "interrupted"):
        assert one.status == 130, one
        assert one.err.endswith("vcpuid: interrupted\n"), one


def test_a_terminal_of_ascii_loses_nothing(folder: Path, usual: list[Run]) -> None:
    for one, whole in zip(runs(folder, "file", **_C_LOCALE), usual, strict=True):
        assert one.status == whole.status, one
        assert one.out.isascii() or one.words[0] in FOR_MACHINES, one
        assert _words(one.out, folder) == _words(whole.out, folder)


@pytest.mark.parametrize(
    "variables", [{"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}], ids=["dumb", "no colour"]
)
def test_a_narrow_terminal_without_colour_loses_nothing(
    folder: Path, usual: list[Run], variables: dict[str, str]
) -> None:
    for one, whole in zip(runs(folder, "terminal", **variables), usual, strict=True):
        assert one.status == whole.status, one
        assert "\x1b" not in one.out, one
        assert _words(one.out, folder) == _words(whole.out, folder)


def test_a_command_whose_extra_is_missing_says_what_to_install(folder: Path, usual: list[Run]) -> None:
    for one, whole in zip(runs(folder, "bare"), usual, strict=True):
        if one.words[0] in NEED_EXTRAS:
            assert one.status == 4, one
            assert re.fullmatch(r"vcpuid: .* needs? \w+, which is not installed\n  Install .*\n", one.err), one
        else:
            assert (one.status, one.out) == (whole.status, whole.out) or one.words[:2] == ("map", "add"), one
