"""The documents that a fleet is read from: files, folders, tar archives, JSON lines."""

# ruff: noqa: PTH110, PTH112, PTH113, PTH123, PTH202 - many files a second are walked, and a Path for each costs more

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path, PurePosixPath

# typeshed lacks the two that mean an archive's end.
from tarfile import EmptyHeaderError, EOFHeaderError, HeaderError, ReadError, TarFile  # type: ignore[attr-defined]
from typing import IO, NamedTuple, Self, TypeVar

from vcpuid.errors import InputError, UsageError

_SIZE_LIMIT_BYTES = 64 * 1024 * 1024
_BLOCK_BYTES = 1024 * 1024
_BATCH = 256
_BATCH_BYTES = 4 * 1024 * 1024
_OPENED = {b"{": b"}", b"[": b"]"}
"""The first line of an indented JSON document to its last."""
_SUFFIXES = frozenset((".json", ".txt", ".xml", ".dump", ".log", ".cpuid", ".gz", ".xz", ".bz2"))
_LINES = (".jsonl", ".ndjson")
_TAR = re.compile(r"\.(?:tar|tgz|txz|tbz2)(?:\.[^./]*)?\Z")


class Source(NamedTuple):
    """One document, or why it could not be read.

    Attributes:
        where: A path, a member of an archive, or a line.
        name: What a host is called that its document does not name.
        folders: The folders that it lies in, outermost first.
        raw: Its bytes; none where it could not be read.
        error: Why it could not be read; None where it was.
    """

    where: str
    name: str
    folders: tuple[str, ...]
    raw: bytes
    error: InputError | None = None

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.raw)


class Portion(NamedTuple):
    """What one reader takes of a file: all of it, or those of its JSON lines that begin between two places.

    Attributes:
        path: The file.
        start: Where it begins, in bytes.
        end: Where the last line has begun; None for the whole file.
        lines: How many lines stand before it.
    """

    path: str
    start: int = 0
    end: int | None = None
    lines: int = 0

    @property
    def size(self) -> int:
        """How many bytes of JSON lines it has; 0 for a whole file, which nobody has looked at."""
        return 0 if self.end is None else self.end - self.start

    def read(self) -> Iterator[Source]:
        """Read the documents of it; what cannot be read comes as an error."""
        return _of_file(self.path) if self.end is None else self._read_lines(self.end)

    def _read_lines(self, end: int) -> Iterator[Source]:
        try:
            with open(self.path, "rb") as file:
                if self.start:
                    file.seek(self.start - 1)
                    _skip_line(file)
                yield from _lines(file, self.path, self.lines, end)
        except OSError as error:
            yield _failed(self.path, f"cannot be read: {error.strerror or error}")

    def count_lines(self) -> int:
        """Count the lines that begin here; where the file cannot be read there is none."""
        if self.end is None:
            return 0
        try:
            with open(self.path, "rb") as file:
                file.seek(max(0, self.start - 1))
                left, found = self.end - 1 - file.tell(), int(not self.start)
                while left > 0 and (block := file.read(min(left, _BLOCK_BYTES))):
                    found += block.count(b"\n")
                    left -= len(block)
                return found
        except OSError:
            return 0


_Item = TypeVar("_Item", Source, Portion | Source)


