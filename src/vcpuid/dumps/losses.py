"""What a format cannot hold of a dump: the difference between the dump and the part that the format keeps."""

from __future__ import annotations

from dataclasses import dataclass

from vcpuid.terms.dump import Cpu, Dump, MissingRow

_LISTED = 8


@dataclass(frozen=True, slots=True)
class Loss:
    """One kind of things that are lost.

    Attributes:
        kind: `cpus`, `numbers`, `rows`, `msrs`, `missing` or `origin`.
        count: How many of them.
        sentence: The same for people.
    """

    kind: str
    count: int
    sentence: str


def compare_kept(dump: Dump, kept: Dump, *, of_one_cpu: bool) -> tuple[Loss, ...]:
    """Tell what of a dump is not in the part that a format keeps, which may be one for a single CPU."""
    pairs = _pair(dump, kept, of_one_cpu=of_one_cpu)
    rows = [key for cpu, held in pairs for key in cpu.rows if key not in held.rows]
    msrs = [index for cpu, held in pairs for index in cpu.msrs if index not in held.msrs]
    renumbered = [cpu.number for cpu, held in pairs if cpu.number != held.number]
    zeros = [cpu for cpu, held in pairs if cpu.missing is MissingRow.ZERO and held.missing is not cpu.missing]
    unknown = [cpu for cpu, held in pairs if cpu.missing is MissingRow.UNKNOWN and held.missing is not cpu.missing]
    losses = []
    if lost := len(dump.cpus) - len(pairs):
        only = f": it holds one, CPU {pairs[0][0].number} is kept" if of_one_cpu else ""
        losses.append(Loss("cpus", lost, f"{lost} of {len(dump.cpus)} CPUs{only}"))
    if renumbered:
        losses.append(Loss("numbers", len(renumbered), f"the number of CPU {_list(renumbered)}"))
    if rows:
        leaves = [f"{leaf:x}.{subleaf}" for leaf, subleaf in dict.fromkeys(rows)]
        losses.append(Loss("rows", len(rows), f"{len(rows)} row{_s(rows)}: {_list(leaves)}"))
    if msrs:
        indexes = [f"{index:x}" for index in dict.fromkeys(msrs)]
        losses.append(Loss("msrs", len(msrs), f"{len(msrs)} MSR{_s(msrs)}: {_list(indexes)}"))
    if zeros:
        losses.append(Loss("missing", len(zeros), "that rows which are not there are zero: they become unknown"))
    if unknown:
        losses.append(Loss("missing", len(unknown), "that rows which are not there are unknown: they become zero"))
    return tuple(losses)


def _pair(dump: Dump, kept: Dump, *, of_one_cpu: bool) -> list[tuple[Cpu, Cpu]]:
    """Find the CPU from which each kept one comes: by its number, or the first that has rows."""
    if of_one_cpu:
        return [(first_with_rows(dump), kept.cpus[0])]
    by_number = {cpu.number: cpu for cpu in dump.cpus}
    return [(by_number[held.number], held) for held in kept.cpus]


def first_with_rows(dump: Dump) -> Cpu:
    """Give the CPU that a format for a single one keeps."""
    return next((cpu for cpu in dump.cpus if cpu.rows), dump.cpus[0])


def _list(items: list[int] | list[str]) -> str:
    shown = ", ".join(str(item) for item in items[:_LISTED])
    return f"{shown} and {len(items) - _LISTED} more" if len(items) > _LISTED else shown


def _s(items: list[tuple[int, int]] | list[int]) -> str:
    return "" if len(items) == 1 else "s"
