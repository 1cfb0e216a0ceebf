"""The launcher of a checkout, where its environment is no use to whoever calls it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def has_python_for_all() -> bool:
    script = str(ROOT / "tools" / "find_python.sh")
    done = subprocess.run(["sh", script], capture_output=True, check=False, env={"PATH": SYSTEM_PATH})
    return done.returncode == 0


def make_checkout(folder: Path) -> Path:
    """Copy what the launcher needs before it has an environment, beside a folder with this Python for its PATH."""
    checkout = folder / "checkout"
    for part in ("tools", "requirements"):
        shutil.copytree(ROOT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    for script in ("vcpuid", "check"):
        shutil.copy(ROOT / script, checkout)
    (folder / "bin").mkdir()
    (folder / "bin" / "python3").symlink_to(os.path.realpath(sys.executable))
    return checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return make_checkout(tmp_path)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may read, which pytest's are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def run(checkout: Path, *arguments: str, user: int | None = None, **variables: str) -> tuple[int, str]:
    path = f"{checkout.parent}/bin:{SYSTEM_PATH}" if user is None else SYSTEM_PATH
    done = start(checkout, "vcpuid", *arguments, user=user, environment={"PATH": path, **variables})
    return done.returncode, done.stderr


def start(
    folder: Path, script: str, *arguments: str, environment: dict[str, str], user: int | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(folder / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=folder.parent,
        user=user,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return done


def make_environment(folder: Path, target: Path) -> None:
    """An environment as somebody else's Python left it."""
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").touch()
    (folder / "bin" / "python").symlink_to(target)


def test_a_folder_with_other_things_is_not_made_an_environment(checkout: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "letter.txt").touch()
    status, err = run(checkout, "explain", "sgx", VCPUID_VENV=str(folder))
    assert status == 3
    assert f"cannot prepare {folder}: there are other things in it" in err
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]


def test_the_environment_may_be_elsewhere(checkout: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    make_environment(folder, Path("/bin/echo"))
    (folder / "installed").mkdir()
    shutil.copy(checkout / "requirements" / "core.txt", folder / "installed")
    assert run(checkout, "explain", "sgx", VCPUID_VENV=str(folder)) == (0, "")
    assert not (checkout / ".venv").exists()


def test_the_checks_run_in_an_environment_elsewhere(checkout: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    make_environment(folder, Path("/bin/echo"))
    (folder / "installed").mkdir()
    for part in ("core", "dev"):
        shutil.copy(checkout / "requirements" / f"{part}.txt", folder / "installed")
    for tool in ("ruff", "mypy", "lint-imports", "vermin", "pytest"):
        (folder / "bin" / tool).symlink_to("/bin/echo")
    environment = {"PATH": f"{tmp_path}/bin:{SYSTEM_PATH}", "VCPUID_VENV": folder.name}
    done = start(checkout, "check", "--", "-k", "address", environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("== pytest -k address\n-k address\n")
    assert not (checkout / ".venv").exists()


def test_no_network_says_how_to_bring_the_files_along(checkout: Path, tmp_path: Path) -> None:
    status, err = run(
        checkout,
        "explain",
        "sgx",
        VCPUID_VENV=str(tmp_path / "new"),
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_RETRIES="2",
    )
    assert status == 3
    assert err.count("WARNING: Retrying") == 1
    assert "The package index was not reached: pip's own configuration" in err
    assert f"pip download --require-hashes --dest wheels --requirement {checkout}/requirements/core.txt" in err
    assert "PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER" in err


def test_the_advice_for_no_network_is_given_for_nothing_else(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    status, err = run(
        checkout,
        "explain",
        "sgx",
        VCPUID_VENV=str(tmp_path / "new"),
        PIP_CONFIG_FILE=os.devnull,
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(tmp_path / "wheels"),
    )
    assert status == 3
    assert "No matching distribution found for click" in err
    assert "not reached" not in err


@pytest.mark.skipif(
    not has_python_for_all(), reason="needs the system's Python 3.11 or newer (Debian package python3)"
)
def test_an_empty_process_environment(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "letter.txt").touch()
    done = start(checkout, "vcpuid", "explain", "sgx", environment={})
    assert done.returncode == 3
    assert "there are other things in it" in done.stderr


def test_no_python_is_3(checkout: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for program in ("cmp", "readlink", "sh"):
        found = shutil.which(program)
        assert found is not None
        (tools / program).symlink_to(found)
    done = subprocess.run(
        ["/bin/sh", str(checkout / "vcpuid")],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(tools)},
    )
    assert done.returncode == 3
    assert "needs Python 3.11 or newer on PATH, but there is no python3" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
@pytest.mark.skipif(
    not has_python_for_all(), reason="needs the system's Python 3.11 or newer (Debian package python3)"
)
def test_an_environment_on_a_python_that_others_may_not_run(open_folder: Path) -> None:
    checkout = make_checkout(open_folder)
    private = open_folder / "private"
    private.mkdir(mode=0o700)
    python = private / "python3"
    shutil.copy("/bin/true", python)
    make_environment(checkout / ".venv", python)
    status, err = run(checkout, "explain", "sgx", user=65534)
    assert status == 3
    assert f"it runs on {python}, which you may not run; root made it." in err
    assert "VCPUID_VENV=FOLDER" in err
