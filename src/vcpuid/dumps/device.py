"""Bytes of /dev/cpu/N/cpuid, as `dd if=/dev/cpu/0/cpuid bs=16 count=32` gives them: records without a number.

A record is EAX, EBX, ECX and EDX, little-endian. The device counts leaves, not bytes: records that follow each
other are leaves that follow each other, from leaf 0. Records of a further range (40000000H, 80000000H, C0000000H)
may follow: the first of them tells its range by its maximum leaf in EAX.
"""

from __future__ import annotations

import struct

from vcpuid.dumps.assembly import Assembly, Row
from vcpuid.dumps.remarks import Remarks
from vcpuid.errors import InputError
from vcpuid.terms.dump import Dump, Registers

EXAMPLE = "records of 16 bytes, the first of leaf 0"

_RECORD_BYTES = 16
_RECORD_LIMIT = 4096
_LARGEST_RANGE = 0x1FF
_LATER_RANGES = (0x40000000, 0x80000000, 0xC0000000)
_PRINTABLE = range(0x20, 0x7F)


def why_not(head: str) -> str | None:
    """Tell why these are no such bytes, or None where they look like them."""
    if "\0" not in head or max(head) > "\xff":
        return "it is text"
    if len(head) % _RECORD_BYTES or len(head) > _RECORD_LIMIT * _RECORD_BYTES:
        return f"{len(head)} bytes are no whole number of 16-byte records, up to {_RECORD_LIMIT}"
    maximum = struct.unpack_from("<I", head[:4].encode("latin-1"))[0]
    if maximum > _LARGEST_RANGE or any(ord(letter) not in _PRINTABLE for letter in head[4:_RECORD_BYTES]):
        return "the first 16 bytes are no leaf 0: a maximum leaf and twelve letters"
    return None


def parse(text: str, remarks: Remarks) -> Dump:
    """Read the records, of which each character is a byte; a row that is not in it is unknown.

    Raises:
        InputError: The bytes are no such records.
    """
    if reason := why_not(text):
        raise InputError(
            "not the bytes of /dev/cpu/N/cpuid", source=remarks.source, found=reason, expected=EXAMPLE
        )
    assembly = Assembly(remarks)
    leaf, last = 0, None
    for registers in struct.iter_unpack("<4I", text.encode("latin-1")):
        row: Registers = registers
        if last is not None and leaf > last and (base := _range_of(row[0])) is not None:
            leaf, last = base, None
        if last is None:
            last = row[0]
        assembly.add_row(Row(leaf, 0, row))
        leaf += 1
    return assembly.build()


def _range_of(maximum: int) -> int | None:
    return next((base for base in _LATER_RANGES if base <= maximum <= base + _LARGEST_RANGE), None)
