"""The documents that a fleet is read from: files, folders, tar archives, JSON lines."""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from vcpuid.errors import InputError

_SIZE_LIMIT_BYTES = 64 * 1024 * 1024
_SUFFIXES = frozenset((".json", ".txt", ".xml", ".dump", ".log", ".cpuid", ".gz", ".xz", ".bz2"))
_LINES = frozenset((".jsonl", ".ndjson"))


class Source(NamedTuple):
    """One document, or why it could not be read.

    Attributes:
        where: A path, a member of an archive, or a line.
        name: What a host is called that its document does not name.
        folders: The folders that it lies in, outermost first.
        raw: Its bytes; None where it could not be read.
        error: Why it could not be read.
    """

    where: str
    name: str
    folders: tuple[str, ...]
    raw: bytes | None
    error: InputError | None = None


def walk_sources(paths: Iterable[str]) -> Iterator[Source]:
    """Read every document that is meant by paths; `-` is JSON lines on standard input.

    A folder means all its files, hidden ones apart. What cannot be read comes as an error, and the walk goes on.
    """
    for path in paths:
        if path == "-":
            yield from _lines(sys.stdin.buffer, "standard input")
        else:
            yield from _below(Path(path))


def _below(path: Path) -> Iterator[Source]:
    if not path.is_dir():
        yield from _of_file(path)
        return
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        yield _failed(str(path), f"cannot be read: {error.strerror}")
        return
    for entry in entries:
        if not entry.name.startswith("."):
            yield from _below(entry)


def _of_file(path: Path) -> Iterator[Source]:
    where = str(path)
    try:
        with path.open("rb") as file:
            if path.suffix in _LINES:
                yield from _lines(file, where)
            elif _is_tar(path):
                yield from _members(file, where)
            else:
                yield _document(file.read(_SIZE_LIMIT_BYTES + 1), where, path.as_posix())
    except OSError as error:
        yield _failed(where, f"cannot be read: {error.strerror or error}")


def _is_tar(path: Path) -> bool:
    return any(suffix in (".tar", ".tgz", ".txz", ".tbz2") for suffix in path.suffixes[-2:])


def _members(file: IO[bytes], where: str) -> Iterator[Source]:
    """Walk an archive from front to back; nothing of it is written anywhere."""
    try:
        with tarfile.open(fileobj=file, mode="r|*") as archive:
            for member in archive:
                hidden = any(part.startswith(".") and part != "." for part in PurePosixPath(member.name).parts)
                content = None if hidden or not member.isfile() else archive.extractfile(member)
                if content is not None:
                    raw = content.read(_SIZE_LIMIT_BYTES + 1)
                    yield _document(raw, f"{where}:{member.name}", member.name)
    except (tarfile.TarError, EOFError) as error:
        yield _failed(where, f"the archive is damaged: {error}")


def _lines(file: IO[bytes], where: str) -> Iterator[Source]:
    number = 0
    while line := file.readline(_SIZE_LIMIT_BYTES + 1):
        number += 1
        if len(line) > _SIZE_LIMIT_BYTES:
            yield _failed(f"{where}:{number}", "the line is too long for a snapshot")
            return
        if line.strip():
            yield Source(f"{where}:{number}", f"line-{number}", (), line)


def _document(raw: bytes, where: str, path: str) -> Source:
    if len(raw) > _SIZE_LIMIT_BYTES:
        return _failed(where, f"too large: more than {_SIZE_LIMIT_BYTES // 2**20} MiB")
    parts = PurePosixPath(path)
    name = parts
    while name.suffix in _SUFFIXES and name.stem:
        name = name.with_suffix("")
    return Source(where, name.name, parts.parts[:-1], raw)


def _failed(where: str, why: str) -> Source:
    return Source(where, "", (), None, InputError(why, source=where))
