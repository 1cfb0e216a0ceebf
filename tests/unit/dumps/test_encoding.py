"""Compressed files and the encodings of systems, within bounds."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable

import pytest

from vcpuid.dumps import encoding, parse_dump
from vcpuid.errors import InputError

CPUID = b"CPU:\n   0x00000007 0x00: eax=0x00000000 ebx=0x029c6fbf ecx=0x40000000 edx=0xbc000600\n"
ROW = (0, 0x029C6FBF, 0x40000000, 0xBC000600)
PACKERS = [gzip.compress, lzma.compress, bz2.compress]
Pack = Callable[[bytes], bytes]


@pytest.mark.parametrize("pack", PACKERS)
def test_compressed_files_are_read(pack: Pack) -> None:
    assert parse_dump(pack(CPUID), "dump").dump.cpus[0].rows == {(7, 0): ROW}


@pytest.mark.parametrize("pack", PACKERS)
def test_several_streams_are_one_file(pack: Pack) -> None:
    raw = pack(CPUID[:20]) + pack(CPUID[20:])
    assert parse_dump(raw, "dump").dump.cpus[0].rows == {(7, 0): ROW}


@pytest.mark.parametrize("pack", PACKERS)
def test_a_compressed_file_has_the_limit_of_every_file(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "SIZE_LIMIT_BYTES", 2**20)
    with pytest.raises(InputError, match=r"^bomb: too large for a dump: expected at most 1 MiB"):
        parse_dump(pack(bytes(2**24)), "bomb")
    with pytest.raises(InputError, match="too large for a dump"):
        parse_dump(pack(bytes(2**19)) * 3, "bomb")


@pytest.mark.parametrize("pack", PACKERS)
def test_damaged_compressed_files_are_told(pack: Pack) -> None:
    packed = pack(CPUID)
    with pytest.raises(InputError, match="compressed data without its end"):
        parse_dump(packed[:-1], "dump")
    with pytest.raises(InputError, match="damaged compressed data"):
        parse_dump(packed[:24] + bytes(8) + packed[32:], "dump")


def test_so_many_streams_end() -> None:
    assert len(encoding.decode_text(gzip.compress(b"x") * 100, "dump")) == 16


@pytest.mark.parametrize("magic", [b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd"])
def test_an_archive_is_no_dump_though_its_text_shows_through(magic: bytes) -> None:
    with pytest.raises(InputError, match="no dump: found ") as caught:
        parse_dump(magic + b"\n" + CPUID, "dump")
    assert caught.value.next_step == "Unpack it first."


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("name", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings_of_systems(mark: str, name: str, newline: str) -> None:
    text = mark + CPUID.decode().replace("\n", newline)
    assert parse_dump(text.encode(name), "dump").dump.cpus[0].rows == {(7, 0): ROW}


@pytest.mark.parametrize("name", ["utf-32-le", "utf-32-be"])
def test_utf_32_needs_its_mark(name: str) -> None:
    assert parse_dump(("\ufeff" + CPUID.decode()).encode(name), "dump").dump.cpus[0].rows == {(7, 0): ROW}
