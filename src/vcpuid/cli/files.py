"""Reading and writing the files that people name."""

from __future__ import annotations

import os
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
    """Write a file so that it is there whole or not at all.

    Raises:
        InputError: It cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.exists() and not path.is_file():
            path.write_text(text + "\n")  # a device or pipe: nothing to replace
            return
        part.write_text(text + "\n")
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InputError(f"cannot be written: {error.strerror}", source=str(path)) from error
