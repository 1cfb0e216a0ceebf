"""Recognising formats, and what happens with input that is none."""

from __future__ import annotations

import json
import struct
from importlib.resources import files
from pathlib import Path

import pytest

from snapshots import cpuid, document, rows
from streams import feed
from vcpuid.dumps import FORMATS, formats, parse_dump, read_bytes, read_dump, write_dump
from vcpuid.errors import InputError, UsageError
from vcpuid.terms.dump import Cpu, Dump, MissingRow

CPUID = b"CPU 0:\n   0x00000007 0x00: eax=0x00000000 ebx=0x029c6fbf ecx=0x40000000 edx=0xbc000600\n"
SGX_ROW = (0, 0x029C6FBF, 0x40000000, 0xBC000600)
INTEL = struct.unpack("<3I", b"GenuntelineI")


def device(*leaves: tuple[int, int, int, int]) -> bytes:
    return b"".join(struct.pack("<4I", *leaf) for leaf in leaves)


def test_names_titles_and_modules_are_unique() -> None:
    assert all(name == entry.name for name, entry in FORMATS.items())
    assert len({entry.title for entry in FORMATS.values()}) == len(FORMATS)
    modules = {Path(str(path)).stem for path in files("vcpuid.dumps").iterdir()}
    assert {entry.module for entry in FORMATS.values()} <= modules


@pytest.mark.parametrize("entry", FORMATS.values(), ids=str)
def test_every_format_has_an_example_and_a_reason(entry: formats.Format) -> None:
    assert entry.reader().EXAMPLE
    assert entry.reader().why_not("something else")
    assert entry.mark in entry.reader().EXAMPLE.lower()


@pytest.mark.parametrize("entry", [entry for entry in FORMATS.values() if not entry.is_written], ids=str)
def test_a_format_that_is_only_read_says_so(entry: formats.Format) -> None:
    with pytest.raises(UsageError, match="a format that is only read"):
        write_dump(parse_dump(CPUID, "dump.txt").dump, entry.name)


def test_an_unknown_form_tells_what_was_tried_and_why_it_failed() -> None:
    with pytest.raises(InputError) as caught:
        parse_dump(b"Processor: yes\n", "notes.txt")
    told = str(caught.value)
    assert told.startswith("notes.txt: no known form of a CPUID dump")
    for name in FORMATS:
        assert f"\n  {name}: " in told


@pytest.mark.parametrize("raw", [b"", b"\n\n  \n", b"\xef\xbb\xbf\n"])
def test_nothing_is_told_as_nothing(raw: bytes) -> None:
    with pytest.raises(InputError, match="empty"):
        parse_dump(raw, "dump.txt")


@pytest.mark.parametrize(
    "raw",
    [
        CPUID,
        CPUID.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + CPUID,
        CPUID.decode().encode("utf-16"),
        b"\xfe\xff" + CPUID.decode().encode("utf-16-be"),
        b"root@h07:~# cpuid -r # \xe2\x86\x90\n" + CPUID + b"root@h07:~#",
    ],
)
def test_text_as_shells_and_mails_leave_it(raw: bytes) -> None:
    assert parse_dump(raw, "dump.txt").dump.cpus[0].rows[7, 0] == SGX_ROW


def test_a_wrong_from_is_told_with_an_example() -> None:
    with pytest.raises(InputError) as caught:
        parse_dump(CPUID, "dump.txt", format_name="xen")
    assert caught.value.expected == f"a row like {FORMATS['xen'].reader().EXAMPLE}"
    assert "without --from" in str(caught.value.next_step)


def test_an_unknown_from_is_a_wrong_question() -> None:
    with pytest.raises(UsageError, match="no format of this name"):
        parse_dump(CPUID, "dump.txt", format_name="cpu-z")


def test_too_many_lines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_LINE_LIMIT", 10)
    with pytest.raises(InputError, match="too many lines"):
        parse_dump(CPUID * 10, "dump.txt")


