"""The wheel and the source distribution, as people get them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from email.message import Message
from email.parser import Parser
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import vcpuid
from vcpuid.gather.bundle import bundle_collector

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
SHARE = ROOT / "share"
STEM = f"vcpuid-{vcpuid.__version__}"
SHARED = f"{STEM}.data/data/share/"
COMPLETIONS = {  # where each shell looks below /usr/share, /usr/local/share or ~/.local/share
    "bash-completion/completions/vcpuid": "vcpuid.bash",
    "fish/vendor_completions.d/vcpuid.fish": "vcpuid.fish",
    "zsh/site-functions/_vcpuid": "vcpuid.zsh",
}
CONSUMER = """\
from vcpuid import {names}

answer = why("sgx", Snapshot.read("h07.json"), guest="web-1")
reveal_type(answer.broken_at.supply)
fleet = open_fleet("fleet")
reveal_type(fleet)
reveal_type(fleet_missing(fleet, "sgx", EvidenceLayer.KVM).lacks)
for place in fleet_baselines(fleet, by="zone"):
    if place.baseline.cpu is not None:
        reveal_type(place.baseline.cpu.model)
drift: FleetDrift = fleet_drift(fleet, "2026-01-31")
summary: FleetSummary = fleet_summary(fleet)
checked: FleetPrecheck = fleet_precheck(fleet, party_of_snapshot(Snapshot.read("h07.json")))
matrix: FleetMatrix = fleet_matrix(fleet)
reveal_type(matrix.answers(0))
wrong: int = answer.asked
"""
WITHOUT_EXTRA = """\
import json
from pathlib import Path
from vcpuid import UndecidedError, fleet_summary, open_fleet
Path("manifest.json").write_text(
    json.dumps({"schema": "vcpuid-fleet/1", "snapshots": {"2026": {"hosts": [], "guests": []}}, "configs": []})
)
try:
    open_fleet(".")
except UndecidedError as error:
    print(error)
try:
    from vcpuid import fleet_matrix
    from vcpuid.fleet.arrays import np
    np.int64
except UndecidedError as error:
    print(error)
"""
EXTRAS = {"fleet", "kubevirt", "spark", "web"}


def build(project: Path, folder: Path, *kinds: str, epoch: str = "1700000000") -> None:
    kind_options = [word for kind in kinds for word in ("-t", kind)]
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", *kind_options, "-d", str(folder)],
        cwd=project,
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    build(ROOT, folder, "sdist", "wheel")
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return built / f"{STEM}-py3-none-any.whl"


@pytest.fixture(scope="module")
def sdist(built: Path) -> Path:
    return built / f"{STEM}.tar.gz"


def pins(name: str) -> dict[str, str]:
    """Return project to version, of one file of requirements."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(" ")[0].split("==") for line in lines if "==" in line and not line.startswith((" ", "#")))
    return {canonicalize_name(project): version for project, version in pairs}


def copy_distribution(project: str, site: Path) -> None:
    """Install a project as it is installed here: no index is asked."""
    for file in distribution(project).files or ():
        source = Path(str(file.locate()))
        if ".." not in file.parts and source.is_file():
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, site / file)


def pip_of(python: Path) -> list[str]:
    """Return a pip that installs there: that beside the Python of the tests, or one of its own."""
    outer = [str(Path(sys.base_prefix) / "bin" / "python3"), "-m", "pip"]
    if subprocess.run([*outer, "--version"], capture_output=True, check=False).returncode == 0:
        return [*outer, "--python", str(python)]
    subprocess.run([str(python), "-m", "ensurepip"], capture_output=True, check=True)
    return [str(python), "-m", "pip"]


@pytest.fixture(scope="module")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a new environment that has the pins of the core and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for project in pins("core"):
        copy_distribution(project, site)
    pip = pip_of(folder / "bin" / "python")
    options = ["--no-index", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "install", *options, str(wheel)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def run(arguments: Sequence[str | Path], cwd: Path) -> str:
    done = subprocess.run(
        arguments, cwd=cwd, capture_output=True, text=True, check=False, env={"LC_ALL": "C.UTF-8"}
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"{STEM}.dist-info/METADATA").decode())


