"""Which CPUID leaves and subleaves to ask: a walk that no CPU's answers, however hostile, make endless.

Also sent by itself to the child process that executes the instruction: it imports nothing but `typing`.
Sources: Intel SDM vol. 2A "CPUID"; AMD APM vol. 3 appendix E.
"""

from typing import Callable, Dict, Iterator, List, Tuple

Registers = Tuple[int, int, int, int]  # eax, ebx, ecx, edx
Read = Callable[[int, int], Registers]
Rows = Dict[Tuple[int, int], Registers]

SUBLEAF_LIMIT = 64
LEAVES_PER_RANGE = 0x100

BASIC = 0x00000000
HYPERVISOR = 0x40000000
SECOND_HYPERVISOR = 0x40000100
EXTENDED = 0x80000000
CENTAUR = 0xC0000000

_CENTAUR_VENDORS = (b"CentaurHauls", b"  Shanghai  ")


def walk(read: Read) -> Rows:
    """Ask every leaf up to each range's maximum, and every subleaf by the manuals' stop rules.

    Args:
        read: gives the four registers of a leaf and subleaf; may raise OSError.
    """
    rows: Rows = {}

    def ask(leaf: int, subleaf: int = 0) -> Registers:
        key = (leaf, subleaf)
        if key not in rows:
            rows[key] = read(leaf, subleaf)
        return rows[key]

    def ask_range(base: int, least: int = 0) -> None:
        maximum = max(ask(base)[0], base + least)
        # A range that is not there answers anything: only a maximum within it counts.
        if base <= maximum:
            for leaf in range(base + 1, min(maximum, base + LEAVES_PER_RANGE - 1) + 1):
                ask(leaf)
                for subleaf in _further_subleaves(leaf, ask):
                    ask(leaf, subleaf)

    ask_range(BASIC)
    ask_range(EXTENDED)
    if (1, 0) in rows and rows[1, 0][2] >> 31 & 1:
        # Old KVM says 0 for its maximum and means 0x40000001 (Linux Documentation/virt/kvm/x86/cpuid.rst).
        ask_range(HYPERVISOR, least=1)
        # A second interface beside Hyper-V's (KVM's or Xen's) begins at the next multiple of 0x100.
        signature = read(SECOND_HYPERVISOR, 0)
        if SECOND_HYPERVISOR < signature[0] < SECOND_HYPERVISOR + LEAVES_PER_RANGE:
            ask_range(SECOND_HYPERVISOR)
    if _vendor(rows[BASIC, 0]) in _CENTAUR_VENDORS:
        ask_range(CENTAUR)
    return rows


def _vendor(registers: Registers) -> bytes:
    return b"".join(registers[index].to_bytes(4, "little") for index in (1, 3, 2))


Ask = Callable[..., Registers]


def _bits(mask: int, first: int = 1, last: int = 63) -> List[int]:
    return [bit for bit in range(first, last + 1) if mask >> bit & 1]


def _further_subleaves(leaf: int, ask: Ask) -> Iterator[int]:
    """Yield the subleaves of a leaf after 0; each is asked before the next is decided."""
    zero = ask(leaf, 0)
    if leaf in COUNTED_LEAVES:
        yield from range(1, min(zero[0], SUBLEAF_LIMIT - 1) + 1)
    elif leaf in BITMAP_LEAVES:
        yield from _bits(zero[BITMAP_LEAVES[leaf]], last=31)
    elif leaf in TERMINATED_LEAVES:
        yield from _until_terminator(leaf, ask)
    elif leaf == 0xD:
        yield 1
        one = ask(leaf, 1)
        yield from _bits(zero[0] | zero[3] << 32 | one[2] | one[3] << 32, first=2)
    elif leaf == 0x12 and ask(7)[1] >> 2 & 1:
        yield 1
        yield from _epc_sections(ask)


def _until_terminator(leaf: int, ask: Ask) -> Iterator[int]:
    if leaf == 0x8000001D and not ask(0x80000001)[2] >> 22 & 1:
        return  # without TOPOEXT the leaf is reserved
    register, mask = TERMINATED_LEAVES[leaf]
    for subleaf in range(1, SUBLEAF_LIMIT):
        if not ask(leaf, subleaf - 1)[register] & mask:
            return
        yield subleaf


def _epc_sections(ask: Ask) -> Iterator[int]:
    for subleaf in range(2, SUBLEAF_LIMIT):
        yield subleaf
        if not ask(0x12, subleaf)[0] & 0xF:
            return


# Subleaf 0's EAX is the highest subleaf.
COUNTED_LEAVES = frozenset([0x7, 0x14, 0x17, 0x18, 0x1D, 0x1E, 0x20, 0x24])
# The register (0 is EAX) that says by these bits whether the subleaf after this one is asked: the one that ends
# the list is kept.
TERMINATED_LEAVES = {
    0x4: (0, 0x1F),
    0xB: (2, 0xFF00),
    0x1B: (0, 0xFFF),
    0x1F: (2, 0xFF00),
    0x8000001D: (0, 0x1F),
    0x80000026: (2, 0xFF00),
}
# The register (0 is EAX) of subleaf 0 whose bits 1 to 31 name the subleaves.
BITMAP_LEAVES = {0xF: 3, 0x10: 1, 0x23: 0, 0x80000020: 1}
