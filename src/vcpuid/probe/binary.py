"""Which QEMU is started: the one that was named, or the first of the usual places; only one that is trusted."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from vcpuid.errors import InputError, UndecidedError
from vcpuid.gather.look import Look
from vcpuid.gather.qemu import USUAL_PATHS, is_trusted, parse_version, read_version
from vcpuid.gather.record import Problems

_VERSION_LIMIT_S = 2.0


class Binary(NamedTuple):
    """A QEMU binary: its absolute path, and its version where it tells."""

    path: str
    version: str | None

    def __str__(self) -> str:
        """Name it for people."""
        return f"QEMU {self.version}" if self.version else self.path


def find_binary(look: Look, named: str | None = None) -> Binary:
    """Find QEMU by a path, by a name on the search path, or without either in the usual places.

    Raises:
        InputError: What was named is not there or may not be started.
        UndecidedError: Nothing was named, and nothing is there.
    """
    path = _first_usual(look) if named is None else _named(look, named)
    if path is None:
        raise UndecidedError(
            "no QEMU found",
            expected=f"one of {', '.join(USUAL_PATHS)}",
            next_step="Install QEMU (Debian package qemu-system-x86), or name one with --qemu PATH.",
        )
    objection = is_trusted(look, path, own_too=True)
    if objection is not None:
        raise InputError(
            f"this binary is not started: {objection}",
            source=path,
            next_step="It, and every folder above it, must belong to root or you, and be writable by nobody else.",
        )
    return Binary(path, _version(look, path))


def _first_usual(look: Look) -> str | None:
    return next((path for path in USUAL_PATHS if look.exists(path)), None)


def _named(look: Look, named: str) -> str:
    found = look.which(named) if "/" not in named else str(Path(named).absolute())
    if found is None or not look.exists(found):
        raise InputError("no such program", source=named, next_step="--qemu takes the path of a QEMU binary.")
    if not Path(found).is_file() or not os.access(found, os.X_OK):
        raise InputError("no program: a folder, or it may not be executed", source=named)
    return found


def _version(look: Look, path: str) -> str | None:
    status = look.status(path)
    return _version_of(path, (status.st_dev, status.st_ino, status.st_mtime_ns))


@lru_cache(maxsize=16)
def _version_of(path: str, _identity: tuple[int, int, int]) -> str | None:
    """Read the version in the file; a script around QEMU has none, and is asked."""
    look = Look(limit_s=_VERSION_LIMIT_S)
    version, _ = read_version(look, path, Problems())
    if version is None:
        try:
            version, _ = parse_version(look.run([path, "--version"]).text)
        except OSError:
            return None  # that it cannot be started is told when it is
    return version
