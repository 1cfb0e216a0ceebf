"""What the payload writes, read back: its records (payload.s) into the CPUs that reported."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from vcpuid.errors import InputError
from vcpuid.terms.dump import Registers

_FRAME_BYTES = 3  # tag, length, check byte
_WORD_BYTES = 4

# Tag to the words of its body.
_LENGTHS = {"C": 1, "L": 6, "M": 3, "G": 1, "S": 5, "E": 0, "F": 1, "Z": 1}


class Record(NamedTuple):
    """One record: where it begins in the stream, its tag, and the words of its body."""

    offset: int
    tag: str
    words: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReportedCpu:
    """One CPU's report from inside the guest.

    Attributes:
        apic_id: Its first APIC id (CPUID.01H:EBX[31:24]).
        rows: CPUID as a reset leaves it.
        msrs: MSR index to value, of those that could be read.
        faulting_msrs: The indexes that faulted.
        cr4: The bits of CR4 that could be switched on.
        xcr0: XCR0 once all its bits were switched on that CPUID offers; 0 without XSAVE.
        xss: IA32_XSS alike.
        switched_on_rows: CPUID with these on.
    """

    apic_id: int
    rows: dict[tuple[int, int], Registers] = field(default_factory=dict)
    msrs: dict[int, int] = field(default_factory=dict)
    faulting_msrs: tuple[int, ...] = ()
    cr4: int = 0
    xcr0: int = 0
    xss: int = 0
    switched_on_rows: dict[tuple[int, int], Registers] = field(default_factory=dict)


def parse_records(stream: bytes, source: str) -> Iterator[Record]:
    """Read the records one by one.

    Raises:
        InputError: A record is damaged or cut off.
    """
    offset = 0
    while offset < len(stream):
        tag = chr(stream[offset])
        expected_words = _LENGTHS.get(tag)
        if expected_words is None:
            raise _damage(
                "what is no record", offset, source, ascii(stream[offset : offset + 24].decode("latin-1"))
            )
        end = offset + _FRAME_BYTES + expected_words * _WORD_BYTES
        if end > len(stream):
            raise _damage("a record that is cut off", offset, source, f"{len(stream) - offset} bytes")
        if stream[offset + 1] != expected_words * _WORD_BYTES:
            raise _damage(f"a record {tag} of a wrong length", offset, source, f"{stream[offset + 1]} bytes")
        if sum(stream[offset:end]) % 256:
            raise _damage(f"a record {tag} whose check byte is wrong", offset, source, stream[offset:end].hex())
        yield Record(offset, tag, struct.unpack_from(f"<{expected_words}I", stream, offset + 2))
        offset = end


def parse_report(stream: bytes, source: str) -> tuple[ReportedCpu, ...]:
    """Read a whole report: the CPUs in the order of their APIC ids.

    Raises:
        InputError: It is damaged, has no end, or tells of a fault in the guest.
    """
    cpus: list[ReportedCpu] = []
    count = 0
    current: _CpuReader | None = None
    is_over = False
    for count, record in enumerate(parse_records(stream, source)):
        if is_over:
            raise _damage("a record after the last", record.offset, source, record.tag)
        if record.tag == "F":
            found = f"{record.words[0]:#x}"
            raise InputError("the payload met a fault inside the guest", source=source, found=found)
        if record.tag == "Z":
            if record.words[0] != count or current is not None:
                raise _damage("an end that does not fit", record.offset, source, f"{record.words[0]} records")
            is_over = True
        elif record.tag == "C" and current is None:
            current = _CpuReader(record.words[0])
        elif current is None or record.tag == "C":
            raise _damage("a record out of place", record.offset, source, record.tag)
        elif record.tag == "E":
            cpus.append(current.finish(record.offset, source))
            current = None
        else:
            current.take(record, source)
    if not is_over:
        raise InputError("the report has no end", source=source, found=f"{count} records, {len(cpus)} whole CPUs")
    return tuple(sorted(cpus, key=lambda cpu: cpu.apic_id))


class _CpuReader:
    """The records of one CPU between its first and its last."""

    def __init__(self, apic_id: int) -> None:
        self._apic_id = apic_id
        self._rows: tuple[dict[tuple[int, int], Registers], ...] = ({}, {})
        self._msrs: dict[int, int] = {}
        self._faulting: list[int] = []
        self._switched_on: tuple[int, ...] | None = None

    def take(self, record: Record, source: str) -> None:
        words = record.words
        if record.tag == "L":
            leaf, subleaf, eax, ebx, ecx, edx = words
            rows = self._rows[self._switched_on is not None]
            if (leaf, subleaf) in rows:
                raise _damage("a row that comes twice", record.offset, source, f"{leaf:x}.{subleaf}")
            rows[leaf, subleaf] = (eax, ebx, ecx, edx)
        elif self._switched_on is not None:
            raise _damage("a record out of place", record.offset, source, record.tag)
        elif record.tag == "M":
            self._msrs[words[0]] = words[1] | words[2] << 32
        elif record.tag == "G":
            self._faulting.append(words[0])
        else:
            self._switched_on = words

    def finish(self, offset: int, source: str) -> ReportedCpu:
        if self._switched_on is None or not all(self._rows):
            raise _damage("a CPU that ends too early", offset, source, f"APIC id {self._apic_id}")
        cr4, xcr0_low, xcr0_high, xss_low, xss_high = self._switched_on
        return ReportedCpu(
            apic_id=self._apic_id,
            rows=self._rows[0],
            msrs=self._msrs,
            faulting_msrs=tuple(self._faulting),
            cr4=cr4,
            xcr0=xcr0_low | xcr0_high << 32,
            xss=xss_low | xss_high << 32,
            switched_on_rows=self._rows[1],
        )


def _damage(what: str, offset: int, source: str, found: str) -> InputError:
    return InputError(f"{what}, at byte {offset} of the report", source=source, found=found)
