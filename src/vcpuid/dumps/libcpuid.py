"""The raw data of libcpuid: `cpuid_tool --save=FILE`.

A row is `basic_cpuid[7]=00000001 f1bf07ab 00405fc6 00000010`; the index is decimal and counts leaves in some
arrays, subleaves of one leaf in others. The arrays are short: few leaves have subleaves here, and nothing at
40000000H is kept. Some leaves stand in two arrays; the one with subleaves counts: the other does not say its
subleaf. Newer versions have parts for each CPU.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from vcpuid.dumps.assembly import Aside, CpuHead, Damage, Entry, Row
from vcpuid.dumps.lines import LineFormat
from vcpuid.terms.dump import Cpu, Dump

EXAMPLE = "basic_cpuid[7]=00000000 029c6fbf 40000000 bc000600"

# Array to its first leaf and its length, for arrays of leaves and for arrays of one leaf's subleaves
# (as cpuid_tool 0.6.2 writes them; the last one is of newer versions).
_LEAF_ARRAYS = {"basic_cpuid": (0x0, 32), "ext_cpuid": (0x80000000, 32)}
_SUBLEAF_ARRAYS = {
    "intel_fn4": (0x4, 8),
    "intel_fn11": (0xB, 4),
    "intel_fn12h": (0x12, 4),
    "intel_fn14h": (0x14, 4),
    "amd_fn8000001dh": (0x8000001D, 4),
    "amd_fn80000026h": (0x80000026, 4),
}
_SUBLEAF_LEAVES = {leaf for leaf, _ in _SUBLEAF_ARRAYS.values()}
_WRITTEN_VERSION = "0.6.2"

_WORD = "([0-9a-f]{8})"
_ROW = re.compile(
    rf"[\s>]*+([a-z0-9_]+)\[(\d{{1,3}})\]\s*+=\s*+{_WORD}\s++{_WORD}\s++{_WORD}\s++{_WORD}\s*+", re.IGNORECASE
)
_MEANT_AS_ROW = re.compile(
    r"[\s>]*+\w++\[\d++\]?\s*+=|[\s>]*+(?:(?:basic|ext)_cpuid|(?:intel|amd)_fn)|.*(?:_cpuid|_fn\w{1,10})\["
)
_HEAD = re.compile(r"[\s>]*+_++ Logical CPU #(\d{1,9}) _++\s*+")
_MEANT_AS_HEAD = re.compile(r"[\s>]*+_++\s*+Logical CPU", re.IGNORECASE)
_LOOK = re.compile(rf"^[ \t>]*+(?:basic|ext)_cpuid\[\d{{1,3}}\]\s*+=\s*+{_WORD}", re.MULTILINE)


def _classify(line: str) -> Entry:
    if match := _ROW.fullmatch(line):
        array, digits, eax, ebx, ecx, edx = match.groups()
        index = int(digits)
        registers = (int(eax, 16), int(ebx, 16), int(ecx, 16), int(edx, 16))
        if array in _LEAF_ARRAYS:
            leaf = _LEAF_ARRAYS[array][0] + index
            return Row(leaf, 0, registers) if leaf not in _SUBLEAF_LEAVES else Aside()
        if array in _SUBLEAF_ARRAYS:
            return Row(_SUBLEAF_ARRAYS[array][0], index, registers)
        return Damage(f"an array that libcpuid has: {', '.join([*_LEAF_ARRAYS, *_SUBLEAF_ARRAYS])}")
    if match := _HEAD.fullmatch(line):
        return CpuHead(int(match[1]))
    return (
        Damage("a heading like _________________ Logical CPU #0 _________________")
        if _MEANT_AS_HEAD.match(line)
        else None
    )


_LINES = LineFormat(EXAMPLE, _LOOK, _MEANT_AS_ROW, _classify)
why_not, parse = _LINES.why_not, _LINES.parse


def keep(dump: Dump) -> Dump:
    """Give the part of a dump that this format can hold."""
    cpus = []
    for cpu in dump.cpus:
        rows = {key: registers for key, registers in cpu.rows.items() if _array_of(*key)}
        if rows:
            cpus.append(Cpu(cpu.number, rows))
    return replace(dump, cpus=tuple(cpus))


def _array_of(leaf: int, subleaf: int) -> str | None:
    for array, (its_leaf, length) in _SUBLEAF_ARRAYS.items():
        if leaf == its_leaf:
            return f"{array}[{subleaf}]" if subleaf < length else None
    for array, (first, length) in _LEAF_ARRAYS.items():
        if first <= leaf < first + length and subleaf == 0:
            return f"{array}[{leaf - first}]"
    return None


def write(dump: Dump) -> str:
    """Write raw data as `cpuid_tool --save` does; `cpuid_tool --load=FILE` reads it."""
    return "\n".join(
        [f"version={_WRITTEN_VERSION}", *(line for cpu in keep(dump).cpus for line in _write_cpu(cpu)), ""]
    )


def _write_cpu(cpu: Cpu) -> Iterator[str]:
    yield f"\n_________________ Logical CPU #{cpu.number} _________________"
    leaves, subleaves = [], []
    for key, registers in sorted(cpu.rows.items()):
        words = " ".join(f"{register:08x}" for register in registers)
        leaf, subleaf = key
        if leaf not in _SUBLEAF_LEAVES:
            leaves.append(f"{_array_of(*key)}={words}")
            continue
        subleaves.append(f"{_array_of(*key)}={words}")
        for array, (first, length) in _LEAF_ARRAYS.items():
            if subleaf == 0 and first <= leaf < first + length:
                leaves.append(f"{array}[{leaf - first}]={words}")
    yield from leaves
    yield from subleaves
