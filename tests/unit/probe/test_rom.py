"""The ROM: its tables as the payload reads them, and the payload as its source makes it."""

from __future__ import annotations

import struct
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

import vcpuid.probe.rom
from programs import needs
from vcpuid.gather import cpuid_walk
from vcpuid.gather.msr import BY_VENDOR
from vcpuid.probe.rom import CPU_LIMIT, SIZE_BYTES, load_msrs, load_switches, make_rom, read_payload
from vcpuid.terms.guest import Accelerator

SOURCE = Path(vcpuid.probe.rom.__file__).parent / "payload.s"
HEAD_WORDS, RULE_WORDS, RANGE_WORDS, SWITCH_WORDS = 5, 9, 2, 9
RESET_VECTOR = SIZE_BYTES - 16
JUMPS = (0xE9, 0xEB)  # near and short


def constants() -> dict[str, int]:
    """The numbers that payload.s gives names to."""
    found = {}
    for line in SOURCE.read_text(encoding="ascii").splitlines():
        words = line.partition("#")[0].replace(",", " ").split()
        if words[:1] == [".set"] and len(words) == 3:
            found[words[1]] = int(words[2], 0)
    return found


@needs("as", package="binutils")
@needs("ld", package="binutils")
def test_the_payload_is_what_its_source_makes(tmp_path: Path) -> None:
    """Assemble it with the commands that its head names."""
    (command,) = (
        line for line in SOURCE.read_text(encoding="ascii").splitlines() if line.startswith("# Assemble")
    )
    (tmp_path / "payload.s").write_bytes(SOURCE.read_bytes())
    for part in command.partition(":")[2].split(";"):
        subprocess.run(part.split(), cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "payload.bin").read_bytes() == read_payload()


def test_the_payload_stands_at_the_top() -> None:
    rom = make_rom(1, Accelerator.TCG)
    assert len(rom) == SIZE_BYTES
    assert rom.endswith(read_payload())
    assert rom[RESET_VECTOR] in JUMPS


def test_the_tables_are_those_of_the_collector() -> None:
    rom = make_rom(3, Accelerator.KVM)
    cpus, ranges, rules, msrs, switches = struct.unpack_from("<5I", rom)
    assert (cpus, msrs, switches) == (3, len(load_msrs()), len(load_switches()))
    words = struct.unpack_from(f"<{rules * RULE_WORDS}I", rom, HEAD_WORDS * 4)
    leaves = set(words[::RULE_WORDS])
    assert leaves == {
        *cpuid_walk.COUNTED_LEAVES,
        *cpuid_walk.BITMAP_LEAVES,
        *cpuid_walk.TERMINATED_LEAVES,
        0xD,
        0x12,
    }
    ends = HEAD_WORDS + rules * RULE_WORDS + ranges * RANGE_WORDS + msrs + switches * SWITCH_WORDS
    assert set(rom[ends * 4 : -len(read_payload())]) == {0xFF}


def test_payload_and_tables_agree_on_sizes_and_limits() -> None:
    names = constants()
    assert names["PAYLOAD_SIZE"] == len(read_payload())
    assert names["PAYLOAD"] + names["PAYLOAD_SIZE"] == 1 << 32
    assert names["RULE_SIZE"] == RULE_WORDS * 4
    assert names["RANGE_SIZE"] == RANGE_WORDS * 4
    assert names["SWITCH_SIZE"] == SWITCH_WORDS * 4
    assert names["LAST_SUBLEAF"] == cpuid_walk.SUBLEAF_LIMIT - 1
    assert names["LEAVES_PER_RANGE"] == cpuid_walk.LEAVES_PER_RANGE


def test_tcg_gets_conditions_of_its_own() -> None:
    assert make_rom(1, Accelerator.TCG) != make_rom(1, Accelerator.KVM)


@pytest.mark.parametrize("count", [0, CPU_LIMIT + 1, -1])
def test_cpus_that_cannot_be_woken(count: int) -> None:
    with pytest.raises(ValueError, match="can be asked"):
        make_rom(count, Accelerator.TCG)


def test_the_tables_are_in_order() -> None:
    assert all(one < other for one, other in pairwise(load_msrs()))
    assert all(one.cr4_bit < other.cr4_bit for one, other in pairwise(load_switches()))


def test_every_msr_of_the_collector_is_asked_but_amds_overrides() -> None:
    """The registers that override CPUID are the host firmware's: no guest has them."""
    collected = {index for indexes in BY_VENDOR.values() for index in indexes}
    assert collected - set(load_msrs()) == {0xC0011002, 0xC0011004, 0xC0011005}
