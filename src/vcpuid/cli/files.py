"""Reading and writing the files that people name."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from vcpuid.errors import InputError


def read_at_most(path: str, size_bytes: int) -> bytes:
    """Read a file, or standard input for -, and a byte more than is allowed: a parser then sees what is too much.

    Raises:
        InputError: It cannot be read.
    """
    if path == "-":
        return sys.stdin.buffer.read(size_bytes + 1)
    try:
        with Path(path).open("rb") as file:
            return file.read(size_bytes + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=path) from error


def write_whole(path: Path, text: str) -> None:
    """Write a text and a line end so that the file is there whole or not at all.

    Raises:
        InputError: It cannot be written.
    """
    write_bytes_whole(path, f"{text}\n".encode(errors="surrogateescape"))


def write_bytes_whole(path: Path, raw: bytes) -> None:
    """Write a file so that it is there whole or not at all; one that is there keeps its mode.

    Raises:
        InputError: It cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(raw)  # a device or pipe: nothing to replace
            return
        part.write_bytes(raw)
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InputError(f"cannot be written: {error.strerror}", source=str(path), next_step=_way(path)) from error


def _way(path: Path) -> str | None:
    """Say what to do about a file that cannot be written; None where nothing shows it."""
    if path.is_dir():
        return "It is a folder: name a file in it."
    if not path.parent.exists():
        return f"There is no folder {path.parent}: make it first."
    return None


def back_up(path: Path) -> Path:
    """Copy a file beside itself, under a name that is free, and give the copy's path.

    Raises:
        InputError: It cannot be copied.
    """
    number = 0
    while True:
        copy = path.with_name(f"{path.name}.bak{number or ''}")
        try:
            with path.open("rb") as source, copy.open("xb") as target:
                shutil.copyfileobj(source, target)
            shutil.copystat(path, copy)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise InputError(f"no backup can be made: {error.strerror}", source=str(copy)) from error
        else:
            return copy
