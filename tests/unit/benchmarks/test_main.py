"""One command runs the benchmarks: what is told of each, and with which options and environment it runs."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from benchmarks.__main__ import (
    BENCHMARKS,
    Outcome,
    main,
    make_environment,
    parse_arguments,
    render_table,
    total_status,
)
from benchmarks.aims import CANNOT_RUN, Aims, Verdict

TREE = Path(__file__).parents[3]
MET = Verdict("the largest page: /cpuid/1/0", "37,631 bytes", "< 100000", is_met=True)
MISSED = Verdict("x" * 60, "1.54 s, fastest 1.02", "< 1 s", is_met=False)


@pytest.mark.parametrize("verdict", [MET, MISSED])
def test_an_aims_line_is_read_as_it_was_written(verdict: Verdict) -> None:
    assert Verdict.parse(f"{verdict}\n") == verdict


@pytest.mark.parametrize("line", ["", "met\n", "missed the bus\n", "the index is met   once  aim high"])
def test_other_lines_are_no_aims(line: str) -> None:
    assert Verdict.parse(line) is None


def test_a_missed_aim_is_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    aims = Aims()
    aims.judge(*MET[:3], is_met=True)
    assert aims.status == 0
    aims.judge(*MISSED[:3], is_met=False)
    assert aims.status == 1
    assert capsys.readouterr().out == f"{MET}\n{MISSED}\n"


@pytest.mark.parametrize(
    ("verdicts", "status", "word", "total"),
    [
        ([MET, MET], 0, "2 met", 0),
        ([MET, MISSED], 1, "1 of 2 missed", 1),
        ([], 1, "failed (1)", 1),
        ([MET], 1, "failed (1)", 1),
        ([MET], -9, "failed (-9)", 1),
        ([MISSED], 0, "failed (0)", 1),
        ([], CANNOT_RUN, "cannot run", CANNOT_RUN),
    ],
)
def test_how_a_benchmark_ended(verdicts: list[Verdict], status: int, word: str, total: int) -> None:
    outcome = Outcome("web", verdicts, status, 1.5, 0.25)
    assert outcome.word == word
    assert total_status([Outcome("why", [MET], 0, 1.0, 0.1), outcome]) == total
    table = render_table([outcome])
    assert f"{word:<18}     1.5         0.25" in table
    assert (str(MISSED) in table) == (MISSED in verdicts)


def test_every_module_of_the_folder_is_run_and_is_there() -> None:
    modules = {one.module for one in BENCHMARKS.values()}
    files = {path.stem for path in (TREE / "benchmarks").glob("*.py")}
    assert modules == files - {"__main__", "aims", "meter"}


@pytest.mark.parametrize("name", BENCHMARKS)
@pytest.mark.parametrize("length", ["usual", "quick"])
def test_each_takes_the_options_that_it_is_run_with(
    name: str, length: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parser is asked, and stops before the work is begun."""
    one = BENCHMARKS[name]
    monkeypatch.setattr(sys, "argv", [one.module, *getattr(one, length), "--help"])
    with pytest.raises(SystemExit) as ended:
        import_module(f"benchmarks.{one.module}").main()
    assert ended.value.code == 0


def test_which_run_and_with_which_options() -> None:
    assert list(parse_arguments([])) == list(BENCHMARKS)
    assert parse_arguments(["web", "startup"]) == {
        "startup": BENCHMARKS["startup"].usual,
        "web": BENCHMARKS["web"].usual,
    }
    assert parse_arguments(["--quick", "web"]) == {"web": BENCHMARKS["web"].quick}
    assert parse_arguments(["web", "--", "--seconds", "3"]) == {"web": ["--seconds", "3"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["webb"], "there is no benchmark 'webb': choose from startup, why"),
        (["--", "--rounds", "1"], "options after -- are for one benchmark"),
        (["web", "--quick", "--", "--rounds", "1"], "stand in place of --quick"),
    ],
)
def test_a_wrong_command_is_told(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(arguments)
    assert ended.value.code == CANNOT_RUN
    assert message in capsys.readouterr().err


def test_the_environment_has_the_tests_and_the_dumps_and_keeps_bytecode() -> None:
    environ = make_environment(
        {"PYTHONPATH": "mine", "PYTHONDONTWRITEBYTECODE": "1", "VCPUID_DUMPS": "dumps", "HOME": "h"}
    )
    assert environ == {"PYTHONPATH": f"{TREE}:{TREE}/tests:mine", "VCPUID_DUMPS": "dumps", "HOME": "h"}


def test_one_is_run_and_judged_from_end_to_end() -> None:
    """The fuzzer for a moment: its own lines pass through, and its aims are counted."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "fuzz_dumps", "--", "--seconds", "0.2", "--seed", "1"],
        cwd=TREE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "load average" in done.stdout
    assert "seed 1: " in done.stdout
    assert done.stdout.count("\nmet     ") == 2
    assert "\nfuzz_dumps      2 met " in done.stdout


def test_what_cannot_run_is_no_missed_aim(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["probe"]) == CANNOT_RUN
    told = capfd.readouterr()
    assert "needs qemu-system-x86_64 (Debian package qemu-system-x86)" in told.err
    assert "cannot run" in told.out
