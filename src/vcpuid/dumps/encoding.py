"""From bytes to text: compressed files, and the encodings that systems write."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Protocol

from vcpuid.errors import InputError

SIZE_LIMIT_BYTES = 64 * 1024 * 1024
_MEMORY_LIMIT_BYTES = 256 * 1024 * 1024
_SAMPLE_BYTES = 64
_STREAM_LIMIT = 16
_GZIP, _XZ, _BZIP2 = b"\x1f\x8b", b"\xfd7zXZ\0", b"BZh"
_ARCHIVES = {
    b"PK\x03\x04": "a ZIP archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "data compressed by zstd",
}
_ZLIB_GZIP = 31  # zlib's wbits for a gzip file with a window of any size

# A byte order mark to the encoding without it. The longer ones go first: UTF-32's begins as UTF-16's.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    codecs.BOM_UTF8: "latin-1",
}


class _Unpacker(Protocol):
    """What the decompressors of zlib, lzma and bz2 have in common."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def unused_data(self) -> bytes:
        """What follows the stream."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Give at most so many bytes."""


def decode_text(raw: bytes, source: str) -> str:
    """Make text of bytes: every format is ASCII, whatever else strays in is kept as it is.

    Raises:
        InputError: It is an archive, or compressed and damaged or too large.
    """
    raw = _unpack(raw, source)
    for mark, encoding in _MARKS.items():
        if raw.startswith(mark):
            text = raw[len(mark) :].decode(encoding, errors="replace")
            break
    else:
        text = raw.decode(_guess(raw), errors="replace")
    return text if "\0" in text else text.replace("\r\n", "\n")


def _guess(raw: bytes) -> str:
    """Tell UTF-16 without its mark, as Windows programs write it, by every other byte being zero."""
    head = raw[: min(len(raw) // 2 * 2, _SAMPLE_BYTES)]
    for encoding, zeros, letters in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if head and not any(zeros) and all(letters):
            return encoding
    return "latin-1"


def too_large(source: str) -> InputError:
    """Give the error for more bytes than a dump has."""
    return InputError("too large for a dump", source=source, expected=f"at most {SIZE_LIMIT_BYTES // 2**20} MiB")


def _unpack(raw: bytes, source: str) -> bytes:
    """Give the content of a compressed file, or the bytes as they are.

    Archives are refused: they may hold several files.
    """
    if raw.startswith(_GZIP):
        import zlib  # noqa: PLC0415 - only compressed files need it

        return _unpack_by(lambda: zlib.decompressobj(_ZLIB_GZIP), _GZIP, zlib.error, raw, source)
    if raw.startswith(_XZ):
        import lzma  # noqa: PLC0415

        return _unpack_by(
            lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY_LIMIT_BYTES),
            _XZ,
            lzma.LZMAError,
            raw,
            source,
        )
    if raw.startswith(_BZIP2):
        import bz2  # noqa: PLC0415

        return _unpack_by(bz2.BZ2Decompressor, _BZIP2, OSError, raw, source)
    if archive := next((what for magic, what in _ARCHIVES.items() if raw.startswith(magic)), None):
        raise InputError("no dump", source=source, found=archive, next_step="Unpack it first.")
    return raw


def _unpack_by(
    begin: Callable[[], _Unpacker], magic: bytes, fault: type[Exception], raw: bytes, source: str
) -> bytes:
    """Unpack the streams of a file, which may be several, one after the other."""
    unpacked, rest = b"", raw
    for _ in range(_STREAM_LIMIT):
        unpacker = begin()
        try:
            unpacked += unpacker.decompress(rest, SIZE_LIMIT_BYTES + 1 - len(unpacked))
        except fault:
            raise InputError("damaged compressed data", source=source, next_step="Copy the file anew.") from None
        if len(unpacked) > SIZE_LIMIT_BYTES:
            raise too_large(source)
        if not unpacker.eof:
            raise InputError("compressed data without its end", source=source, next_step="Copy the file anew.")
        rest = unpacker.unused_data
        if not rest.startswith(magic):
            break
    return unpacked