def test_too_large_a_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(formats, "SIZE_LIMIT_BYTES", 64)
    path = tmp_path / "dump.txt"
    path.write_bytes(b"\n" * 65)
    with pytest.raises(InputError, match="too large"):
        read_bytes(path)


@pytest.mark.parametrize("path", ["", ".", "missing.txt", "a\0b"])
def test_what_cannot_be_read_is_told(path: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_dump(str(tmp_path / path) if path != "a\0b" else path)


def test_a_device_is_no_dump() -> None:
    with pytest.raises(InputError, match="a device, not a dump"):
        read_dump("/dev/zero")


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, CPUID)
    dump = read_dump("-")
    assert (dump.origin, dump.cpus[0].rows[7, 0]) == ("standard input", SGX_ROW)


def test_a_snapshot_is_a_dump_with_its_msrs() -> None:
    msr = {"cpus": {"1": {"0000003a": "0000000000000005"}}}
    text = json.dumps(document(cpuid=cpuid(rows(_7_0=_words(SGX_ROW)), rows()), msr=msr))
    parsed = parse_dump(text.encode(), "host.json")
    first, second = parsed.dump.cpus
    assert parsed.format.name == "snapshot"
    assert (first.rows[7, 0], dict(first.msrs), dict(second.msrs)) == (SGX_ROW, {}, {0x3A: 5})
    assert {cpu.missing for cpu in parsed.dump.cpus} == {MissingRow.ZERO}


def _words(row: tuple[int, ...]) -> str:
    return " ".join(f"{word:08x}" for word in row)


def test_a_snapshot_without_cpuid_says_why() -> None:
    text = json.dumps(document(kernel={}))
    with pytest.raises(InputError, match="a snapshot without CPUID: found not in this snapshot"):
        parse_dump(text.encode(), "host.json")


def test_bytes_of_the_device_are_leaves_in_order() -> None:
    parsed = parse_dump(device((3, *INTEL), (0x306C3, 0, 0, 0), (1, 2, 3, 4), (0, 0, 0, 0)), "cpuid.bin")
    assert parsed.format.name == "device"
    assert dict(parsed.dump.cpus[0].rows) == {
        (0, 0): (3, *INTEL),
        (1, 0): (0x306C3, 0, 0, 0),
        (2, 0): (1, 2, 3, 4),
        (3, 0): (0, 0, 0, 0),
    }


def test_bytes_of_further_ranges_follow_the_first() -> None:
    raw = device((1, *INTEL), (0x306C3, 0, 0, 0), (0x80000001, 0, 0, 0), (7, 7, 7, 7), (0x40000000, 1, 2, 3))
    rows_read = parse_dump(raw, "cpuid.bin").dump.cpus[0].rows
    assert list(rows_read) == [(0, 0), (1, 0), (0x80000000, 0), (0x80000001, 0), (0x40000000, 0)]


def test_bytes_above_the_maximum_are_leaves_above_the_maximum() -> None:
    rows_read = parse_dump(device((1, *INTEL), (5, 0, 0, 0), (5, 0, 0, 0)), "cpuid.bin").dump.cpus[0].rows
    assert list(rows_read) == [(0, 0), (1, 0), (2, 0)]


@pytest.mark.parametrize(
    "raw", [device((1, *INTEL))[:-1], device((0xFFFFFF, *INTEL)), device((1, 0, 0, 0)), b"\0" * 16]
)
def test_other_bytes_are_not_those_of_the_device(raw: bytes) -> None:
    with pytest.raises(InputError, match="no known form"):
        parse_dump(raw, "cpuid.bin")
    with pytest.raises(InputError, match="not the bytes of /dev/cpu"):
        parse_dump(raw, "cpuid.bin", format_name="device")


def test_a_dump_of_which_nothing_can_be_held_is_told() -> None:
    dump = Dump((Cpu(0, {(0x40000000, 0): (0x40000000, 0, 0, 0)}),), "guest.txt")
    with pytest.raises(InputError, match=r"guest\.txt: nothing that the format libcpuid can hold"):
        write_dump(dump, "libcpuid")
