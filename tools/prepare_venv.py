"""Make or mend .venv: the private environment that ./vcpuid and ./check run in.

Usage: python3 tools/prepare_venv.py NAME... [--venv FOLDER]

NAME is core (what every command needs), an extra (fleet, kubevirt, spark, web), or dev (the tests, and all of it).
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
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = {
    "core": ("core",),
    "dev": ("core", "dev"),
    **{extra: ("core", extra) for extra in ("fleet", "kubevirt", "spark", "web")},
}
"""What each name provides; its last element is the file to install, a superset of the others."""

OLDEST_PIP = (22, 3)
"""The first pip that installs into another environment (`--python`)."""

ANOTHER_FOLDER = "Or have one of your own for this checkout: set VCPUID_VENV=FOLDER."

RETRYING = "WARNING: Retrying"
"""How pip begins to tell of a connection that failed, once for each of its attempts."""

UNREACHED = "The package index was not reached: pip's own configuration (proxy, index, certificate) applies."

WITHOUT_NETWORK = """Where there is no network, bring the files along. With the same Python, where there is one:
  python3 -m pip download --require-hashes --dest wheels --requirement {requirements}
then set PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER, the folder of these files, and run this again."""

EXIT_UNAVAILABLE = 3
EXIT_INTERRUPTED = 130


class PreparationError(Exception):
    """The environment cannot be made; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The folder of an environment, and what of it is looked at here."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its Python, a link to the one that made it."""
        return self.folder / "bin" / "python"

    @property
    def stamps(self) -> Path:
        """The folder with a copy of each requirements file that is installed."""
        return self.folder / "installed"

    @property
    def unfinished(self) -> Path:
        """The mark that stands while the environment is being made."""
        return self.folder / "unfinished"


def main() -> int:
    """Prepare the environment named on the command line and return the exit status."""
    parser = argparse.ArgumentParser(description="Make or mend .venv.")
    parser.add_argument("names", metavar="NAME", nargs="+", choices=sorted(REQUIREMENTS), help="what to install")
    parser.add_argument("--venv", metavar="FOLDER", default=ROOT / ".venv", type=Path, help="make it there")
    arguments = parser.parse_args()
    names: list[str] = arguments.names
    environment = Environment(arguments.venv.absolute())
    become_base_python()
    try:
        check_runnable(environment)
        with alone():
            for name in names:
                if not is_ready(environment, name):
                    sys.stderr.write(f"vcpuid: preparing {environment.folder} (once)…\n")
                    prepare(environment, name)
    except PreparationError as error:
        sys.stderr.write(f"vcpuid: cannot prepare {environment.folder}: {error}\n")
        return EXIT_UNAVAILABLE
    except OSError as error:
        sys.stderr.write(
            f"vcpuid: cannot prepare {environment.folder}: {error}\n"
            f"  It is made once, in a folder you may write to. {ANOTHER_FOLDER}\n"
        )
        return EXIT_UNAVAILABLE
    except KeyboardInterrupt:
        sys.stderr.write("vcpuid: interrupted; the next run makes the environment anew\n")
        return EXIT_INTERRUPTED
    return 0


def check_runnable(environment: Environment) -> None:
    """Refuse an environment of somebody else whose Python this user may not run.

    Raises:
        PreparationError: It is such a one: it is not ours to make anew.
    """
    if not environment.python.is_symlink() or os.access(environment.python, os.X_OK):
        return
    target = environment.python.readlink()
    try:
        target.stat()
    except FileNotFoundError:
        return  # the Python that made it is gone, for everybody
    except PermissionError:
        pass
    raise PreparationError(
        f"it runs on {target}, which you may not run; {owner(environment.folder)} made it.\n"
        f"  Let them make it with a Python that everybody may run. {ANOTHER_FOLDER}"
    )


def owner(path: Path) -> str:
    """Give the name of a file's owner, or the number of one without a name."""
    try:
        return path.owner()
    except KeyError:
        return f"user {path.stat().st_uid}"


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


