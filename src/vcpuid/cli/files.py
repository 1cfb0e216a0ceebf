"""Writing the files that people name."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from vcpuid.errors import InputError


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
