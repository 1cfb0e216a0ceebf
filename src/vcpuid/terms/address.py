"""Where a bit lives: a CPUID register or an MSR, and the ways in which people write that."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from vcpuid.errors import UsageError
from vcpuid.terms.msr_names import MSR_INDEXES


class Register(Enum):
    """An output register of the CPUID instruction."""

    EAX = "eax"
    EBX = "ebx"
    ECX = "ecx"
    EDX = "edx"

    position: int
    """The register's place in a row `eax ebx ecx edx`, from 0."""

    def __init__(self, name: str) -> None:
        self.position = "abcd".index(name[1])


# Leaves whose answer depends on ECX (Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E).
LEAVES_WITH_SUBLEAVES = frozenset(
    int(leaf, 16)
    for leaf in [
        "4",
        "7",
        "b",
        "d",
        "f",
        "10",
        "12",
        "14",
        "17",
        "18",
        "1b",
        "1d",
        "1e",
        "1f",
        "20",
        "23",
        "24",
        "27",
        "28",
        "29",
        "8000001d",
        "80000020",
        "80000026",
    ]
)


@dataclass(frozen=True, slots=True)
class CpuidRegister:
    """One 32-bit output register of one leaf and subleaf; leaves without subleaves use subleaf 0."""

    leaf: int
    subleaf: int
    register: Register

    width = 32

    def __str__(self) -> str:
        """Give the manuals' short form, as in `CPUID.07H.0:EBX` or `CPUID.01H:ECX`."""
        subleaf = f".{self.subleaf}" if self.leaf in LEAVES_WITH_SUBLEAVES else ""
        return f"CPUID.{self.leaf:02X}H{subleaf}:{self.register.name}"

    @property
    def manual(self) -> str:
        """The manuals' long form, with the values of EAX and ECX in parentheses."""
        if self.leaf not in LEAVES_WITH_SUBLEAVES:
            return f"CPUID.{self.leaf:02X}H:{self.register.name}"
        return f"CPUID.(EAX={self.leaf:02X}H,ECX={self.subleaf}):{self.register.name}"

    @property
    def plain(self) -> str:
        """The form of our tables, as in `7.0.ebx`."""
        return f"{self.leaf:x}.{self.subleaf}.{self.register.value}"

    @property
    def order(self) -> tuple[int, ...]:
        """A sort key, by which leaves ascend and MSRs come after them."""
        return (0, self.leaf, self.subleaf, self.register.position)


@dataclass(frozen=True, slots=True)
class MsrRegister:
    """One 64-bit model-specific register."""

    index: int

    width = 64

    def __str__(self) -> str:
        """Give the form `MSR 3AH`."""
        return f"MSR {self.index:X}H"

    @property
    def manual(self) -> str:
        """The same as the short form, since the manuals have one way to write an MSR."""
        return str(self)

    @property
    def plain(self) -> str:
        """The form of our tables, as in `msr.3a`."""
        return f"msr.{self.index:x}"

    @property
    def order(self) -> tuple[int, ...]:
        """A sort key, by which leaves ascend and MSRs come after them."""
        return (1, self.index)


Word = CpuidRegister | MsrRegister


@dataclass(frozen=True, slots=True)
class Bits:
    """Neighbouring bits of one word, `low` to `high`, both included; a single bit has `low == high`."""

    word: Word
    low: int
    high: int

    @property
    def mask(self) -> int:
        """The bits as a mask within their word."""
        return ((1 << (self.high - self.low + 1)) - 1) << self.low

    def _indexed(self, word: str) -> str:
        return f"{word}[{self.low}]" if self.low == self.high else f"{word}[{self.high}:{self.low}]"

    def __str__(self) -> str:
        """Give the manuals' short form, as in `CPUID.07H.0:EBX[2]` or `MSR 10AH[0]`."""
        return self._indexed(str(self.word))

    @property
    def manual(self) -> str:
        """The manuals' long form, with the values of EAX and ECX in parentheses."""
        return self._indexed(self.word.manual)

    @property
    def plain(self) -> str:
        """The form of our tables, as in `7.0.ebx.2`, `d.0.eax.17-18` or `msr.10a.0`."""
        tail = str(self.low) if self.low == self.high else f"{self.low}-{self.high}"
        return f"{self.word.plain}.{tail}"

    @property
    def order(self) -> tuple[int, ...]:
        """A sort key, by leaf, subleaf, register and bit, MSRs last."""
        return (*self.word.order, self.low, self.high)


class WordValue(NamedTuple):
    """A word together with the value that somebody read in it."""

    word: Word
    value: int


