"""The bit fields of every CPUID leaf: where each lies, in whose CPUs, and how its number is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeVar

from vcpuid.atlas.tables import TABLES, Groups
from vcpuid.errors import InputError
from vcpuid.terms.address import Bits, CpuidRegister, Register

ANY_VENDOR = "any"

# A hypervisor that speaks two interfaces puts the second one's leaves 0x100 higher.
_HYPERVISOR_FIRST, _HYPERVISOR_LAST, _HYPERVISOR_LEAF = 0x40000000, 0x4000FFFF, 0xFF


def is_hypervisor_leaf(leaf: int) -> bool:
    """Tell whether a leaf is one that hypervisors make."""
    return _HYPERVISOR_FIRST <= leaf <= _HYPERVISOR_LAST


def first_interface(leaf: int) -> int:
    """Give the leaf of a hypervisor's first interface that one of any interface repeats: the tables have that."""
    return _HYPERVISOR_FIRST | leaf & _HYPERVISOR_LEAF


class FieldValue(NamedTuple):
    """What a field says: as a value for programs, and as a text with its unit for people."""

    value: bool | int | str | tuple[int, ...]
    text: str


class Meaning(Protocol):
    """What neighbouring bits of one word are: a field of CPUID or of an MSR."""

    @property
    def low(self) -> int:
        """The lowest bit."""

    @property
    def high(self) -> int:
        """The highest bit."""

    @property
    def vendors(self) -> frozenset[str]:
        """`any`, or those who give the bits this meaning."""

    @property
    def encoding(self) -> str:
        """How they become a value, as the table's header tells."""

    @property
    def unit(self) -> str:
        """The unit of the value; may be empty."""

    @property
    def values(self) -> Mapping[int, str]:
        """Raw values that have names."""


class Field(NamedTuple):
    """A named bit field of the field table.

    Attributes:
        name: Its short name; Linux's where Linux names it.
        leaf: The leaf.
        subleaves: The first and the last subleaf that have it.
        register: The register.
        low: Its lowest bit.
        high: Its highest bit.
        vendors: `any`, or the CPU vendors or hypervisors that give the bits this meaning.
        encoding: How the raw bits become a value, as the table's header tells.
        unit: The unit of the value; may be empty.
        values: Raw values that have names.
        description: One line in our own words; empty where the feature of the same bit has it.
        source: Where the fact comes from.
    """

    name: str
    leaf: int
    subleaves: tuple[int, int]
    register: Register
    low: int
    high: int
    vendors: frozenset[str]
    encoding: str
    unit: str
    values: Mapping[int, str]
    description: str
    source: str

    def bits(self, subleaf: int | None = None) -> Bits:
        """Give the field's address in a subleaf, by default in the first that has it."""
        word = CpuidRegister(self.leaf, self.subleaves[0] if subleaf is None else subleaf, self.register)
        return Bits(word, self.low, self.high)


class Step(NamedTuple):
    """How to take a field out of a row: `row[position] >> shift & mask`."""

    position: int
    shift: int
    mask: int
    field: Field


_Meaning = TypeVar("_Meaning", bound=Meaning)


def meanings_of(fields: Iterable[_Meaning], vendor: str | None) -> list[_Meaning]:
    """Choose of one word's fields those that a vendor's CPUs have: its own before those that all share.

    Args:
        fields: Of one register, in the table's order.
        vendor: The vendor or hypervisor. Without one, bits that mean different things get the first meaning.
    """
    own, shared = [], []
    for field in fields:
        if ANY_VENDOR in field.vendors:
            shared.append(field)
        elif vendor is None or vendor in field.vendors:
            own.append(field)
    taken, chosen = 0, []
    for field in own + shared:
        mask = ((1 << field.high - field.low + 1) - 1) << field.low
        if not taken & mask:
            taken |= mask
            chosen.append(field)
    return chosen


Plan = tuple[Step, ...]
_PLACE = itemgetter(0, 1)


class FieldTable:
    """The field table of one folder; the fields of a leaf are made when it is first asked."""

    def __init__(self, folder: str = TABLES) -> None:
        self._groups = Groups("fields", folder)
        self._keys = {int(key, 16): key for key in self._groups.keys}
        self._fields_by_leaf: dict[int, tuple[Field, ...]] = {}
        self._plans: dict[tuple[int, int, str | None], Plan] = {}

    @property
    def leaves(self) -> tuple[int, ...]:
        """The leaves that have fields, ascending."""
        return tuple(self._keys)

    def of_leaf(self, leaf: int) -> tuple[Field, ...]:
        """Give a leaf's fields of all vendors, in the table's order."""
        fields = self._fields_by_leaf.get(leaf)
        if fields is None:
            fields = tuple(_make_field(row) for row in self._groups.rows(self._keys.get(leaf, "")))
            self._fields_by_leaf[leaf] = fields
        return fields

    def plan(self, leaf: int, subleaf: int, vendor: str | None = None) -> Plan:
        """Give the steps that decode a row, by register and then from the lowest bit.

        Args:
            leaf: The leaf; in the hypervisors' range the second interface's leaves are found too.
            subleaf: The subleaf.
            vendor: The CPU's vendor, or the hypervisor for its leaves. Without one, bits that mean
                different things by vendor get the first of their meanings, and of a hypervisor's leaves
                only what all hypervisors share.
        """
        key = leaf, subleaf, vendor
        plan = self._plans.get(key)
        if plan is None:
            plan = self._make_plan(leaf, subleaf, vendor)
            # Subleaves without fields are endless, those with fields are not.
            if plan:
                self._plans[key] = plan
        return plan

    def _make_plan(self, leaf: int, subleaf: int, vendor: str | None) -> Plan:
        in_range = is_hypervisor_leaf(leaf)
        fields = self.of_leaf(first_interface(leaf) if in_range else leaf)
        if vendor is None and in_range:
            vendor = ANY_VENDOR
        here = [field for field in fields if field.subleaves[0] <= subleaf <= field.subleaves[1]]
        steps = [
            Step(register.position, field.low, (1 << field.high - field.low + 1) - 1, field)
            for register in Register
            for field in meanings_of([field for field in here if field.register is register], vendor)
        ]
        return tuple(sorted(steps, key=_PLACE))


