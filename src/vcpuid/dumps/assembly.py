"""From rows to a dump: what a line can say, and the CPUs that grow from it.

A format's file tells what one line says (`Row`, `CpuHead`, `Msr`, ...). What all formats share is here: which CPU
a row belongs to, the subleaf of unmarked rows, repetitions, limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vcpuid.dumps.remarks import Remarks
from vcpuid.dumps.subleaves import number_subleaves
from vcpuid.errors import InputError
from vcpuid.terms.dump import Cpu, Dump, MissingRow, Registers

CPU_LIMIT = 4096
ROW_LIMIT = 4096  # of one CPU; the fullest real one has about 150
MSR_LIMIT = 65536


class Row(NamedTuple):
    """One answer of CPUID; the subleaf is None where the format does not write it."""

    leaf: int
    subleaf: int | None
    registers: Registers


class CpuHead(NamedTuple):
    """The rows of a CPU begin; its number is None where it is the next one, and it may have a title."""

    number: int | None
    title: str | None = None


class Msr(NamedTuple):
    """One MSR's value, of the CPU in whose part it stands."""

    address: int
    value: int


class MsrHead(NamedTuple):
    """MSRs of a CPU begin whose rows are elsewhere; None stands for the first CPU."""

    number: int | None


class Aside(NamedTuple):
    """The line is one of this format and is not read: another line says the same better, or there is no value."""


class Damage(NamedTuple):
    """The line is meant as one of this format and is not."""

    expected: str


Entry = Row | CpuHead | Msr | MsrHead | Aside | Damage | None


class _Growing:
    """A CPU whose rows are still coming."""

    __slots__ = ("msrs", "number", "rows", "title", "unmarked", "unmarked_count")

    def __init__(self, number: int) -> None:
        self.number = number
        self.title: str | None = None
        self.rows: dict[tuple[int, int], Registers] = {}
        self.msrs: dict[int, int] = {}
        self.unmarked: dict[int, list[Registers]] = {}
        self.unmarked_count = 0


class Assembly:
    """The CPUs of a dump that is being read.

    Args:
        remarks: Where faults go.
        missing: What a row means that the format does not have.
    """

    def __init__(self, remarks: Remarks, missing: MissingRow = MissingRow.UNKNOWN) -> None:
        self._remarks = remarks
        self._missing = missing
        self._cpus: dict[int, _Growing] = {}
        self._current: _Growing | None = None
        self._of_msrs: _Growing | None = None

    def begin_cpu(self, number: int | None, line: int | None = None, title: str | None = None) -> None:
        """Let the rows that follow belong to this CPU; None is the one after the latest. A note tells titles.

        Raises:
            InputError: There are too many CPUs.
        """
        self._begin(number, line).title = title

    def _begin(self, number: int | None, line: int | None) -> _Growing:
        if number is None:
            number = max(self._cpus, default=-1) + 1
        cpu = self._cpus.get(number)
        if cpu is None:
            cpu = self._add_cpu(number)
        elif cpu.rows:
            self._remarks.fault(f"CPU {number} is described a second time", line=line)
            cpu = _Growing(number)  # what follows is read and left out
        self._current, self._of_msrs = cpu, None
        return cpu

    def begin_msrs(self, number: int | None) -> None:
        """Let the MSRs that follow belong to this CPU; None is the first one.

        Raises:
            InputError: There are too many CPUs.
        """
        if number is None:
            number = next(iter(self._cpus), 0)
        self._of_msrs = self._cpus.get(number) or self._add_cpu(number)

    def _add_cpu(self, number: int) -> _Growing:
        if len(self._cpus) >= CPU_LIMIT:
            raise InputError(
                "too many CPUs", source=self._remarks.source, expected=f"a dump of at most {CPU_LIMIT} CPUs"
            )
        cpu = self._cpus[number] = _Growing(number)
        return cpu

    def add_row(self, row: Row, line: int | None = None) -> None:
        """Take one row of the current CPU.

        Raises:
            InputError: There are too many CPUs.
        """
        cpu = self._current or self._begin(None, line)
        leaf, subleaf, registers = row
        key = (leaf, subleaf or 0)
        if key not in cpu.rows:
            if len(cpu.rows) + cpu.unmarked_count < ROW_LIMIT:
                cpu.rows[key] = registers
            else:
                self._refuse_row(cpu, leaf, line)
        elif leaf == 0 and not subleaf:
            # Formats without a heading for each CPU begin it with leaf 0.
            self._begin(None, line).rows[key] = registers
        elif subleaf is None:
            if len(cpu.rows) + cpu.unmarked_count < ROW_LIMIT:
                cpu.unmarked.setdefault(leaf, []).append(registers)
                cpu.unmarked_count += 1
            else:
                self._refuse_row(cpu, leaf, line)
        elif cpu.rows[key] != registers:
            self._remarks.fault(
                f"leaf {leaf:#x} subleaf {subleaf:#x} of CPU {cpu.number} a second time, with other registers",
                line=line,
            )

    def add_rows(self, rows: Sequence[Row], line: int) -> None:
        """Take rows that stand on neighbouring lines, the first of them on `line`; the usual ones all at once.

        Raises:
            InputError: There are too many CPUs.
        """
        cpu = self._current or self._begin(None, line)
        if not cpu.rows and len(rows) <= ROW_LIMIT:
            cpu.rows = {(leaf, subleaf or 0): registers for leaf, subleaf, registers in rows}
            if len(cpu.rows) == len(rows):
                return
            cpu.rows = {}  # something is repeated
        for number, row in enumerate(rows, line):
            self.add_row(row, number)

    def _refuse_row(self, cpu: _Growing, leaf: int, line: int | None) -> None:
        self._remarks.fault(
            f"CPU {cpu.number} has more than {ROW_LIMIT} rows, here of leaf {leaf:#x}: "
            "was this read on a hypervisor that has no end of subleaves?",
            line=line,
        )

    def add_msr(self, msr: Msr) -> None:
        """Take one MSR; of several values of one MSR the first counts: the later ones are samples of a counter."""
        cpu = self._of_msrs or self._current or self._begin(None, None)
        if len(cpu.msrs) < MSR_LIMIT:
            cpu.msrs.setdefault(msr.address, msr.value)

    def build(self) -> Dump:
        """Give the dump; a CPU of which nothing is known is left out.

        Raises:
            InputError: There is no row at all.
        """
        for cpu in self._cpus.values():
            for leaf, later in cpu.unmarked.items():
                rows = [cpu.rows[leaf, 0], *later]
                for subleaf, registers in zip(number_subleaves(leaf, rows), rows, strict=True):
                    cpu.rows.setdefault((leaf, subleaf), registers)
        if not any(cpu.rows for cpu in self._cpus.values()):
            self._remarks.raise_faults()
            raise InputError("not a single row of CPUID in it", source=self._remarks.source)
        known = [cpu for cpu in self._cpus.values() if cpu.rows or cpu.msrs]
        if titled := [f"CPU {cpu.number} is {cpu.title}" for cpu in known if cpu.title]:
            self._remarks.note(f"{', '.join(titled)}.")
        return Dump(
            tuple(Cpu(cpu.number, cpu.rows, cpu.msrs, self._missing) for cpu in known), self._remarks.source
        )