def is_ready(environment: Environment, name: str) -> bool:
    """Tell whether the environment runs and holds exactly the pinned files of `name`."""
    return environment.python.exists() and all(is_installed(environment, part) for part in REQUIREMENTS[name])


def is_installed(environment: Environment, part: str) -> bool:
    """Tell whether the stamp of one part is a copy of its requirements as they are now."""
    stamp = environment.stamps / f"{part}.txt"
    return stamp.exists() and stamp.read_bytes() == requirement_file(part).read_bytes()


def requirement_file(part: str) -> Path:
    """Return the pinned requirements of one part."""
    return ROOT / "requirements" / f"{part}.txt"


def prepare(environment: Environment, name: str) -> None:
    """Make the environment if it is missing or broken, install the pins of `name`, then stamp it.

    Raises:
        PreparationError: The folder holds something else, or an installation failed.
    """
    if environment.unfinished.exists() or not environment.python.exists():
        clear(environment)
    environment.folder.mkdir(parents=True, exist_ok=True)
    environment.unfinished.touch()
    for part in REQUIREMENTS[name]:
        (environment.stamps / f"{part}.txt").unlink(missing_ok=True)
    pip = outer_pip(environment)
    if not environment.python.exists() or (pip is None and not has_inner_pip(environment)):
        make_venv(environment, with_pip=pip is None)
    install(pip or [str(environment.python), "-m", "pip"], requirement_file(REQUIREMENTS[name][-1]))
    link_source(environment)
    environment.stamps.mkdir(exist_ok=True)
    for part in REQUIREMENTS[name]:
        shutil.copyfile(requirement_file(part), environment.stamps / f"{part}.txt")
    environment.unfinished.unlink()


def clear(environment: Environment) -> None:
    """Remove what is left of a broken environment.

    Raises:
        PreparationError: The folder has other things in it.
    """
    folder = environment.folder
    is_ours = environment.unfinished.exists() or (folder / "pyvenv.cfg").exists()
    if folder.exists() and not is_ours and any(folder.iterdir()):
        raise PreparationError("there are other things in it; name a new or an empty folder")
    shutil.rmtree(folder, ignore_errors=True)


def outer_pip(environment: Environment) -> list[str] | None:
    """Return the command of this Python's pip aimed at the environment; None if it is missing or too old."""
    try:
        version = importlib.metadata.version("pip")
    except importlib.metadata.PackageNotFoundError:
        return None
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return [sys.executable, "-m", "pip", "--python", str(environment.python)] if numbers >= OLDEST_PIP else None


def has_inner_pip(environment: Environment) -> bool:
    """Tell whether the environment has a pip of its own."""
    return any(environment.folder.glob("lib/python*/site-packages/pip/__main__.py"))


def make_venv(environment: Environment, *, with_pip: bool) -> None:
    """Make the environment with this Python.

    Raises:
        PreparationError: it is to have a pip of its own, and this Python cannot give it one.
    """
    if with_pip and importlib.util.find_spec("ensurepip") is None:
        raise PreparationError(
            f"{sys.executable} has neither pip {OLDEST_PIP[0]}.{OLDEST_PIP[1]} or newer nor ensurepip; "
            "install one (Debian and Ubuntu: apt install python3-pip)"
        )
    venv.create(environment.folder, with_pip=with_pip, symlinks=True)


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
        raise PreparationError(f"pip could not install {requirements}:\n{tell_failure(done.stdout, requirements)}")


def tell_failure(said: str, requirements: Path) -> str:
    """Give what pip said, a connection that it tried again told once, and what to do about it."""
    lines = said.rstrip().splitlines()
    retries = [line for line in lines if line.startswith(RETRYING)]
    told = [line for line in lines if line not in retries[1:]]
    if retries:
        told += [UNREACHED, WITHOUT_NETWORK.format(requirements=requirements)]
    return "\n".join(told)


def link_source(environment: Environment) -> None:
    """Put src on the environment's path, relative to it: a checkout that is moved keeps working."""
    for site in environment.folder.glob("lib/python*/site-packages"):
        source = os.path.relpath(ROOT / "src", site)
        (site / "vcpuid.pth").write_text(f"{source}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
