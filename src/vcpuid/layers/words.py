"""The words that hold a feature's bits: whether all are set, and how to show that."""

from __future__ import annotations

from collections.abc import Iterable

from vcpuid.terms.address import CpuidRegister, MsrRegister, Word
from vcpuid.terms.dump import Cpu
from vcpuid.terms.feature import Feature
from vcpuid.terms.verdict import Provenance

_HYPERVISOR_LEAVES = range(0x40000000, 0x50000000)


def has_all(cpu: Cpu, feature: Feature) -> bool | None:
    """Tell whether a CPU has all of a feature's bits: one clear bit decides, one unknown leaves it open."""
    found = [cpu.has(bits) for bits in feature.bits]
    if False in found:
        return False
    return None if None in found or not found else True


def words_of(feature: Feature) -> tuple[Word, ...]:
    """Give the words that the feature's bits lie in, each once."""
    return tuple(dict.fromkeys(bits.word for bits in feature.bits))


def has_msr_bits(feature: Feature) -> bool:
    """Tell whether some of the feature's bits are MSR bits."""
    return any(isinstance(word, MsrRegister) for word in words_of(feature))


def is_paravirtual(feature: Feature) -> bool:
    """Tell whether a hypervisor invents the feature (leaves 0x4000xxxx): no silicon has it."""
    return any(isinstance(word, CpuidRegister) and word.leaf in _HYPERVISOR_LEAVES for word in words_of(feature))


def show_word(word: Word, value: int | None) -> str:
    """Give a word's value in a few letters, as in `07H.0 ebx=029c6fbf`."""
    text = "unknown" if value is None else f"{value:0{word.width // 4}x}"
    if isinstance(word, MsrRegister):
        return f"MSR {word.index:X}H={text}"
    place = str(word).removeprefix("CPUID.").partition(":")[0]
    return f"{place} {word.register.value}={text}"


def show_words(cpu: Cpu, feature: Feature) -> str:
    """Give the values of all words that matter to a feature."""
    return ", ".join(show_word(word, cpu.read(word)) for word in words_of(feature))


def word_evidence(source: str, cpu: Cpu, feature: Feature) -> Iterable[Provenance]:
    """Give the provenance of each word that matters to a feature."""
    return (Provenance(source, f"{word} {show_word(word, cpu.read(word))}") for word in words_of(feature))