def in_batches(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """Put so many together as are worth a worker's or an array's while, a few MiB at the most."""
    batch: list[_Item] = []
    size = 0
    for item in items:
        batch.append(item)
        size += item.size
        if len(batch) >= _BATCH or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def split_sources(paths: Iterable[str], lines_bytes: int) -> tuple[list[Portion], list[Source]]:
    """Split files into portions for several readers, a file of JSON lines by so many bytes, and give what failed.

    In their order the portions hold the documents of the files, in their order.

    Raises:
        UsageError: Standard input is meant, which has one reader.
    """
    portions: list[Portion] = []
    failed: list[Source] = []
    for path in paths:
        if path == "-":
            raise UsageError("standard input cannot be read by many", found="-", expected="files or folders")
        for found in walk_portions((path,), lines_bytes):
            if isinstance(found, Source):
                failed.append(found)
            else:
                portions.append(found)
    return portions, failed


def walk_portions(paths: Iterable[str], lines_bytes: int) -> Iterator[Portion | Source]:
    """Give the portions of files as they are found, what failed, and the lines of standard input."""
    for path in paths:
        if path == "-":
            yield from _lines(sys.stdin.buffer, "standard input")
            continue
        for found in _files(str(Path(path))):
            if isinstance(found, Source):
                yield found
            else:
                yield from _split(found, lines_bytes)


def _split(path: str, lines_bytes: int) -> list[Portion]:
    size = 0
    if path.endswith(_LINES):
        with suppress(OSError):  # its reader will tell
            size = os.path.getsize(path) if os.path.isfile(path) else 0
    if size <= lines_bytes:
        return [Portion(path)]
    return [Portion(path, start, min(start + lines_bytes, size)) for start in range(0, size, lines_bytes)]


def _files(path: str) -> Iterator[str | Source]:
    """Give a file, or all those below a folder, or what failed."""
    if not os.path.isdir(path):
        yield path
        return
    try:
        with os.scandir(path) as found:
            entries = sorted((entry for entry in found if entry.name[0] != "."), key=lambda entry: entry.name)
    except OSError as error:
        yield _failed(path, f"cannot be read: {error.strerror}")
        return
    for entry in entries:
        if entry.is_dir():
            yield from _files(entry.path)
        elif entry.is_file() or not os.path.exists(entry.path):
            yield entry.path
        else:
            yield _failed(entry.path, "cannot be read: a device, socket or pipe, not a file")


def _of_file(where: str) -> Iterator[Source]:
    try:
        if where.endswith(_LINES):
            with open(where, "rb") as file:
                yield from _lines(file, where)
        elif _TAR.search(where):
            with open(where, "rb") as file:
                yield from _members(file, where)
        else:
            yield _document(_content(where), where, where)
    except OSError as error:
        yield _failed(where, f"cannot be read: {error.strerror or error}")


def _content(path: str) -> bytes:
    """Read a file, not more than one may have.

    Raises:
        OSError: It cannot be read; or is written to meanwhile, and what was read may be of no one's making.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):  # a pipe has no size
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(_SIZE_LIMIT_BYTES + 1)
        raw = os.read(descriptor, min(before.st_size, _SIZE_LIMIT_BYTES) + 1)
        now = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if len(raw) <= _SIZE_LIMIT_BYTES and (len(raw) != before.st_size or now.st_mtime_ns != before.st_mtime_ns):
        raise OSError(errno.EBUSY, "it changed while it was read; ingest it again")
    return raw


class _Member(tarfile.TarInfo):
    """A member of an archive; what is no header is a fault, where `tarfile` takes it for the archive's end."""

    @classmethod
    def fromtarfile(cls, tarfile: TarFile) -> Self:
        # Not `frombuf`, which newer and patched Pythons no longer call here.
        try:
            return super().fromtarfile(tarfile)
        except (EOFHeaderError, EmptyHeaderError):
            raise  # zeros, or nothing: this is the end
        except HeaderError as error:
            raise ReadError(f"{error}, and what comes after it is lost") from None


def _members(file: IO[bytes], where: str) -> Iterator[Source]:
    """Walk an archive from front to back; nothing of it is written anywhere."""
    try:
        with tarfile.open(fileobj=file, mode="r|*", tarinfo=_Member) as archive:
            for member in archive:
                hidden = any(part.startswith(".") and part != "." for part in PurePosixPath(member.name).parts)
                if hidden or member.isdir():
                    continue
                content = archive.extractfile(member) if member.isfile() else None
                if content is None:
                    what = f"a link to {member.linkname}" if member.linkname else "a device or pipe"
                    yield _failed(f"{where}:{member.name}", f"{what}, not a file: pack the file itself")
                else:
                    raw = content.read(_SIZE_LIMIT_BYTES + 1)
                    yield _document(raw, f"{where}:{member.name}", member.name)
    except (tarfile.TarError, EOFError) as error:
        yield _failed(where, f"the archive is damaged: {error}")


def _lines(file: IO[bytes], where: str, number: int = 0, end: int | None = None) -> Iterator[Source]:
    """Give the lines that begin before a place, from here on, after so many."""
    closing = b""  # of an indented document that is passed over; a line that begins a document ends it too
    while (end is None or file.tell() < end) and (line := file.readline(_SIZE_LIMIT_BYTES + 1)):
        number += 1
        if len(line) > _SIZE_LIMIT_BYTES and not line.endswith(b"\n"):
            _skip_line(file)
        if closing and (not line.strip() or line[:1].isspace()):
            continue
        is_end, closing = bool(closing) and line.rstrip() == closing, b""
        if is_end:
            continue
        if len(line) > _SIZE_LIMIT_BYTES:
            yield _failed(f"{where}:{number}", "the line is too long for a snapshot")
        elif line.rstrip() in _OPENED:
            yield _failed(f"{where}:{number}", "a document of several lines: `jq -c .` makes one line of each")
            closing = _OPENED[line.rstrip()]
        elif line.strip():
            yield Source(f"{where}:{number}", f"line-{number}", (), line)


def _skip_line(file: IO[bytes]) -> None:
    """Go to the end of a line, of whatever length."""
    while (rest := file.readline(_BLOCK_BYTES)) and not rest.endswith(b"\n"):
        pass


def _document(raw: bytes, where: str, path: str) -> Source:
    if len(raw) > _SIZE_LIMIT_BYTES:
        return _failed(where, f"too large: more than {_SIZE_LIMIT_BYTES // 2**20} MiB")
    folder, _, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    while stem and dot + suffix in _SUFFIXES:
        name = stem
        stem, dot, suffix = name.rpartition(".")
    return Source(where, name, _parts(folder or path[:1].strip(name)), raw)


@lru_cache
def _parts(folder: str) -> tuple[str, ...]:
    return PurePosixPath(folder).parts


def _failed(where: str, why: str) -> Source:
    return Source(where, "", (), b"", InputError(why, source=where))
