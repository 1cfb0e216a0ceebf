"""What libvirt reads of its host's CPU: a bit elsewhere is never found there."""

from __future__ import annotations

from functools import cache

from vcpuid.atlas.tables import load_table
from vcpuid.terms.address import CpuidRegister, Word

ALWAYS_READ_MSR = 0x10A  # IA32_ARCH_CAPABILITIES, the only one that libvirt 9.0 reads
_BASES = (0, 0x80000000)
_BASE_LENGTH = 0x10000000


@cache
def _leaves() -> frozenset[int]:
    rows = load_table("gathered", f"{__file__.rpartition('/')[0]}/tables")
    return frozenset(int(row["leaf"], 16) for row in rows)


def is_gathered(word: Word) -> bool:
    """Tell whether libvirt 9.0 to 11.3 can read a word of a host; of MSRs 11.3 reads all that its map names."""
    if not isinstance(word, CpuidRegister):
        return True
    has_base = any(word.leaf - base in range(_BASE_LENGTH) for base in _BASES)
    return has_base and (word.subleaf == 0 or word.leaf in _leaves())
