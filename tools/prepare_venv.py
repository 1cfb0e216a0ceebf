"""Make or mend .venv: the private environment that ./vcpuid and ./check run in.

Usage: python3 tools/prepare_venv.py core|dev

Installs requirements/NAME.txt, every file checked against its hash, and puts src on the environment's path.
It needs the `venv` module and either pip 22.3 or newer beside this Python or `ensurepip`; the system's own
packages are never touched. An unchanged environment costs nothing, an interrupted one is made anew.
"""

import argparse
import contextlib
import fcntl
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "installed"
UNFINISHED = VENV / "unfinished"
REQUIREMENTS = {"core": ("core",), "dev": ("core", "dev")}
"""What each name provides; its last element is the file to install, a superset of the others."""

OLDEST_PIP = (22, 3)
"""The first pip that installs into another environment (`--python`)."""

EXIT_UNAVAILABLE = 4
EXIT_INTERRUPTED = 130


class PreparationError(Exception):
    """The environment cannot be made; the text says why and what to do."""


def main() -> int:
    """Prepare the environment named on the command line and return the exit status."""
    parser = argparse.ArgumentParser(description="Make or mend .venv.")
    parser.add_argument("name", choices=sorted(REQUIREMENTS), help="what to install")
    name: str = parser.parse_args().name
    become_base_python()
    try:
        with alone():
            if not is_ready(name):
                sys.stderr.write("vcpuid: preparing .venv (once)…\n")
                prepare(name)
    except PreparationError as error:
        sys.stderr.write(f"vcpuid: cannot prepare {VENV}: {error}\n")
        return EXIT_UNAVAILABLE
    except OSError as error:
        sys.stderr.write(
            f"vcpuid: cannot prepare {VENV}: {error}; it is made once, in a folder you may write to\n"
        )
        return EXIT_UNAVAILABLE
    except KeyboardInterrupt:
        sys.stderr.write("vcpuid: interrupted; the next run makes .venv anew\n")
        return EXIT_INTERRUPTED
    return 0


def become_base_python() -> None:
    """Go on as the versioned Python (python3.11, not python3) outside any environment.

    An activated environment may be the one to make anew. And a system that moves to another Python breaks
    the link to a versioned name, which the launcher sees; under python3 it would only lose its packages.
    """
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    if base != sys.executable:
        os.execv(base, [base, *sys.argv])  # noqa: S606 -- this Python under its full name


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold a lock on the checkout, so that first runs started together prepare one after another."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems cannot lock a folder: go on without
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def is_ready(name: str) -> bool:
    """Tell whether the environment runs and holds exactly the pinned files of `name`."""
    return PYTHON.exists() and all(is_installed(part) for part in REQUIREMENTS[name])


def is_installed(part: str) -> bool:
    """Tell whether the stamp of one part is a copy of its requirements as they are now."""
    stamp = STAMPS / f"{part}.txt"
    return stamp.exists() and stamp.read_bytes() == requirement_file(part).read_bytes()


def requirement_file(part: str) -> Path:
    """Return the pinned requirements of one part."""
    return ROOT / "requirements" / f"{part}.txt"


def prepare(name: str) -> None:
    """Make the environment if it is missing or broken, install the pins of `name`, then stamp it."""
    if UNFINISHED.exists() or not PYTHON.exists():
        shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir(exist_ok=True)
    UNFINISHED.touch()
    shutil.rmtree(STAMPS, ignore_errors=True)
    pip = outer_pip()
    if not PYTHON.exists() or (pip is None and not has_inner_pip()):
        make_venv(with_pip=pip is None)
    install(pip or [str(PYTHON), "-m", "pip"], requirement_file(REQUIREMENTS[name][-1]))
    link_source()
    STAMPS.mkdir()
    for part in REQUIREMENTS[name]:
        shutil.copyfile(requirement_file(part), STAMPS / f"{part}.txt")
    UNFINISHED.unlink()


def outer_pip() -> list[str] | None:
    """Return the command of this Python's pip aimed at the environment; None if it is missing or too old."""
    try:
        version = importlib.metadata.version("pip")
    except importlib.metadata.PackageNotFoundError:
        return None
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return [sys.executable, "-m", "pip", "--python", str(PYTHON)] if numbers >= OLDEST_PIP else None


def has_inner_pip() -> bool:
    """Tell whether the environment has a pip of its own."""
    return any(VENV.glob("lib/python*/site-packages/pip/__main__.py"))


def make_venv(*, with_pip: bool) -> None:
    """Make the environment with this Python.

    Raises:
        PreparationError: it is to have a pip of its own, and this Python cannot give it one.
    """
    if with_pip and importlib.util.find_spec("ensurepip") is None:
        raise PreparationError(
            f"{sys.executable} has neither pip {OLDEST_PIP[0]}.{OLDEST_PIP[1]} or newer nor ensurepip; "
            "install one (Debian and Ubuntu: apt install python3-pip)"
        )
    venv.create(VENV, with_pip=with_pip, symlinks=True)


def install(pip: list[str], requirements: Path) -> None:
    """Install the pinned files, quietly.

    Raises:
        PreparationError: pip failed; the text holds what it said.
    """
    options = ["--require-hashes", "--quiet", "--no-input", "--disable-pip-version-check"]
    done = subprocess.run(  # noqa: S603 -- this Python's own pip, no shell
        [*pip, "install", *options, "--requirement", str(requirements)],
        env={**os.environ, "PIP_USER": "0"},  # a person's `user = true` would aim past the environment
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise PreparationError(
            f"pip could not install {requirements}:\n{done.stdout.rstrip()}\n"
            "If the package index was not reachable: pip's own configuration (proxy, index, certificate) applies."
        )


def link_source() -> None:
    """Put src on the environment's path, relative to it: a checkout that is moved keeps working."""
    for site in VENV.glob("lib/python*/site-packages"):
        source = os.path.relpath(ROOT / "src", site)
        (site / "vcpuid.pth").write_text(f"{source}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
