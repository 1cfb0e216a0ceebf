"""Who made the CPU, and which one it is."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from vcpuid.atlas.tables import load_table
from vcpuid.decode.cores import cores_that_fit
from vcpuid.decode.rows import EAX, EBX, ECX, EDX, letters_of, load_decode_table, parse_span, read_row
from vcpuid.terms.dump import Cpu, Registers

_P6_FAMILY, _CENTAUR_LAST_FAMILY, _EXTENDED_FAMILY = 0x6, 0x7, 0xF
_EXTEND_FAMILY_7 = frozenset({"centaur", "zhaoxin"})
_BRAND_LEAVES = (0x80000002, 0x80000003, 0x80000004)
_TRANSMETA_LEAVES = (0x80860003, 0x80860004, 0x80860005, 0x80860006)


class Signature(NamedTuple):
    """Leaf 1 EAX, decoded."""

    family: int
    model: int
    stepping: int


class Microarchitecture(NamedTuple):
    """A design of CPUs.

    Attributes:
        name: The core's design; several joined by `or` for a core of a hybrid CPU that does not tell its kind.
        code_name: The chip's name; None where it has no other.
    """

    name: str
    code_name: str | None


class Identity(NamedTuple):
    """Which CPU this is.

    Attributes:
        letters: The vendor's twelve letters as leaf 0 gives them.
        vendor: The vendor in the words of our tables; None for letters that they do not have.
        vendor_name: The vendor for people.
        family: Family, with its extension.
        model: Model, with its extension.
        stepping: Stepping.
        processor_type: 0 original, 1 OverDrive, 2 of two processors.
        brand: The brand string, cleaned; None where the CPU has none.
        microarchitecture: From the atlas's table; None where it does not have the model.
    """

    letters: str | None
    vendor: str | None
    vendor_name: str | None
    family: int | None
    model: int | None
    stepping: int | None
    processor_type: int | None
    brand: str | None
    microarchitecture: Microarchitecture | None


@cache
def _vendors() -> dict[str, tuple[str, str]]:
    return {row["letters"]: (row["vendor"], row["name"]) for row in load_decode_table("vendors")}


def decode_letters(cpu: Cpu) -> str | None:
    """Give the twelve letters of leaf 0; None where the dump does not have it."""
    row = cpu.rows.get((0, 0))
    return None if row is None else _letters(row)


@cache
def _letters(row: Registers) -> str:
    return letters_of(row[EBX], row[EDX], row[ECX])


def vendor_of(cpu: Cpu) -> str | None:
    """Give the vendor of leaf 0's twelve letters in the words of our tables, or None."""
    return _vendors().get(decode_letters(cpu) or "", (None,))[0]


def decode_signature(eax: int, vendor: str | None = None) -> Signature:
    """Decode leaf 1 EAX into family, model and stepping.

    The family is extended only when it is 0FH, the model in families 6 and 0FH (SDM vol. 2A, CPUID, leaf 01H).
    Centaur and Zhaoxin extend the model of family 7 too.
    """
    family, model = eax >> 8 & 0xF, eax >> 4 & 0xF
    is_extended = family == _EXTENDED_FAMILY
    if is_extended or family == _P6_FAMILY or (family == _CENTAUR_LAST_FAMILY and vendor in _EXTEND_FAMILY_7):
        model |= eax >> 12 & 0xF0
    return Signature(family + (eax >> 20 & 0xFF) if is_extended else family, model, eax & 0xF)


def signature_of(cpu: Cpu) -> Signature | None:
    """Give family, model and stepping; None where the dump does not have leaf 1."""
    row = read_row(cpu, 1)
    return None if row is None else decode_signature(row[EAX], vendor_of(cpu))


def decode_brand(cpu: Cpu) -> str | None:
    """Give the brand string as people write it: up to its NUL, printable, with single spaces; None for none."""
    for leaves in (_BRAND_LEAVES, _TRANSMETA_LEAVES):
        rows = [row for leaf in leaves if (row := read_row(cpu, leaf)) is not None]
        text = letters_of(*(word for row in rows for word in row)).partition("\0")[0]
        words = re.sub(r"[^\x20-\x7e]", "?", text).split()
        if words:
            return " ".join(words)
    return None


class _Models(NamedTuple):
    """A row of the atlas's table of micro-architectures."""

    models: tuple[int, int]
    steppings: tuple[int, int]
    core: str
    microarchitecture: Microarchitecture


@cache
def _models() -> dict[tuple[str, int], list[_Models]]:
    index: dict[tuple[str, int], list[_Models]] = {}
    for row in load_table("microarchitectures"):
        key = row["vendor"], int(row["family"], 16)
        models, steppings = parse_span(row["models"], 16), parse_span(row["steppings"] or "0-15")
        microarchitecture = Microarchitecture(row["name"], row["code_name"] or None)
        index.setdefault(key, []).append(_Models(models, steppings, row["core"], microarchitecture))
    return index


@cache
def _designs(vendor: str | None, signature: Signature) -> dict[str, Microarchitecture]:
    """Give a model's micro-architectures by kind of core; the key is empty where all cores are alike."""
    return {
        row.core: row.microarchitecture
        for row in _models().get((vendor or "", signature.family), ())
        if row.models[0] <= signature.model <= row.models[1]
        and row.steppings[0] <= signature.stepping <= row.steppings[1]
    }


def designs_of(letters: str, signature: Signature) -> tuple[Microarchitecture, ...]:
    """Give the micro-architectures of a vendor's model, one for each kind of core; none that the atlas lacks."""
    vendor = _vendors().get(letters, (None,))[0]
    return tuple(_designs(vendor, signature).values())


def _microarchitecture_of(cpu: Cpu, vendor: str | None, signature: Signature) -> Microarchitecture | None:
    """Give the micro-architecture of a CPU, or None where the atlas does not have its model."""
    designs = _designs(vendor, signature)
    if "" in designs or not designs:
        return designs.get("")
    design = next((designs[core] for core in cores_that_fit(cpu) if core in designs), None)
    if design is not None:
        return design
    names = dict.fromkeys(design.name for design in designs.values())
    return Microarchitecture(" or ".join(names), next(iter(designs.values())).code_name)


def decode_identity(cpu: Cpu) -> Identity:
    """Decode all that tells which CPU this is."""
    letters = decode_letters(cpu)
    vendor, vendor_name = _vendors().get(letters or "", (None, None))
    row = read_row(cpu, 1)
    signature = None if row is None else decode_signature(row[EAX], vendor)
    family, model, stepping = signature or (None, None, None)
    microarchitecture = None if signature is None else _microarchitecture_of(cpu, vendor, signature)
    return Identity(
        letters=letters,
        vendor=vendor,
        vendor_name=vendor_name,
        family=family,
        model=model,
        stepping=stepping,
        processor_type=None if row is None else row[EAX] >> 12 & 0x3,
        brand=decode_brand(cpu),
        microarchitecture=microarchitecture,
    )
