"""Source `qemu`: the QEMU binaries, as they run and as they are installed; none is started."""

import os
import re
import stat
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from .look import Look
from .options import Options
from .processes import find_qemu_processes
from .record import Data, Problems

USUAL_PATHS = (
    "/usr/bin/qemu-system-x86_64",
    "/usr/libexec/qemu-kvm",
    "/usr/bin/qemu-kvm",
    "/usr/local/bin/qemu-system-x86_64",
    "/usr/libexec/qemu-system-x86_64",
    "/opt/qemu/bin/qemu-system-x86_64",
    "/run/current-system/sw/bin/qemu-system-x86_64",
)
# The text that `--version` prints is in the binary: it can be read without starting it.
_VERSION_TEXT = b"QEMU emulator version "
_VERSION_TEXT_BYTES = 160


class Candidate(NamedTuple):
    """A binary to look at: the path that people know, the one that opens it, and how it was found."""

    path: str
    opened_by: str
    found_by: str
    deleted: bool


def gather(look: Look, options: Options, problems: Problems) -> Data:
    """Describe each different binary once, with every way in which it was found."""
    binaries: Dict[Tuple[int, int], Data] = {}
    for candidate in candidates(look, options):
        try:
            status = look.status(candidate.opened_by)
        except FileNotFoundError as error:
            if candidate.found_by == "given":
                problems.add_os_error(candidate.path, error, "give the path of a QEMU binary")
            continue
        except OSError as error:
            problems.add_os_error(candidate.opened_by, error, "run as root")
            continue
        identity = (status.st_dev, status.st_ino)
        if identity in binaries:
            binaries[identity]["found_by"].append(candidate.found_by)
            continue
        version, build = read_version(look, candidate.opened_by, problems)
        in_our_root = not candidate.deleted and _is_same_file(look, candidate.path, identity)
        binaries[identity] = {
            "path": candidate.path,
            "resolved": look.real_path(candidate.path) if in_our_root else candidate.path,
            "found_by": [candidate.found_by],
            "deleted": candidate.deleted,
            "package": package_of(look, candidate.path) if in_our_root else None,
            "version": version,
            "build": build,
            "owner_uid": status.st_uid,
            "mode": "%04o" % (status.st_mode & 0o7777),
            "mtime": int(status.st_mtime),
        }
    return {"binaries": list(binaries.values())}


def candidates(look: Look, options: Options) -> Iterator[Candidate]:
    """Yield the given binaries, those of running processes, and the usual places."""
    for path in options.qemu_paths:
        yield Candidate(path, path, "given", deleted=False)
    for process in find_qemu_processes(look):
        opened_by = process.exe_link if process.exe_is_certain or process.by_loader else process.exe
        yield Candidate(process.exe, opened_by, "process %d" % process.pid, process.deleted)
    for path in USUAL_PATHS:
        yield Candidate(path, path, "usual place", deleted=False)


def _is_same_file(look: Look, path: str, identity: Tuple[int, int]) -> bool:
    try:
        status = look.status(path)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == identity


def read_version(look: Look, path: str, problems: Problems) -> Tuple[Optional[str], Optional[str]]:
    """Read a binary's version and its builder's text out of the file; None for what is not found."""
    try:
        text = look.find_bytes(path, _VERSION_TEXT, _VERSION_TEXT_BYTES)
    except OSError as error:
        problems.add_os_error("version of %s" % path, error, "run as root")
        return None, None
    return parse_version((text or b"").partition(b"\n")[0].decode("ascii", "replace"))


def parse_version(text: str) -> Tuple[Optional[str], Optional[str]]:
    """Parse `QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)` into the version and the text in parentheses."""
    found = re.match(r"QEMU emulator version (\d+(?:\.\d+)+)(?: \(([^()]*)\))?", text)
    return (found.group(1), found.group(2)) if found else (None, None)


def package_of(look: Look, path: str) -> Optional[str]:
    """Return the package and its version that own a file, by dpkg or rpm; None if neither knows it."""
    for candidate in dict.fromkeys([path, look.real_path(path)]):
        owners = _lines(look, ["dpkg-query", "-S", candidate])
        package = owners[0].partition(": ")[0] if owners else ""
        if package:
            known = _lines(look, ["dpkg-query", "-W", "-f", "${Package} ${Version}\\n", package])
            return known[0] if known else package
        known = _lines(look, ["rpm", "-qf", "--qf", "%{NAME} %{VERSION}-%{RELEASE}\\n", candidate])
        if known:
            return known[0]
    return None


def _lines(look: Look, command: List[str]) -> List[str]:
    if look.which(command[0]) is None:
        return []
    try:
        done = look.run(command)
    except OSError:
        return []
    return done.text.splitlines() if done.status == 0 else []


def is_trusted(look: Look, path: str, *, own_too: bool = False) -> Optional[str]:
    """Return why a binary may not be started; None if root, and nobody else, can write it and all above it.

    Args:
        look: at the machine.
        path: of the binary.
        own_too: also trust what belongs to the user that we are, and what stands in a folder like /tmp, where
            others cannot replace it.
    """
    resolved = look.real_path(path)
    owners = (0, os.geteuid()) if own_too else (0,)
    while True:
        try:
            status = look.status(resolved)
        except OSError as error:
            return "%s: %s" % (resolved, (error.strerror or "").lower())
        if status.st_uid not in owners:
            return "%s is not owned by root%s" % (resolved, " or you" if own_too else "")
        is_safe_folder = own_too and stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        if status.st_mode & 0o022 and not is_safe_folder:
            return "%s can be written by others than %s" % (resolved, "you and root" if own_too else "root")
        if resolved == "/":
            return None
        resolved = os.path.dirname(resolved)
