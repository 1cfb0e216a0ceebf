"""The model-specific registers that tell or decide what a CPU can do, and the bit fields of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple, TypeVar

from vcpuid.atlas.fields import Field, parse_span, parse_values, parse_words
from vcpuid.atlas.tables import TABLES, Groups, load_table
from vcpuid.errors import InputError, UsageError
from vcpuid.terms.address import Bits, MsrRegister, Word, parse_bit

_Row = TypeVar("_Row")


class Msr(NamedTuple):
    """A model-specific register.

    Attributes:
        word: Its address.
        name: Its name in the vendor's manual.
        aliases: What others call it.
        vendors: `any`, or the CPU vendors, or the hypervisor, that have it.
        title: What it is about, in our own words.
        enumerated_by: Bits any of which tells that it is there; empty where the model of the CPU does.
        layout: The MSR whose fields it has too; itself where it has rows of its own.
        source: Where the fact comes from.
    """

    word: MsrRegister
    name: str
    aliases: tuple[str, ...]
    vendors: frozenset[str]
    title: str
    enumerated_by: tuple[Bits, ...]
    layout: MsrRegister
    source: str


class MsrField(NamedTuple):
    """A named bit field of an MSR.

    Attributes:
        name: Its short name, after the manual's.
        word: The MSR.
        layout: The MSR of which the table has it; another one where several have the same fields.
        low: Its lowest bit.
        high: Its highest bit.
        vendors: `any`, or the CPU vendors, or the hypervisor, that give the bits this meaning.
        encoding: How the raw bits become a value, as the header of fields.csv tells.
        unit: The unit of the value; may be empty.
        values: Raw values that have names.
        enumerated_by: Bits any of which tells that the field is there, besides those that tell of the MSR.
        controls: Bits of CPUID that the field shows, hides or gives.
        related: Bits that have to do with it.
        description: One line in our own words; empty where the feature of the same bit has it.
        source: Where the fact comes from.
    """

    name: str
    word: MsrRegister
    layout: MsrRegister
    low: int
    high: int
    vendors: frozenset[str]
    encoding: str
    unit: str
    values: Mapping[int, str]
    enumerated_by: tuple[Bits, ...]
    controls: tuple[Bits, ...]
    related: tuple[Bits, ...]
    description: str
    source: str

    def bits(self) -> Bits:
        """Give the field's address."""
        return Bits(self.word, self.low, self.high)

    def layout_bits(self) -> Bits:
        """Give the same bits of the MSR of which the table has the field."""
        return Bits(self.layout, self.low, self.high)


AnyField = Field | MsrField


class MsrTable:
    """The tables of MSRs and their fields of one folder, each read when it is first asked."""

    def __init__(self, folder: str = TABLES) -> None:
        self._folder = folder
        self._fields: dict[int, tuple[MsrField, ...]] = {}

    @cached_property
    def msrs(self) -> Mapping[int, Msr]:
        """Every MSR by its index, ascending."""
        rows = load_table("msrs", self._folder)
        return {msr.word.index: msr for msr in (_read(_make_msr, row, "msrs.csv") for row in rows)}

    @cached_property
    def _groups(self) -> Groups:
        return Groups("msr_fields", self._folder)

    def of_msr(self, index: int) -> tuple[MsrField, ...]:
        """Give the fields of an MSR of all vendors, lowest bit first."""
        msr = self.msrs.get(index)
        if msr is None:
            return ()
        fields = self._fields.get(msr.layout.index)
        if fields is None:
            rows = self._groups.rows(_key(msr.layout))
            fields = tuple(_read(_make_field, row, "msr_fields.csv") for row in rows)
            self._fields[msr.layout.index] = fields
        return fields if msr.layout == msr.word else tuple(field._replace(word=msr.word) for field in fields)

    def about(self, word: Word) -> Iterator[Msr]:
        """Give the MSRs whose rows may say something of a register: its own, those of its layout, who names it."""
        named = f"{word.plain}."  # fields are made only of the few rows that have this text
        for msr in self.msrs.values():
            words = (msr.word, msr.layout, *(bits.word for bits in msr.enumerated_by))
            if word in words or self._groups.has_text(_key(msr.word), named):
                yield msr


def _key(word: MsrRegister) -> str:
    return f"{word.index:x}"


def _read(make: Callable[[Mapping[str, str]], _Row], row: Mapping[str, str], table: str) -> _Row:
    try:
        return make(row)
    except (KeyError, ValueError, UsageError) as error:
        raise InputError(
            "a row of the atlas's tables of MSRs cannot be read",
            source=table,
            found=f"{row.get('index')}.{row.get('bits', '')}: {error}",
            next_step="The installation is damaged: install vcpuid again.",
        ) from error


def _make_msr(row: Mapping[str, str]) -> Msr:
    word = MsrRegister(int(row["index"], 16))
    return Msr(
        word=word,
        name=row["name"],
        aliases=tuple(filter(None, row["aliases"].split(";"))),
        vendors=parse_words(row["vendors"]),
        title=row["title"],
        enumerated_by=_parse_bits(row["enumerated_by"], "|"),
        layout=MsrRegister(int(row["layout"], 16)) if row["layout"] else word,
        source=row["source"],
    )


def _make_field(row: Mapping[str, str]) -> MsrField:
    low, high = parse_span(row["bits"])
    word = MsrRegister(int(row["index"], 16))
    return MsrField(
        name=row["name"],
        word=word,
        layout=word,
        low=low,
        high=high,
        vendors=parse_words(row["vendors"]),
        encoding=row["encoding"],
        unit=row["unit"],
        values=parse_values(row["values"]),
        enumerated_by=_parse_bits(row["enumerated_by"], "|"),
        controls=_parse_bits(row["controls"], "+"),
        related=_parse_bits(row["related"], "+"),
        description=row["description"],
        source=row["source"],
    )


def _parse_bits(text: str, separator: str) -> tuple[Bits, ...]:
    return tuple(parse_bit(bits) for bits in text.split(separator)) if text else ()
