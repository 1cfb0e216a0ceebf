"""The command as a process of its own: what only shows there."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from snapshots import cpuid, domain_xml, domains, kvm, qmp, row, rows, write_snapshot
from vcpuid.answers.explain import explain
from vcpuid.render.explain import render_explain

VCPUID = [sys.executable, "-m", "vcpuid"]
PLAIN = {**os.environ, "PYTHONUTF8": "1"}
GOLDMONT = Path(__file__).parents[2] / "dumps" / "intel-goldmont.json"


def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*VCPUID, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=PLAIN | variables,
        timeout=60,
    )


def run_in_shell(redirection: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = shlex.join([*VCPUID, *arguments])
    return subprocess.run(
        ["sh", "-c", f"{command} {redirection}"],
        capture_output=True,
        text=True,
        check=False,
        env=PLAIN,
        timeout=60,
    )


def run_on_terminal(arguments: Sequence[str], variables: Mapping[str, str], columns: int = 0) -> str:
    """What a terminal gets to see; one of 0 columns does not know its width."""
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, columns))
    with subprocess.Popen(
        [*VCPUID, *arguments], stdout=terminal, stdin=terminal, stderr=terminal, env=PLAIN | dict(variables)
    ) as process:
        os.close(terminal)
        shown = b""
        try:
            while piece := os.read(controller, 65536):
                shown += piece
        except OSError:
            pass  # Linux's way to say that the terminal was closed
        assert process.wait(60) == 0
    os.close(controller)
    return shown.decode()


@pytest.mark.parametrize(
    ("bits", "status"), [({"ebx": 1 << 5}, 0), ({}, 1), (None, 4)], ids=["yes", "no", "undecided"]
)
def test_the_status_is_the_answer(tmp_path: Path, bits: dict[str, int] | None, status: int) -> None:
    sources = {}
    if bits is not None:
        leaf_7 = rows(_7_0=row(**bits))
        sources = {
            "cpuid": cpuid(leaf_7),
            "kvm": kvm(leaf_7),
            "qmp": qmp(expansions={"host": {"avx2": bool(bits)}}),
        }
    done = run("why", "avx2", "--host", write_snapshot(tmp_path / "host.json", **sources))
    assert (done.returncode, done.stderr) == (status, "")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["explain", "sgx"], 0),
        (["explain", "sqx"], 2),
        (["nonsense"], 2),
        (["why", "sgx", "--host", "/nonexistent"], 3),
    ],
)
def test_statuses_without_an_answer(arguments: list[str], status: int) -> None:
    done = run(*arguments)
    assert done.returncode == status
    assert "Traceback" not in done.stderr


def test_a_bug_is_70(tmp_path: Path) -> None:
    code = "import vcpuid.cli, vcpuid.cli.explain as e; e.explain = None; vcpuid.cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "explain", "sgx"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 70
    assert "this is a bug of vcpuid" in done.stderr
    assert "Traceback" not in done.stderr


def test_off_a_terminal_there_is_no_escape_code() -> None:
    done = run("explain", "sgx", "0x12.1.eax=0x36", TERM="xterm-256color", FORCE_COLOR="1")
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_a_terminal_gets_colour() -> None:
    assert "\x1b[1m" in run_on_terminal(["explain", "sgx"], {"TERM": "xterm-256color", "NO_COLOR": ""})


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb", "NO_COLOR": ""}])
def test_a_terminal_that_wants_no_colour_gets_none(variables: dict[str, str]) -> None:
    shown = run_on_terminal(["explain", "sgx"], variables)
    assert "Software Guard Extensions" in shown
    assert "\x1b" not in shown


def test_a_terminal_shows_the_words_of_a_file() -> None:
    shown = run_on_terminal(["explain", "sgx"], {"TERM": "xterm-256color", "NO_COLOR": "1"})
    assert shown.replace("\r\n", "\n") == run("explain", "sgx").stdout


@pytest.mark.parametrize(("columns", "width"), [(40, 60), (80, 80), (300, 110), (0, 110)])
def test_text_is_as_wide_as_the_terminal(columns: int, width: int) -> None:
    shown = run_on_terminal(["explain", "vmx-ept", "sgx"], {"TERM": "xterm", "NO_COLOR": "1"}, columns)
    page = render_explain([explain("vmx-ept"), explain("sgx")])
    assert shown.replace("\r\n", "\n") == page.plain(width)


def test_a_summary_is_as_wide_as_the_terminal() -> None:
    shown = run_on_terminal(["decode", str(GOLDMONT)], {"TERM": "xterm", "NO_COLOR": "1"}, columns=64)
    _, *lines = shown.splitlines()  # the first has the file's name
    assert max(map(len, lines)) <= 64 < sum(map(len, lines))


@pytest.mark.parametrize("arguments", [["explain", "sgx"], ["explain", "sgx", "--format=json"], ["--help"]])
def test_a_closed_standard_output_is_told(arguments: list[str]) -> None:
    done = run_in_shell(">&-", *arguments)
    assert (done.returncode, done.stderr) == (3, "vcpuid: standard output: it is closed\n")


@pytest.mark.parametrize(
    ("closed", "arguments", "status"),
    [
        (">&- 2>&-", ["explain", "sgx"], 3),
        ("2>&-", ["explain", "sgx"], 0),
        ("2>&-", ["explain", "sqx"], 2),
        (">&- 2>&-", ["explain", "sqx", "--format=json"], 2),
        ("2>/dev/full", ["explain", "sqx"], 2),
        ("2>/dev/full", ["nonsense"], 2),
        ("<&- 2>&-", ["why", "sgx", "--host", "-"], 3),
    ],
)
def test_where_nobody_hears_the_status_still_tells(closed: str, arguments: list[str], status: int) -> None:
    assert run_in_shell(closed, *arguments).returncode == status


def test_a_file_is_written_where_standard_output_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    done = run_in_shell(">&-", "collect", "--only", "cpuinfo", "-o", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(path.read_text(encoding="utf-8"))["schema"] == "vcpuid-snapshot/1"


@pytest.mark.parametrize("arguments", [["explain", *["sgx"] * 200], ["explain", *["sgx"] * 200, "--format=json"]])
def test_a_reader_that_goes_away_is_no_error(arguments: list[str]) -> None:
    with subprocess.Popen(
        [*VCPUID, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.parametrize("form", [[], ["--format=json"]])
def test_a_full_disk_is_told(form: list[str]) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [*VCPUID, "explain", "sgx", *form], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 3
    assert "No space left on device" in done.stderr


def test_a_name_that_the_terminals_encoding_lacks_is_no_bug(tmp_path: Path) -> None:
    data = domains(inactive=domain_xml("<cpu mode='host-passthrough'/>"))
    data["domains"][0]["name"] = "bücher"
    host = write_snapshot(tmp_path / "host.json", domains=data)
    done = run("why", "sgx", "--host", host, "--domain", "bücher", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode in (1, 4)
    assert "domain b\\xfccher" in done.stdout


def test_json_on_standard_output_is_nothing_but_json() -> None:
    done = run("explain", "sgx", "7.0.ebx=0x029c6fbf", "--format", "json")
    assert json.loads(done.stdout)["schema"] == "vcpuid-explain/1"
    assert done.stderr == ""