def test_the_wheel_has_the_package_with_all_its_files_and_nothing_else(wheel: Path) -> None:
    wanted = {
        str(path.relative_to(SOURCE))
        for path in (SOURCE / "vcpuid").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    others = {name for name in names if not name.startswith(f"{STEM}.dist-info/")}
    shared = {name for name in others if name.startswith(SHARED)}
    pages = {SHARED + str(path.relative_to(SHARE)) for path in SHARE.rglob("*") if path.is_file()}
    assert shared == pages | {SHARED + name for name in COMPLETIONS}
    assert SHARED + "man/man1/vcpuid-why.1" in shared
    others -= shared
    assert others == wanted
    assert {"vcpuid/py.typed", "vcpuid/atlas/tables/fields.csv"} <= others
    assert {Path(name).suffix for name in others} >= {".py", ".csv", ".toml", ".json", ".bin", ".fish"}


def test_the_metadata_say_what_it_needs_and_name_no_host(wheel: Path) -> None:
    head = metadata(wheel)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (head["Name"], head["Version"], head["License-Expression"]) == (
        "vcpuid",
        vcpuid.__version__,
        "Apache-2.0",
    )
    assert head["Requires-Python"] == project["requires-python"]
    assert set(head.get_all("Provides-Extra", [])) == EXTRAS
    assert head.get_all("Project-URL") is None
    assert head["Home-page"] is None


@pytest.mark.parametrize("extra", ["core", *sorted(EXTRAS)])
def test_the_pins_satisfy_what_the_wheel_requires(wheel: Path, extra: str) -> None:
    pinned = pins(extra)
    wanted = [Requirement(line) for line in metadata(wheel).get_all("Requires-Dist", [])]
    chosen = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": extra})]
    assert len(chosen) > len([one for one in wanted if one.marker is None]) or extra == "core"
    for one in chosen:
        assert one.specifier.contains(pinned[canonicalize_name(one.name)]), one


def test_it_runs_without_the_development_tools(bin_folder: Path, tmp_path: Path) -> None:
    assert run([bin_folder / "vcpuid", "--version"], tmp_path) == f"vcpuid {vcpuid.__version__}\n"
    assert "Software Guard Extensions" in run([bin_folder / "vcpuid", "explain", "sgx"], tmp_path)
    host = ROOT / "docs/examples/h07.json"
    assert "identity" in run([bin_folder / "vcpuid", "decode", host, "--format", "json"], tmp_path)
    assert run([bin_folder / "vcpuid", "collect", "--bundle"], tmp_path) == bundle_collector()


def test_the_manual_is_where_man_looks(bin_folder: Path) -> None:
    pages = {path.name for path in (bin_folder.parent / "share/man/man1").iterdir()}
    assert pages == {path.name for path in (SHARE / "man/man1").iterdir()}


@pytest.mark.parametrize("path", COMPLETIONS)
def test_completion_is_where_shells_look(path: str, bin_folder: Path) -> None:
    script = SOURCE / "vcpuid" / "cli" / "completions" / COMPLETIONS[path]
    assert (bin_folder.parent / "share" / path).read_bytes() == script.read_bytes()


def test_a_typed_program_finds_its_types(bin_folder: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(CONSUMER.format(names=", ".join(vcpuid.__all__)))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--python-executable", bin_folder / "python", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.findall(r'Revealed type is "(.*)"', done.stdout) == [
        "vcpuid.terms.verdict.Layer | None",
        "vcpuid.fleet.fleet.Fleet",
        "typing.Sequence[str]",
        "str | None",
        "tuple[vcpuid.answers.compare.Compatibility, ...]",
    ]
    assert "error: Incompatible types in assignment" in done.stdout
    assert done.stdout.count("error:") == 1, done.stdout


def test_who_asks_a_fleet_without_the_extra_is_told(bin_folder: Path, tmp_path: Path) -> None:
    told = run([bin_folder / "python", "-c", WITHOUT_EXTRA], tmp_path)
    assert "fleets need DuckDB, which is not installed" in told
    assert "needs numpy, which is not installed" in told
    assert told.count("pip install 'vcpuid[fleet]'") == 2


def test_who_fills_a_fleet_without_the_extra_is_told_before_a_folder_is_made(
    bin_folder: Path, tmp_path: Path
) -> None:
    command: list[str | Path] = [
        bin_folder / "vcpuid",
        "fleet",
        "ingest",
        ROOT / "docs/examples/h07.json",
        "--store",
        "fleet",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (4, "")
    assert "pip install 'vcpuid[fleet]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_source_distribution_has_what_the_tests_need(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.removeprefix(f"{STEM}/") for name in archive.getnames()}
    assert {"check", "vcpuid", "tools/prepare_venv.py", "requirements/dev.txt", "tests/conftest.py"} <= names
    assert {"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE"} <= names


def test_the_source_distribution_makes_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        # Debian 12's Python 3.11.2 has no `filter=`; from 3.12 on its lack warns.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tmp_path)  # noqa: S202 - we made it
    build(tmp_path / STEM, tmp_path / "built", "wheel")
    assert (tmp_path / "built" / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_same_source_and_date_make_the_same_files(built: Path, tmp_path: Path) -> None:
    build(ROOT, tmp_path, "sdist", "wheel")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        path.name: path.read_bytes() for path in built.iterdir()
    }
