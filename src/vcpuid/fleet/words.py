"""The words that a fleet store keeps of a CPU: those that have features, and those that say which CPU it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from vcpuid.atlas import Atlas
from vcpuid.decode.dynamic import CAUSES_OF_THE_ASKER, Cause, dynamic_fields, stable_rows
from vcpuid.terms.address import CpuidRegister, MsrRegister, Register, Word
from vcpuid.terms.dump import COUNTED_LEAVES, Cpu, MissingRow, Registers

Words = Mapping[Word, int]
"""Word to value; a word that is not here was not told."""

# Vendor, signature, and the maxima by which a leaf or subleaf exists.
_IDENTITY = (
    *(CpuidRegister(0, 0, register) for register in Register),
    CpuidRegister(1, 0, Register.EAX),
    CpuidRegister(0x80000000, 0, Register.EAX),
    *(CpuidRegister(leaf, 0, Register.EAX) for leaf in sorted(COUNTED_LEAVES)),
)
_SIGN = 1 << 63


@cache
def kept_words() -> tuple[Word, ...]:
    """Give the words in the order of their columns."""
    named = {bits.word for feature in Atlas.load().features() for bits in feature.bits}
    return tuple(sorted({*named, *_IDENTITY}, key=lambda word: word.order))


@cache
def column_of(word: Word) -> str:
    """Give the name of a word's column, as in `w_7_0_ebx` or `w_msr_10a`."""
    return f"w_{word.plain.replace('.', '_')}"


def words_of(cpus: Iterable[Cpu]) -> Words:
    """Give what all CPUs of a machine have, without the bits that differ by core or by moment.

    A word that one CPU does not tell is left out. The words that identify are the first CPU's. What firmware
    has switched off stays off: it is so on all cores until the firmware changes, and that is to be seen.
    """
    return _common([Cpu(cpu.number, _lasting_rows(cpu), cpu.msrs, cpu.missing) for cpu in cpus])


def _lasting_rows(cpu: Cpu) -> dict[tuple[int, int], Registers]:
    rows = stable_rows(cpu)
    for (key, position), mask in _firmware_masks().items():
        if key in rows:
            kept = list(rows[key])
            kept[position] |= cpu.rows[key][position] & mask
            rows[key] = _registers(kept)
    return rows


@cache
def _firmware_masks() -> dict[tuple[tuple[int, int], int], int]:
    """Give the bits that firmware switches, by row and position."""
    masks: dict[tuple[tuple[int, int], int], int] = {}
    for field in dynamic_fields():
        if field.cause is Cause.FIRMWARE:
            for subleaf in range(field.subleaves[0], field.subleaves[1] + 1):
                place = ((field.leaf, subleaf), field.position)
                masks[place] = masks.get(place, 0) | field.mask
    return masks


def listed_words(cpu: Cpu) -> Words:
    """Give the words of a list, such as KVM's, without what it takes over from the core that asked."""
    return _common([Cpu(cpu.number, stable_rows(cpu, CAUSES_OF_THE_ASKER), cpu.msrs, cpu.missing)])


def _common(cpus: list[Cpu]) -> Words:
    words: dict[Word, int] = {}
    for word in kept_words():
        value = cpus[0].read(word)
        if not identifies(word):
            for cpu in cpus[1:]:
                other = cpu.read(word)
                value = None if value is None or other is None else value & other
        if value is not None:
            words[word] = value
    return words


@cache
def identifies(word: Word) -> bool:
    """Tell whether a word says which CPU it is, and has no features."""
    return word in _IDENTITY


def cpu_of(words: Words) -> Cpu:
    """Give a CPU that answers with these words; what was not told stays unknown."""
    rows: dict[tuple[int, int], list[int]] = {}
    msrs: dict[int, int] = {}
    for word, value in words.items():
        if isinstance(word, MsrRegister):
            msrs[word.index] = value
        else:
            rows.setdefault((word.leaf, word.subleaf), [0, 0, 0, 0])[word.register.position] = value
    return Cpu(0, {key: _registers(row) for key, row in rows.items()}, msrs, MissingRow.UNKNOWN)


def _registers(row: list[int]) -> Registers:
    return row[0], row[1], row[2], row[3]


def to_signed(value: int) -> int:
    """Give the signed number of 64 bits that engines store, all of which know that type."""
    return value - (_SIGN << 1) if value & _SIGN else value


def from_signed(value: int) -> int:
    """Give the bits of a stored number."""
    return value & (_SIGN << 1) - 1
