"""What each command imports of what takes long: one line at the head of a module makes a command slow to start."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from tools.commands import walk_commands

from map_defects import TINY
from reports import whole_report, write_qemu
from vcpuid.cli import run

H07, H10 = "docs/examples/h07.json", "docs/examples/h10.json"
HYGON, RENOIR = "tests/dumps/hygon.json", "tests/dumps/amd-renoir.json"

HEAVY = frozenset(
    (
        "asyncio",
        "duckdb",
        "email",
        "http.client",
        "jinja2",
        "json",
        "lxml",
        "multiprocessing",
        "numpy",
        "pyspark",
        "rich",
        "ssl",
        "starlette",
        "tomllib",
        "urllib.request",
        "uvicorn",
        "vcpuid.answers.lint",
        "vcpuid.evidence.host",
        "vcpuid.fleet",
        "vcpuid.gather.collect",
        "vcpuid.layers",
        "vcpuid.probe",
        "vcpuid.render.html",
        "vcpuid.web",
        "yaml",
    )
)
DUMPS = {"json"}
HOSTS = DUMPS | {"lxml", "tomllib", "vcpuid.evidence.host"}
LAYERS = HOSTS | {"vcpuid.layers"}
PAGES = {"jinja2", "vcpuid.answers.lint", "vcpuid.render.html"}
# DuckDB reads its own version by importlib.metadata, which parses it as mail.
FLEETS = LAYERS | {"duckdb", "email", "multiprocessing", "vcpuid.fleet"}

# A command, and what it imports of the above: all that, and nothing else. Words in braces are made by the fixture.
ROWS: tuple[tuple[str, set[str]], ...] = (
    ("explain sgx", set()),
    ("explain 7.0.ebx=0x29c6fbf", set()),
    ("completion bash", set()),
    ("map entry sgx", set()),
    (f"decode {HYGON}", DUMPS),
    ("decode", DUMPS | {"vcpuid.gather.collect"}),
    (f"convert {HYGON} --to cpuid", DUMPS),
    (f"diff {HYGON} {RENOIR}", DUMPS),
    ("collect -o {tmp}/here.json", DUMPS | {"vcpuid.gather.collect"}),
    (f"why sgx --host {H07}", LAYERS | {"vcpuid.answers.lint"}),
    ("why sgx", LAYERS | {"vcpuid.answers.lint", "vcpuid.gather.collect"}),
    ("probe Haswell --accel tcg --qemu {tmp}/qemu/qemu", HOSTS - {"tomllib"} | {"vcpuid.probe"}),
    (f"audit --host {H07}", LAYERS),
    ("diagnose 'unknown CPU feature: sha_ni'", LAYERS),
    ("lint docs/examples/web-1.xml", HOSTS | {"vcpuid.answers.lint"}),
    ("guest docs/examples/web-1.xml --to qemu", DUMPS | {"lxml", "tomllib"}),
    ("map show sgx --map {map}", HOSTS),
    ("map lint {map}", {"lxml", "tomllib"}),
    ("map add umip --to {map} -o {tmp}/added", HOSTS),
    ("map sync --qemu-version 10.0 --shipped", HOSTS),
    (f"compare {H07} {H10}", LAYERS),
    (f"baseline {H07} {H10}", LAYERS),
    (f"sgx doctor --host {H07}", LAYERS),
    (f"sgx plan --host {H10} --guest 64M", LAYERS),
    (
        f"report --host {H07} -o {{tmp}}/host.html",
        # Its options are those of a fleet's report, too.
        LAYERS | {"jinja2", "multiprocessing", "vcpuid.answers.lint", "vcpuid.fleet", "vcpuid.render.html"},
    ),
    ("fleet ingest docs/examples/updated/node-1.json --store {tmp}/new", FLEETS | {"numpy"}),
    ("fleet summary --store {store}", FLEETS),
    ("fleet missing avx512f --store {store}", FLEETS),
    ("fleet which-hosts Haswell --store {store}", FLEETS),
    ("fleet baseline --store {store}", FLEETS),
    ("fleet matrix --store {store}", FLEETS | {"numpy"}),
    ("fleet drain node-1 --store {store}", FLEETS),
    ("fleet what-if --without node-1 --store {store}", FLEETS),
    ("fleet precheck --target docs/examples/updated/node-1.json --store {store}", FLEETS),
    ("fleet drift 2026-01-01 2026-01-01 --store {store}", FLEETS),
)
# What -X importtime tells leaves out what importlib.import_module imports: commands, and readers of dumps.
PROGRAM = """import sys; old = set(sys.modules); from vcpuid.cli import run
status = run(sys.argv[1:])
print("MODULES", *(set(sys.modules) - old), file=sys.stderr)
sys.exit(status)"""
ELSEWHERE = {"serve": "tests/unit/cli/test_serve.py: it does without DuckDB and numpy until there is a store"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    tmp = tmp_path_factory.mktemp("imports")
    write_qemu(tmp / "qemu", report=whole_report())
    assert (
        run(["fleet", "ingest", "docs/examples/cluster", "--store", str(tmp / "store"), "--at", "2026-01-01"]) == 0
    )
    return {"tmp": tmp, "store": tmp / "store", "map": TINY}


def modules_after(*arguments: str) -> set[str]:
    """The modules that a run imports."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1, 4), done.stderr[-2000:]
    return set(done.stderr.rpartition("MODULES ")[2].split())


@pytest.mark.parametrize(("command", "expected"), ROWS, ids=[command for command, _ in ROWS])
def test_a_command_imports_no_more_than_it_needs(files: dict[str, Path], command: str, expected: set[str]) -> None:
    modules = modules_after(*(word.format(**files) for word in shlex.split(command)))
    assert f"vcpuid.cli.{command.split(maxsplit=1)[0]}" in modules
    assert modules & HEAVY == expected


def test_every_command_has_a_row() -> None:
    leaves = {
        one.path.removeprefix("vcpuid ") for one in walk_commands() if not isinstance(one.command, click.Group)
    }
    shown = {leaf for leaf in leaves for command, _ in ROWS if f"{command} ".startswith(f"{leaf} ")}
    assert leaves - shown == ELSEWHERE.keys()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_no_command(arguments: list[str]) -> None:
    modules = modules_after(*arguments)
    assert {module for module in modules if module.startswith("vcpuid.cli.")} == {"vcpuid.cli.lazy"}
    assert not {module for module in modules if module.startswith(("rich", "lxml", "vcpuid.atlas"))}
