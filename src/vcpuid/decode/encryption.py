"""Encrypted memory: AMD's SME and SEV on the host, Intel's TDX inside a guest."""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.decode.rows import EAX, EBX, ECX, EDX, letters_of, read_row
from vcpuid.terms.dump import Cpu

_SEV_LEAF, _TDX_LEAF = 0x8000001F, 0x21
_TDX_SIGNATURE = "IntelTDX    "
_ABILITIES = {0: "sme", 1: "sev", 3: "sev-es", 4: "sev-snp", 5: "vmpl", 24: "vmsa-register-protection"}


class Sev(NamedTuple):
    """What memory encryption the CPU has.

    Attributes:
        abilities: `sme`, `sev`, `sev-es`, `sev-snp`...
        c_bit: The page table's bit that marks an encrypted page.
        lost_address_bits: Physical address bits that encryption takes away.
        privilege_levels: Virtual machine privilege levels.
        guests: Encrypted guests at a time.
        min_asid_without_es: The lowest ASID of a SEV guest without SEV-ES; guests with it have those below.
    """

    abilities: tuple[str, ...]
    c_bit: int
    lost_address_bits: int
    privilege_levels: int
    guests: int
    min_asid_without_es: int


def decode_sev(cpu: Cpu) -> Sev | None:
    """Decode leaf 8000001FH; None where the CPU encrypts nothing or the dump does not have the leaf.

    Source: APM vol. 3, appendix E, leaf 8000001FH.
    """
    row = read_row(cpu, _SEV_LEAF)
    if row is None or not row[EAX]:
        return None
    return Sev(
        abilities=tuple(name for bit, name in _ABILITIES.items() if row[EAX] >> bit & 1),
        c_bit=row[EBX] & 0x3F,
        lost_address_bits=row[EBX] >> 6 & 0x3F,
        privilege_levels=row[EBX] >> 12 & 0xF,
        guests=row[ECX],
        min_asid_without_es=row[EDX],
    )


def is_tdx_guest(cpu: Cpu) -> bool | None:
    """Tell whether these are the answers of a TDX guest; None where the dump does not have leaf 0.

    Source: Intel TDX module specification, CPUID leaf 21H.
    """
    if (0, 0) not in cpu.rows:
        return None
    row = read_row(cpu, _TDX_LEAF)
    return row is not None and letters_of(row[EBX], row[EDX], row[ECX]) == _TDX_SIGNATURE
