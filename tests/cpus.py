"""Hand-made CPUs for tests: a few rows, and everything else as a dump would leave it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vcpuid.terms.dump import Cpu, Dump, MissingRow, Registers

GENUINE_INTEL = (0x756E6547, 0x6C65746E, 0x49656E69)
AUTHENTIC_AMD = (0x68747541, 0x444D4163, 0x69746E65)
CENTAUR_HAULS = (0x746E6543, 0x736C7561, 0x48727561)
SHANGHAI = (0x68532020, 0x20206961, 0x68676E61)
KVM_LETTERS = (0x4B4D564B, 0x564B4D56, 0x4D)
HYPERV_LETTERS = (0x7263694D, 0x666F736F, 0x76482074)
ONES = 0xFFFFFFFF
HYPERVISOR = 1 << 31

Rows = dict[tuple[int, int], Registers]


def row(eax: int = 0, ebx: int = 0, ecx: int = 0, edx: int = 0) -> Registers:
    """Give a row."""
    return eax, ebx, ecx, edx


def cpu(
    rows: Rows | None = None,
    *,
    letters: tuple[int, int, int] = GENUINE_INTEL,
    number: int = 0,
    missing: MissingRow = MissingRow.ZERO,
    msrs: dict[int, int] | None = None,
) -> Cpu:
    """Give a CPU with these rows; the maxima cover what is there, unless the rows hold maxima of their own."""
    rows = dict(rows or {})
    leaves = {leaf for leaf, _ in rows}
    basic = max((leaf for leaf in leaves if leaf < 1 << 16), default=1)
    rows.setdefault((0, 0), (max(basic, 1), *letters))
    for base in (0x80000000, 0xC0000000, 0x80860000):
        above = [leaf for leaf in leaves if base <= leaf < base + 0x10000]
        if above:
            rows.setdefault((base, 0), row(max(above)))
    return Cpu(number, rows, msrs or {}, missing)


def dump(*cpus: Cpu, origin: str = "a test") -> Dump:
    """Give a dump."""
    return Dump(cpus, origin)


def brand_rows(text: bytes) -> Rows:
    """Give the rows that hold a brand string."""
    padded = text.ljust(48, b"\0")
    words = [int.from_bytes(padded[start : start + 4], "little") for start in range(0, 48, 4)]
    return {(0x80000002 + n, 0): (*words[4 * n : 4 * n + 4],) for n in range(3)}  # type: ignore[misc]  # of four words


def apic_rows(apic_id: int, *, threads: int = 2, cores: int = 4) -> Rows:
    """Give the rows of leaf 0BH (and of leaf 1 with them) for one CPU of a package."""
    bits = (cores - 1).bit_length() + (threads - 1).bit_length()
    return {
        (1, 0): row(0x506E3, apic_id << 24 | (threads * cores) << 16, 0, 1 << 28),
        (0xB, 0): row((threads - 1).bit_length(), threads, 0x100, apic_id),
        (0xB, 1): row(bits, threads * cores, 0x201, apic_id),
        (0xB, 2): row(0, 0, 2, apic_id),
    }


def write_cpuid_r(path: Path, *cpus: Cpu) -> Path:
    """Write CPUs to a file as `cpuid -r` does, and give its path."""
    lines: list[Any] = []
    for one in cpus:
        lines.append(f"CPU {one.number}:")
        lines += [
            f"   0x{leaf:08x} 0x{subleaf:02x}: eax=0x{eax:08x} ebx=0x{ebx:08x} ecx=0x{ecx:08x} edx=0x{edx:08x}"
            for (leaf, subleaf), (eax, ebx, ecx, edx) in sorted(one.rows.items())
        ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
