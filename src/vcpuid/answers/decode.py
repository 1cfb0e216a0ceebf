"""What do these registers say? A dump decoded into facts, kinds of CPUs, and every field."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple

from vcpuid.atlas.fields import Field, FieldTable, FieldValue, decode_field
from vcpuid.decode.hypervisor import scope_of
from vcpuid.decode.identity import vendor_of
from vcpuid.decode.machine import Machine, decode_machine
from vcpuid.decode.rows import existing_rows
from vcpuid.errors import UsageError
from vcpuid.terms.dump import Cpu, Dump, Registers

_HYPERVISOR_RANGE = 0x4000
Key = tuple[int, int]


class DecodedDump(NamedTuple):
    """A dump and what it says.

    Attributes:
        origin: Where it comes from.
        machine: Its CPUs, decoded and summed up.
    """

    origin: str
    machine: Machine


class DecodedField(NamedTuple):
    """A field, and what stands in it."""

    field: Field
    value: FieldValue


class DecodedRow(NamedTuple):
    """One row of a CPU.

    Attributes:
        leaf: The leaf.
        subleaf: The subleaf.
        registers: The four registers.
        fields: The fields that the atlas knows there, by register and lowest bit.
        unnamed: The set bits of each register that no field has.
    """

    leaf: int
    subleaf: int
    registers: Registers
    fields: tuple[DecodedField, ...]
    unnamed: Registers


class Wanted(NamedTuple):
    """The rows that were asked for; None stands for all."""

    leaf: int | None = None
    subleaf: int | None = None

    def has(self, key: Key) -> bool:
        """Tell whether a row was asked for."""
        return self.leaf in (None, key[0]) and self.subleaf in (None, key[1])

    def __str__(self) -> str:
        """Give the question for messages."""
        leaf = "" if self.leaf is None else f"leaf {self.leaf:#x}"
        subleaf = "" if self.subleaf is None else f"subleaf {self.subleaf}"
        return " ".join(filter(None, (leaf, subleaf))) or "any row"


def select_cpu(dump: Dump, number: int | None) -> Dump:
    """Give the part of a dump that is about one CPU, or the whole for None.

    Raises:
        UsageError: The dump does not have this CPU.
    """
    if number is None:
        return dump
    cpus = tuple(cpu for cpu in dump.cpus if cpu.number == number)
    if not cpus:
        numbers = [cpu.number for cpu in dump.cpus]
        expected = f"a number of {min(numbers)} to {max(numbers)}" if numbers else None
        raise UsageError("no CPU of this number", source=dump.origin, found=str(number), expected=expected)
    return Dump(cpus, dump.origin)


def select_rows(dump: Dump, wanted: Wanted) -> Dump:
    """Give the part of a dump that has the wanted rows, existing leaves or not.

    Raises:
        UsageError: The dump does not have them.
    """
    cpus = tuple(
        Cpu(cpu.number, {key: row for key, row in cpu.rows.items() if wanted.has(key)}) for cpu in dump.cpus
    )
    if not any(cpu.rows for cpu in cpus):
        raise UsageError(
            "no such row in the dump",
            source=dump.origin,
            found=str(wanted),
            next_step="A leaf is hexadecimal, a subleaf decimal; --raw shows every row.",
        )
    return Dump(cpus, dump.origin)


_ALL = Wanted()


def decode_dump(dump: Dump, wanted: Wanted = _ALL, *, each: bool = False) -> DecodedDump:
    """Decode a dump; with `each` every CPU by itself, equal ones too.

    Raises:
        UsageError: The dump does not have the wanted rows.

    Examples:
        >>> from vcpuid import decode_dump, read_dump
        >>> machine = decode_dump(read_dump("h07.json")).machine
        >>> [len(kind.cpus) for kind in machine.kinds]
        [2]
    """
    if wanted != _ALL:
        select_rows(dump, wanted)
    return DecodedDump(dump.origin, decode_machine(dump, each=each))


class FieldReader:
    """Reads one CPU's rows into fields by the atlas's plans, which depend on vendor and hypervisor."""

    def __init__(self, cpu: Cpu, table: FieldTable) -> None:
        self._cpu = cpu
        self._table = table
        self._vendor = vendor_of(cpu)

    def scope(self, leaf: int) -> str | None:
        """Give in whose words a leaf is to be read: the vendor's, or for its leaves the hypervisor's."""
        return scope_of(self._cpu, leaf) if leaf >> 16 == _HYPERVISOR_RANGE else self._vendor

    def scopes(self, keys: Iterable[Key]) -> Hashable:
        """Give all scopes in which rows are to be read: the vendor's, and those of the hypervisors' leaves.

        Where they are the same for two CPUs, rows with the same key and registers say the same.
        """
        leaves = [leaf for leaf, _ in keys if leaf >> 16 == _HYPERVISOR_RANGE]
        return (self._vendor, *((leaf, scope_of(self._cpu, leaf)) for leaf in leaves))

    def row(self, key: Key, registers: Registers) -> DecodedRow:
        """Read one row."""
        fields = []
        rest = list(registers)
        for position, shift, mask, field in self._table.plan(*key, self.scope(key[0])):
            fields.append(DecodedField(field, decode_field(field, registers[position] >> shift & mask)))
            rest[position] &= ~(mask << shift)
        return DecodedRow(*key, registers, tuple(fields), (rest[0], rest[1], rest[2], rest[3]))

    def rows(self, wanted: Wanted = _ALL) -> Iterator[DecodedRow]:
        """Read the wanted rows that the CPU has, in the dump's order."""
        for key, registers in existing_rows(self._cpu).items():
            if wanted.has(key):
                yield self.row(key, registers)


def rows_beyond_maximum(cpu: Cpu) -> dict[Key, Registers]:
    """Give the rows of leaves that do not exist: what the CPU answers above its maxima is junk."""
    existing = existing_rows(cpu)
    return {} if existing is cpu.rows else {key: row for key, row in cpu.rows.items() if key not in existing}