def _make_field(row: dict[str, str]) -> Field:
    try:
        low, high = parse_span(row["bits"])
        return Field(
            name=row["name"],
            leaf=int(row["leaf"], 16),
            subleaves=parse_span(row["subleaves"]),
            register=_REGISTERS[row["register"]],
            low=low,
            high=high,
            vendors=parse_words(row["vendors"]),
            encoding=row["encoding"],
            unit=row["unit"],
            values=parse_values(row["values"]),
            description=row["description"],
            source=row["source"],
        )
    except (KeyError, ValueError) as error:
        raise InputError(
            "a row of the atlas's field table cannot be read",
            source="fields.csv",
            found=f"{row.get('leaf')}.{row.get('subleaves')}.{row.get('register')}.{row.get('bits')}: {error}",
            next_step="The installation is damaged: install vcpuid again.",
        ) from error


_REGISTERS = {register.value: register for register in Register}
_NO_VALUES: Mapping[int, str] = MappingProxyType({})


@cache
def parse_words(text: str) -> frozenset[str]:
    """Read words with blanks between, as `vendors` has them."""
    return frozenset(text.split())


def parse_values(text: str) -> Mapping[int, str]:
    """Read `0=none;1=data cache`."""
    if not text:
        return _NO_VALUES
    pairs = (pair.partition("=") for pair in text.split(";"))
    return MappingProxyType({int(number): name for number, _, name in pairs})


@cache
def parse_span(text: str) -> tuple[int, int]:
    """Read `2` or `17-18`."""
    low, _, high = text.partition("-")
    return int(low), int(high or low)


# Decoding --------------------------------------------------------------------------------------------


def decode_field(field: Meaning, raw: int) -> FieldValue:
    """Read a field's raw bits: `row[position] >> shift & mask` of its step."""
    decode = _DECODERS.get(field.encoding)
    if decode is None:
        decode = _DECODERS[field.encoding] = _make_scaling(field.encoding)
    return decode(field, raw)


_Decoder = Callable[[Meaning, int], FieldValue]
_NO, _YES = FieldValue(value=False, text="no"), FieldValue(value=True, text="yes")


def _decode_flag(_field: Meaning, raw: int) -> FieldValue:
    return _YES if raw else _NO


def _decode_number(field: Meaning, raw: int) -> FieldValue:
    return FieldValue(raw, _measure(raw, field))


def _decode_log2(field: Meaning, raw: int) -> FieldValue:
    # A field of eight bits or fewer is meant; more would be a number of millions of digits.
    value = 1 << (raw & 0xFF)
    return FieldValue(value, _measure(value, field))


def _decode_hexadecimal(field: Meaning, raw: int) -> FieldValue:
    digits = (field.high - field.low + 4) // 4
    return FieldValue(raw, f"0x{raw:0{digits}x}")


def _decode_text(field: Meaning, raw: int) -> FieldValue:
    characters = raw.to_bytes((field.high - field.low + 8) // 8, "little")
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in characters)  # noqa: PLR2004 - ASCII
    return FieldValue(text, f'"{text}"')


def _decode_values(field: Meaning, raw: int) -> FieldValue:
    return FieldValue(raw, field.values.get(raw) or _measure(raw, field))


def _decode_set(field: Meaning, raw: int) -> FieldValue:
    members = tuple(bit for bit in range(field.high - field.low + 1) if raw >> bit & 1)
    return FieldValue(members, ", ".join(_runs(field, members)) or "none")


def _runs(field: Meaning, members: Iterable[int]) -> Iterator[str]:
    """Write the members of a set: those with a name by it, runs of others as `0-13`."""
    runs: list[list[int]] = []
    for bit in members:
        if runs and bit not in field.values and runs[-1][-1] == bit - 1 not in field.values:
            runs[-1].append(bit)
        else:
            runs.append([bit])
    for run in runs:
        first, last = run[0], run[-1]
        yield field.values.get(first) or (str(first) if first == last else f"{first}-{last}")


_DECODERS: dict[str, _Decoder] = {
    "flag": _decode_flag,
    "number": _decode_number,
    "log2": _decode_log2,
    "hex": _decode_hexadecimal,
    "text": _decode_text,
    "values": _decode_values,
    "set": _decode_set,
}


def _make_scaling(encoding: str) -> _Decoder:
    """Make the decoder of `times-N` or `minus-N`; raw values with names keep them."""
    kind, _, amount_text = encoding.partition("-")
    if kind not in {"times", "minus"} or not amount_text.isdigit():
        raise InputError(
            "the atlas's field table has an encoding that is not known",
            source="fields.csv",
            found=repr(encoding),
            expected=f"{', '.join(_DECODERS)}, times-N or minus-N",
        )
    amount = int(amount_text)

    def decode(field: Meaning, raw: int) -> FieldValue:
        value = raw * amount if kind == "times" else raw + amount
        return FieldValue(value, field.values.get(raw) or _measure(value, field))

    return decode


def _measure(value: int, field: Meaning) -> str:
    return f"{value} {field.unit}" if field.unit else str(value)
