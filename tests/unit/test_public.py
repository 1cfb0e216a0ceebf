"""What `from vcpuid import ...` gives, and what it promises."""

from __future__ import annotations

import builtins
import doctest
import importlib
import inspect
import re
import shutil
import subprocess
import sys
import tomllib
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import vcpuid
from snapshots import whole_host, write_snapshot
from vcpuid.cli import run
from vcpuid.errors import VcpuidError
from vcpuid.terms.verdict import Layer, State

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
PAGE = ROOT / "docs" / "reference" / "stability.md"
PUBLIC = {name: getattr(vcpuid, name) for name in vcpuid.__all__ if name != "__version__"}
FUNCTIONS = {name: one for name, one in PUBLIC.items() if inspect.isfunction(one)}
TYPES = {one for one in PUBLIC.values() if inspect.isclass(one)}
ERRORS = {one for one in TYPES if issubclass(one, VcpuidError)}
HEAVY = {"click", "duckdb", "json", "lxml", "numpy", "pathlib", "rich"}


def types_in(annotation: object) -> Iterator[type]:
    """Yield the types of ours that an annotation has."""
    if inspect.isclass(annotation) and annotation.__module__.split(".")[0] == "vcpuid":
        yield annotation
    for part in annotation if isinstance(annotation, list) else typing.get_args(annotation):
        yield from types_in(part)


def hints(function: Callable[..., object]) -> dict[str, object]:
    """Return the annotations of a function, with names that its module imports for types alone."""
    module = importlib.import_module(function.__module__)
    return typing.get_type_hints(function, {**vars(module), "Path": Path})


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example files, with the store that the page of the API makes of them."""
    folder = tmp_path_factory.mktemp("with-a-store") / "examples"
    shutil.copytree(EXAMPLES, folder)
    for date, *hosts in (("2026-01-31", "cluster"), ("2026-02-01", "updated", "cluster/node-2.json")):
        paths = [str(folder / host) for host in hosts]
        assert run(["fleet", "ingest", *paths, "--store", str(folder / "fleet"), "--at", date]) == 0
    return folder


def run_examples(function: Callable[..., object], name: str) -> doctest.TestResults:
    """Run the examples of a docstring; what they print beside what is expected is a failure."""
    (test,) = [one for one in doctest.DocTestFinder(recurse=False).find(function, name) if one.examples]
    return doctest.DocTestRunner(verbose=False).run(test)


@pytest.mark.parametrize("package", ["numpy", "duckdb"])
def test_all_names_can_be_imported_without_the_extra_of_fleets(package: str) -> None:
    program = f"import sys\nsys.modules[{package!r}] = None\nfrom vcpuid import *\nprint(fleet_matrix.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "make_matrix\n", "")


def test_the_example_of_the_design(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES)
    from vcpuid import Snapshot, why  # noqa: PLC0415 - as it is written there

    answer = why("sgx", Snapshot.read("h07.json"), guest="web-1")
    assert (answer.asked, answer.available, answer.got) == (State.PRESENT, State.ABSENT, State.ABSENT)
    assert answer.broken_at == vcpuid.BrokenAt(supply=Layer.FIRMWARE, demand=None)


def test_a_demand_that_breaks(tmp_path: Path) -> None:
    path = write_snapshot(tmp_path / "h07.json", **whole_host())
    answer = vcpuid.why("sgx", vcpuid.Snapshot.read(path), guest="web-1")
    assert (answer.asked, answer.available, answer.got) == (State.ABSENT, State.ABSENT, State.ABSENT)
    assert answer.broken_at.demand is Layer.PROCESS


def test_the_names_are_those_of_the_page() -> None:
    listed = re.search(r"^## The names$(.+?)^## ", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert listed is not None
    names = re.findall(r"`(\w+)`", listed[1])
    assert sorted(names) == sorted(vcpuid.__all__)
    assert set(vcpuid.__all__) == set(dir(vcpuid))


def test_each_name_is_told_what_it_is() -> None:
    assert len(PUBLIC) == len(FUNCTIONS) + len(TYPES)
    assert [name for name, one in PUBLIC.items() if not one.__doc__] == []


def test_no_other_name_is() -> None:
    with pytest.raises(AttributeError, match="module 'vcpuid' has no attribute 'nonsense'"):
        _ = vcpuid.nonsense


def test_functions_take_and_give_only_public_types() -> None:
    hidden = {
        f"{name}({part}): {one.__qualname__}"
        for name, function in FUNCTIONS.items()
        for part, annotation in hints(function).items()
        for one in types_in(annotation)
        if one not in TYPES
    }
    assert hidden == set()


def test_every_error_of_the_library_is_public() -> None:
    errors = importlib.import_module("vcpuid.errors")
    assert {
        one for _, one in inspect.getmembers(errors, inspect.isclass) if one.__module__ == errors.__name__
    } == ERRORS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_examples_in_the_docstring_hold(name: str, examples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(examples)
    result = run_examples(FUNCTIONS[name], name)
    assert result.attempted > 0
    assert result.failed == 0


def test_functions_do_not_print_exit_or_write(examples: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(examples, tmp_path / "examples")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    program = "\n".join(
        example.source.removeprefix("print(").removesuffix(")\n") if "print(" in example.source else example.source
        for name, function in FUNCTIONS.items()
        for test in doctest.DocTestFinder(recurse=False).find(function, name)
        for example in test.examples
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", f"{program}\nimport os; os.write(2, b'the end')"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"the end")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_bad_input_raises_and_nothing_is_printed(examples: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wrong: list[Callable[[], object]] = [
        lambda: vcpuid.explain("no-such-feature"),
        lambda: vcpuid.parse_dump(b"nonsense", "x"),
        lambda: vcpuid.read_dump("/no/such/file"),
        lambda: vcpuid.Snapshot.parse(b"{", "x"),
        lambda: vcpuid.lint_text(vcpuid.LintText(b"", "x")),
        lambda: vcpuid.baseline(()),
        lambda: vcpuid.read_parties(b"<nonsense/>", "x"),
        lambda: vcpuid.translate("Haswell,+sgx", "x", "nonsense"),
        lambda: vcpuid.diagnose("text", domain="web-1"),
        lambda: vcpuid.open_fleet("/no/such/store"),
        lambda: vcpuid.open_fleet(examples / "fleet", "2020-01-01"),
        lambda: vcpuid.open_fleet(examples / "fleet", engine="sqlite"),
        lambda: vcpuid.fleet_missing(vcpuid.open_fleet(examples / "fleet"), "no-such-feature"),
        lambda: vcpuid.fleet_drift(vcpuid.open_fleet(examples / "fleet"), "2020-01-01"),
    ]
    for call in wrong:
        with pytest.raises(VcpuidError):
            call()
    assert capfd.readouterr() == ("", "")


def test_importing_it_imports_nothing_else_of_ours_and_nothing_heavy() -> None:
    program = "import sys; old = set(sys.modules); import vcpuid; print(*(set(sys.modules) - old))"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    new = set(done.stdout.split())
    assert {name for name in new if name.split(".")[0] == "vcpuid"} == {"vcpuid"}
    assert new & HEAVY == set()


def test_no_name_hides_one_of_python() -> None:
    assert set(vcpuid.__all__) & set(dir(builtins)) == set()


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == vcpuid.__version__