class NamedBit(NamedTuple):
    """A bit that a text calls by name, and where that text says it is, as manuals and QEMU's messages do.

    Attributes:
        name: The name, in lower case.
        word: The register or MSR; subleaf 0 where the text tells none.
        bit: The bit, or None where the name alone tells it.
        tells_subleaf: Whether the text tells the subleaf; messages of QEMU 10.1 and earlier hide it.
    """

    name: str
    word: Word
    bit: int | None
    tells_subleaf: bool

    def fits(self, bits: Bits) -> bool:
        """Tell whether the place is that of a bit: in any subleaf if none is told, VMX controls modulo 32.

        QEMU numbers VMX controls without the 32 of their allowed-1 half.
        """
        if isinstance(self.word, CpuidRegister) and isinstance(bits.word, CpuidRegister):
            ours, theirs = self.word, bits.word
            same_word = ours.leaf == theirs.leaf and ours.register is theirs.register
            return same_word and self.bit in (None, bits.low) and (not self.tells_subleaf or ours == theirs)
        numbers = (None, bits.low, bits.low - 32) if self.word in VMX_CONTROLS else (None, bits.low)
        return self.word == bits.word and self.bit in numbers


# IA32_VMX_PROCBASED_CTLS2 and the four IA32_VMX_TRUE_..._CTLS: allowed-0 settings low, allowed-1 settings high
# (Intel SDM vol. 3D, appendix A).
VMX_CONTROLS = frozenset(MsrRegister(index) for index in (0x48B, 0x48D, 0x48E, 0x48F, 0x490))

# Bounded, so that no text of strangers becomes a number of a thousand digits.
_NUMBER = r"(?:0x[0-9a-f]{1,16}|[0-9a-f]{1,16}h?)"
_SUBLEAF = r"(?P<subleaf>0x[0-9a-f]{1,8}|\d{1,10})"
_MARKED_SUBLEAF = r"(?P<subleaf>[0-9a-f]{1,8}h|0x[0-9a-f]{1,8}|\d{1,10})"
_BIT = r"(?:0x[0-9a-f]{1,2}|\d{1,3})"
_REGISTER = r"(?P<register>e[abcd]x)"
_CPUID_FORMS = (
    # 7.0.ebx   0x12.1.eax   80000008.ebx   CPUID.07H.0:EBX   CPUID.07H:EBX
    rf"(?:cpuid[. ])?(?P<leaf>{_NUMBER})(?:\.{_SUBLEAF})?[.:]{_REGISTER}",
    # CPUID.(EAX=07H,ECX=0):EBX   CPUID[eax=07h,ecx=00h].EBX (QEMU's messages)
    rf"cpuid\.?[(\[]eax=(?P<leaf>{_NUMBER})(?:,ecx={_MARKED_SUBLEAF})?[)\]][.:]{_REGISTER}",
    # CPUID Fn8000_0001_ECX   Fn0000_0007_EBX_x0   CPUID_Fn80000001_ECX (AMD's manuals)
    rf"(?:cpuid[ _]?)?fn(?P<leaf>[0-9a-f]{{4}}_?[0-9a-f]{{4}})_{_REGISTER}(?:_(?P<subleaf>x[0-9a-f]{{1,8}}))?",
)
# msr.10a   MSR 0x10a   MSR(10AH)   rdmsr 0x10a   MSRC001_0114 (AMD's manuals)
_MSR_FORM = rf"(?:rd)?msr[. (]?\(?(?P<index>[0-9a-f]{{4}}_[0-9a-f]{{4}}|{_NUMBER})\)?"
_MSR_NAME_FORM = r"(?:msr[_ ])?(?P<name>[a-z][a-z0-9_]{1,40})"
_NAME = r"(?P<name>[a-z0-9_.-]{0,79}[a-z][a-z0-9_.-]{0,79})"
_NUMBERS_TAIL = (
    rf"\.({_BIT})(?:-({_BIT}))?"  # .2   .17-18
    rf"|\[({_BIT})(?::({_BIT}))?\]"  # [2]   [18:17]
)
_NAME_TAILS = (
    rf"\.{_NAME}\s?\[bit (?P<bit>\d{{1,3}})\]",  # .sgx [bit 2] (QEMU's messages)
    rf"\.{_NAME}",  # .SGX (Intel's manual)
    rf"\[{_NAME}\]",  # [SVM] (AMD's manuals)
)
# All of them but for a name alone, which only the atlas turns into a bit.
_BIT_TAIL = rf"{_NUMBERS_TAIL}|(?:\.[a-z0-9_.-]{{0,80}})?\s?\[bit (\d{{1,3}})\]"
_VALUE_TAIL = rf"=(?:0b(?P<binary>[01]{{1,64}})|(?P<value>{_NUMBER}))"


def parse_hexadecimal(text: str) -> int:
    """Read a leaf or MSR index: hexadecimal, with or without `0x` before or `H` behind it."""
    return int(text.lower().removeprefix("0x").removesuffix("h"), 16)


def _parse_decimal(text: str) -> int:
    return int(text, 16) if text.startswith("0x") else int(text)


