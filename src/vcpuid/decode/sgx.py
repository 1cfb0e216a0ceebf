"""SGX: what enclaves may be, and the memory that firmware has set aside for them."""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.decode.rows import EAX, EBX, ECX, EDX, read_row
from vcpuid.terms.dump import Cpu

_LEAF, _FIRST_EPC_SUBLEAF, _VALID_SECTION = 0x12, 2, 1
_SUBLEAF_LIMIT = 64
_SIZE_LIMIT_LOG2 = 63
# Bits of subleaf 0 EAX; the gaps are reserved.
_INSTRUCTIONS = {
    0: "sgx1",
    1: "sgx2",
    5: "enclv",
    6: "encls-context",
    7: "everifyreport2",
    10: "eupdatesvn",
    11: "edeccssa",
}
# Bits of an enclave's ATTRIBUTES; the gaps are reserved.
_ATTRIBUTES = {
    0: "init",
    1: "debug",
    2: "mode64bit",
    4: "provisionkey",
    5: "einittoken_key",
    6: "cet",
    7: "kss",
    10: "aexnotify",
}
_PROTECTIONS = {
    1: "confidentiality, integrity and replay",
    2: "confidentiality",
    3: "confidentiality and integrity",
}


class EpcSection(NamedTuple):
    """A section of enclave memory.

    Attributes:
        base: Its physical address.
        size_bytes: Its size.
        protection: What its encryption protects; None for a number that has no name yet.
    """

    base: int
    size_bytes: int
    protection: str | None


class Sgx(NamedTuple):
    """What the CPU's SGX can do.

    Attributes:
        instructions: The sets of SGX instructions.
        miscselect: Bits that an enclave's MISCSELECT may have.
        max_bytes_32: Largest enclave outside 64-bit mode; None where the number makes no sense.
        max_bytes_64: Largest enclave in 64-bit mode; None where the number makes no sense.
        attributes: Bits that an enclave's ATTRIBUTES may have; None where the dump does not tell.
        attribute_names: The same, by name.
        xfrm: Bits of XCR0 that an enclave may use; None where the dump does not tell.
        sections: The enclave memory; None where no subleaf that could tell is in the dump.
    """

    instructions: tuple[str, ...]
    miscselect: int
    max_bytes_32: int | None
    max_bytes_64: int | None
    attributes: int | None
    attribute_names: tuple[str, ...]
    xfrm: int | None
    sections: tuple[EpcSection, ...] | None


def decode_sgx(cpu: Cpu) -> Sgx | None:
    """Decode leaf 12H; None where CPUID.07H:EBX[2] is clear or the dump does not have the leaf.

    Source: SDM vol. 2A, CPUID, leaf 12H; vol. 3D, chapter 34, ATTRIBUTES.
    """
    features, row = read_row(cpu, 7), read_row(cpu, _LEAF)
    if row is None or not any(row) or (features is not None and not features[EBX] >> 2 & 1):
        return None
    enclave = read_row(cpu, _LEAF, 1)
    attributes = None if enclave is None else enclave[EBX] << 32 | enclave[EAX]
    return Sgx(
        instructions=_names(_INSTRUCTIONS, row[EAX]),
        miscselect=row[EBX],
        max_bytes_32=_size(row[EDX] & 0xFF),
        max_bytes_64=_size(row[EDX] >> 8 & 0xFF),
        attributes=attributes,
        attribute_names=_names(_ATTRIBUTES, attributes or 0),
        xfrm=None if enclave is None else enclave[EDX] << 32 | enclave[ECX],
        sections=epc_sections(cpu),
    )


def _names(names: dict[int, str], value: int) -> tuple[str, ...]:
    return tuple(name for bit, name in names.items() if value >> bit & 1)


def _size(log2: int) -> int | None:
    return 1 << log2 if 0 < log2 <= _SIZE_LIMIT_LOG2 else None


def epc_sections(cpu: Cpu) -> tuple[EpcSection, ...] | None:
    """Give the sections of enclave memory; None where no subleaf that could hold one is in the dump.

    Base and size are each assembled from two registers. Source: SDM vol. 2A, CPUID, leaf 12H, subleaf 2 and up.
    """
    sections = []
    subleaf = _FIRST_EPC_SUBLEAF
    while subleaf < _SUBLEAF_LIMIT and (row := read_row(cpu, _LEAF, subleaf)) is not None:
        eax, ebx, ecx, edx = row
        if eax & 0xF == _VALID_SECTION:
            base = (ebx & 0xFFFFF) << 32 | eax & 0xFFFFF000
            size_bytes = (edx & 0xFFFFF) << 32 | ecx & 0xFFFFF000
            sections.append(EpcSection(base, size_bytes, _PROTECTIONS.get(ecx & 0xF)))
        subleaf += 1
    return tuple(sections) if sections or subleaf > _FIRST_EPC_SUBLEAF else None
