"""Fetches from Debian's archive what tests want beside the system, through apt and without changing the system.

    python -m tools.debian source SUITE PACKAGE VERSION FOLDER --sha256 HEX [--only PATH...]
    python -m tools.debian binary SUITE FOLDER PACKAGE...

`source` fetches the original archive of a source package, checks it and unpacks its plain files (or those below
some paths in it) to FOLDER/PACKAGE-VERSION, which is left as it is when it is there.
`binary` unpacks binary packages with all that they depend on to FOLDER, as a root of their own; none of their
scripts is run. Both print the folder.

The suite may be newer or older than the system. apt is given a configuration of its own: lists, cache and the
state of no package stand in a temporary folder. Its mirror is the one that the system's own entries of Debian
name, its keys are the system's.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

ORIGIN = "ORIGIN"
"""The file beside an unpacked source that says what it is: written last, so that it stands for a whole one."""


class ArchiveError(Exception):
    """Debian's archive did not give it; the text says why and what to do."""


class Apt:
    """apt with lists and a cache in a folder of its own, for one suite of Debian's archive."""

    def __init__(self, suite: str, folder: Path) -> None:
        self.suite = suite
        self.folder = folder
        mirror = find_mirror()
        for name in ("state/lists/partial", "cache/archives/partial", "sources.d"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text(
            f"deb {mirror} {suite} main\ndeb-src {mirror} {suite} main\n", "utf-8"
        )
        settings = {
            "Dir::State": folder / "state",
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder / "cache",
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": folder / "sources.d",
            "Acquire::Check-Valid-Until": "false",  # the system may have been made from an older archive
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",  # another user could not write here
            "APT::Update::Post-Invoke": "",
        }
        self._options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        self.run("apt-get", "update")

    def run(self, program: str, *arguments: str) -> str:
        """Run one of apt's programs in the folder and give what it prints."""
        return run(program, *self._options, *arguments, folder=self.folder)

    def source_versions(self, package: str) -> list[str]:
        """Give the versions of a source package that the suite has."""
        text = self.run("apt-cache", "showsrc", "--only-source", package)
        return [line.split()[1] for line in text.splitlines() if line.startswith("Version:")]


def find_mirror() -> str:
    """Give the address of Debian's archive that this system itself uses."""
    release = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text("utf-8").splitlines() if "=" in line
    )
    codename = release.get("VERSION_CODENAME", "")
    targets = run(
        "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {codename}",
        "Origin: Debian",
    )  # fmt: skip
    if not targets:
        raise ArchiveError(
            f"apt knows no Debian archive for {release.get('PRETTY_NAME', 'this system')}\n"
            "Run `apt-get update` first; on a system that is not Debian there is none to derive the address from."
        )
    return targets.split()[0]


def run(program: str, *arguments: str, folder: Path | None = None) -> str:
    """Run a program and give what it prints; its failure is told with its own last lines."""
    environment = os.environ | {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(  # noqa: S603 -- apt and dpkg, with arguments of ours
            [program, *arguments], capture_output=True, text=True, check=False, cwd=folder, env=environment
        )
    except FileNotFoundError:
        raise ArchiveError(f"no {program} here: this needs Debian") from None
    if done.returncode:
        raise ArchiveError(f"{program} failed:\n{done.stderr.strip()[-2000:]}")
    return done.stdout


def fetch_source(apt: Apt, package: str, version: str) -> Path:
    """Give the original archive of an upstream version, whatever Debian's revision of it."""
    versions = apt.source_versions(package)
    full = next((one for one in versions if one.split(":", 1)[-1].rpartition("-")[0] == version), None)
    if full is None:
        raise ArchiveError(f"{apt.suite} has no {package} {version}; it has {', '.join(versions) or 'none'}")
    apt.run("apt-get", "source", "--download-only", "--tar-only", f"{package}={full}")
    return next(apt.folder.glob(f"{package}_{version}.orig.tar.*[!c]"))


def unpack(archive: Path, target: Path, only: Sequence[str]) -> None:
    """Unpack the files of an archive of one top folder, or those below some paths in it, to `target`."""
    wanted = tuple(PurePosixPath(path) for path in only)
    with tarfile.open(archive) as tar:
        for member in tar:
            path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            if not member.isfile() or ".." in path.parts or (wanted and not any(map(path.is_relative_to, wanted))):
                continue
            content = tar.extractfile(member)
            if content is not None:
                (target / path.parent).mkdir(parents=True, exist_ok=True)
                (target / path).write_bytes(content.read())


def get_source(arguments: argparse.Namespace) -> Path:
    """Fetch, check and unpack a source, unless it is there."""
    target: Path = arguments.folder / f"{arguments.package}-{arguments.version}"
    origin = target / ORIGIN
    if origin.exists() and origin.read_text(encoding="utf-8").split()[-1] == arguments.sha256:
        return target
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        work = Path(name)
        archive = fetch_source(Apt(arguments.suite, work / "apt"), arguments.package, arguments.version)
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != arguments.sha256:
            raise ArchiveError(f"{archive.name} is another file: SHA-256 {found}, not {arguments.sha256}")
        unpacked = work / "unpacked"
        unpack(archive, unpacked, arguments.only)
        (unpacked / ORIGIN).write_text(f"{archive.name} {found}\n", encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        unpacked.rename(target)
    return target


def get_binaries(arguments: argparse.Namespace) -> Path:
    """Fetch binary packages with what they depend on, and unpack them."""
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        apt = Apt(arguments.suite, Path(name) / "apt")
        apt.run("apt-get", "install", "--yes", "--download-only", "--no-install-recommends", *arguments.packages)
        for package in sorted(apt.folder.glob("cache/archives/*.deb")):
            run("dpkg-deb", "--extract", str(package), str(folder.resolve()))
    return folder


def parse_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    source = commands.add_parser("source", help="the original archive of a source package, unpacked")
    source.add_argument("suite")
    source.add_argument("package")
    source.add_argument("version", help="the upstream version")
    source.add_argument("folder", type=Path)
    source.add_argument("--sha256", required=True, metavar="HEX", help="what the archive has to be")
    source.add_argument("--only", nargs="+", default=[], metavar="PATH", help="unpack these paths only")
    source.set_defaults(get=get_source)
    binary = commands.add_parser("binary", help="binary packages with what they depend on, unpacked")
    binary.add_argument("suite")
    binary.add_argument("folder", type=Path)
    binary.add_argument("packages", nargs="+", metavar="PACKAGE")
    binary.set_defaults(get=get_binaries)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Fetch it and print its folder."""
    arguments = parse_arguments(words)
    try:
        print(arguments.get(arguments))
    except ArchiveError as error:
        print(f"tools.debian: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