def _parse_subleaf(text: str) -> int:
    """Read a subleaf: decimal, but for the marks of a hexadecimal number, one of which is AMD's `x`."""
    if text.startswith("x") or text.endswith("h"):
        return int(text.strip("xh"), 16)
    return _parse_decimal(text)


def looks_like_address(text: str) -> bool:
    """Tell whether a text is meant as an address or a value rather than as a name."""
    return _match_word(_squeeze(text)) is not None


def _squeeze(text: str) -> str:
    return re.sub(r"\s+(?=[=\[])|(?<=[=,])\s+", "", text.strip().lower())


def _match_word(text: str) -> tuple[Word, str, bool] | None:
    """Give the word that a text begins with, the rest of the text, and whether it tells a subleaf."""
    for form in _CPUID_FORMS:
        if match := re.match(form, text):
            subleaf = match["subleaf"]
            leaf = parse_hexadecimal(match["leaf"].replace("_", ""))
            word = CpuidRegister(leaf, _parse_subleaf(subleaf) if subleaf else 0, Register(match["register"]))
            return word, text[match.end() :], subleaf is not None
    if match := re.match(_MSR_FORM, text):
        index = parse_hexadecimal(match["index"].replace("_", ""))
        return MsrRegister(index), text[match.end() :], True
    if (match := re.match(_MSR_NAME_FORM, text)) and (known := MSR_INDEXES.get(match["name"])):
        return MsrRegister(known), text[match.end() :], True
    return None


def parse_named_bit(text: str) -> NamedBit | None:
    """Read a place with a bit's name, as in `CPUID.07H:EBX.sgx [bit 2]`, `CPUID Fn8000_0001_ECX[SVM]`.

    Raises:
        UsageError: Its numbers are out of range.
    """
    squeezed = _squeeze(text)
    if (matched := _match_word(squeezed)) is None:
        return None
    word, tail, tells_subleaf = matched
    if re.fullmatch(_NUMBERS_TAIL, tail):
        return None
    for form in _NAME_TAILS:
        if match := re.fullmatch(form, tail):
            bit = match.groupdict().get("bit")
            _check_numbers(text, word, [int(bit)] if bit else [])
            return NamedBit(match["name"], word, int(bit) if bit else None, tells_subleaf)
    return None


def parse_address(text: str) -> Bits | WordValue:
    """Read an address, or an address with a value, in any of the forms that people write.

    Leaf and MSR index are hexadecimal, subleaf and bit decimal unless they begin with `0x`. A word
    without a bit stands for all its bits.

    Raises:
        UsageError: The text is no address, or its numbers are out of range.
    """
    squeezed = _squeeze(text)
    matched = _match_word(squeezed)
    if matched is None:
        raise _bad_address(text)
    word, tail, _ = matched
    if not tail:
        _check_numbers(text, word, [])
        return Bits(word, 0, word.width - 1)
    if match := re.fullmatch(_VALUE_TAIL, tail):
        _check_numbers(text, word, [])
        binary = match["binary"]
        value = int(binary, 2) if binary else parse_hexadecimal(match["value"])
        if value >> word.width:
            raise UsageError(
                f"the value does not fit into {word.width} bits",
                source=text,
                found=tail.removeprefix("="),
                expected=str(word),
            )
        return WordValue(word, value)
    if match := re.fullmatch(_BIT_TAIL, tail):
        ends = [_parse_decimal(end) for end in match.groups() if end is not None]
        _check_numbers(text, word, ends)
        return Bits(word, min(ends), max(ends))
    raise _bad_address(text)


def _check_numbers(text: str, word: Word, bits: list[int]) -> None:
    numbers = (word.leaf, word.subleaf) if isinstance(word, CpuidRegister) else (word.index,)
    if max(numbers) >> 32:
        raise _bad_address(text)
    if max(bits, default=0) >= word.width:
        raise UsageError(f"{word} has bits 0 to {word.width - 1}", source=text, found=f"bit {max(bits)}")


def parse_bit(text: str) -> Bits:
    """Read the table form of one bit or bit range, as in `7.0.ebx.2` or `msr.10a.0`.

    Raises:
        UsageError: The text is something else.
    """
    parts = text.split(".")
    try:
        if parts[0] == "msr":
            _, index, tail = parts
            word: Word = MsrRegister(int(index, 16))
        else:
            leaf, subleaf, register, tail = parts
            word = CpuidRegister(int(leaf, 16), int(subleaf), Register(register))
        low, _, high = tail.partition("-")
        return Bits(word, int(low), int(high or low))
    except ValueError:
        raise _bad_address(text) from None


def _bad_address(text: str) -> UsageError:
    return UsageError(
        "not an address",
        found=repr(text),
        expected="a form like 7.0.ebx.2, CPUID.07H:EBX[2], 'MSR 0x10a[3]', or a value as in 0x12.1.eax=0x36",
    )
