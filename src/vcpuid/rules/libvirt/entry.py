"""The text of an entry of libvirt's CPU map."""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.terms.address import LEAVES_WITH_SUBLEAVES, Bits, CpuidRegister, Word

_OLD_DIGITS, _NEW_DIGITS = 2, 8


class Entry(NamedTuple):
    """A feature as libvirt's maps have them: its name, its one bit, and whether a CPU with it can migrate."""

    name: str
    bit: Bits
    migratable: bool = True


class Style(NamedTuple):
    """How a map writes its entries.

    Attributes:
        digits: The least digits of leaves, subleaves and MSR indexes: 2 up to libvirt 9.0, 8 in 11.3.
        indent: The blanks before `<feature>`.
        newline: The end of a line.
    """

    digits: int = _OLD_DIGITS
    indent: str = "  "
    newline: str = "\n"


def style_of(text: str) -> Style:
    """Tell how a map's file of features is written."""
    digits = _NEW_DIGITS if "eax_in='0x00000001'" in text or 'eax_in="0x00000001"' in text else _OLD_DIGITS
    head, feature, _ = text.partition("<feature")
    line = head.rpartition("\n")[2] if feature else ""
    indent = line if line and not line.strip() else Style().indent
    return Style(digits, indent, "\r\n" if "\r\n" in text else "\n")


def mask_element(word: Word, mask: int, style: Style = Style()) -> str:  # noqa: B008 - it is frozen
    """Write a mask: one register, `ecx_in` only for leaves with subleaves; an MSR with both halves."""
    digits = style.digits
    if isinstance(word, CpuidRegister):
        subleaf = f" ecx_in='0x{word.subleaf:0{digits}x}'" if word.leaf in LEAVES_WITH_SUBLEAVES else ""
        return f"<cpuid eax_in='0x{word.leaf:0{digits}x}'{subleaf} {word.register.value}='0x{mask:08x}'/>"
    index = f"0x{word.index:0{digits}x}"
    return f"<msr index='{index}' edx='0x{mask >> 32:08x}' eax='0x{mask & 0xFFFFFFFF:08x}'/>"


def write_entry(entry: Entry, style: Style = Style()) -> str:  # noqa: B008 - it is frozen
    """Write a whole `<feature>` element."""
    mark = "" if entry.migratable else " migratable='no'"
    child = mask_element(entry.bit.word, entry.bit.mask, style)
    lines = (f"<feature name='{entry.name}'{mark}>", f"  {child}", "</feature>")
    return "".join(f"{style.indent}{line}{style.newline}" for line in lines)


def write_heading(word: Word, style: Style) -> str:
    """Write the comment that stands over the features of one register in maps of libvirt 11.3 and later."""
    if isinstance(word, CpuidRegister):
        subleaf = f", 0x{word.subleaf:04x}" if word.leaf in LEAVES_WITH_SUBLEAVES else ""
        text = f"cpuid level 0x{word.leaf:08x}{subleaf} ({word.register.value})"
    else:
        text = f"msr 0x{word.index:08x}"
    return f"{style.indent}<!-- {text} -->{style.newline}"
