"""Makes an environment with one release of OpenStack Nova, for the tests that run the real one.

    python -m tools.nova_environment VERSION FOLDER --sha256 HEX

The environment is FOLDER/nova-VERSION: what Nova depends on by the pins of requirements/nova.txt, Nova's own
wheel by its hash, and Debian's libvirt binding for Python, which is not to be had without a compiler elsewhere:
the package is downloaded through the system's apt and unpacked, not installed. It has to fit this Python and the
system's libvirt. An environment that is there is left as it is.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements" / "nova.txt"
BINDING = "python3-libvirt"
STAMP = "ORIGIN"
"""The file in an environment that says what it was made of: written last, so that it stands for a whole one."""

TAG = f"cpython-{sys.version_info.major}{sys.version_info.minor}-"
"""What the names of modules that are compiled for this Python have in them."""


class PreparationError(Exception):
    """It cannot be made; the text says why."""


def run(*command: str | Path, folder: Path | None = None) -> None:
    """Run a program.

    Raises:
        PreparationError: It failed; the text holds what it said.
    """
    done = subprocess.run(  # noqa: S603 -- no shell; the words are this module's own
        [str(word) for word in command],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise PreparationError(f"{command[0]} failed:\n{done.stdout.rstrip()}")


def install(python: Path, requirements: Path, *options: str) -> None:
    """Install pinned files into the environment of a Python, with the pip beside the Python that made it."""
    pip = (getattr(sys, "_base_executable", sys.executable), "-m", "pip", "--python", python)
    always = ("--require-hashes", "--quiet", "--no-input", "--disable-pip-version-check", "--only-binary=:all:")
    run(*pip, "install", *always, *options, "--requirement", requirements)


def add_binding(site: Path, folder: Path) -> None:
    """Put libvirt's Python binding, as Debian has it, into an environment's site-packages.

    Raises:
        PreparationError: The package has none for this Python.
    """
    run("apt-get", "-o", "APT::Sandbox::User=root", "download", BINDING, folder=folder)
    package = next(folder.glob(f"{BINDING}_*.deb"))
    run("dpkg-deb", "--extract", package, folder / "root")
    modules = [path for path in (folder / "root").rglob("libvirt*") if path.suffix in (".py", ".so")]
    if not any(TAG in path.name for path in modules):
        found = ", ".join(sorted(path.name for path in modules)) or "nothing"
        raise PreparationError(f"{package.name} has no module for this Python ({TAG}); it has {found}")
    for path in modules:
        shutil.copy(path, site)


def make(version: str, folder: Path, sha256: str) -> Path:
    """Make the environment, unless it is there."""
    target = folder / f"nova-{version}"
    origin = f"nova {version} {sha256}\n{REQUIREMENTS.read_text('utf-8')}"
    stamp = target / STAMP
    if stamp.exists() and stamp.read_text("utf-8") == origin:
        return target
    shutil.rmtree(target, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    venv.create(target, symlinks=True)
    python = target / "bin" / "python"
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        install(python, REQUIREMENTS, "--no-deps")  # they are all there, but for what is left out
        own = work / "nova.txt"
        own.write_text(f"nova=={version} --hash=sha256:{sha256}\n", encoding="utf-8")
        install(python, own, "--no-deps")
        add_binding(next(target.glob("lib/python*/site-packages")), work)
    stamp.write_text(origin, encoding="utf-8")
    return target


def main(words: Sequence[str] | None = None) -> int:
    """Make it and print its folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("version")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sha256", required=True, metavar="HEX", help="what Nova's wheel has to be")
    arguments = parser.parse_args(words)
    try:
        print(make(arguments.version, arguments.folder, arguments.sha256))
    except (PreparationError, OSError) as error:
        print(f"tools.nova_environment: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
