"""A dump whose end is lost mostly reads without a fault: it merely says less of its last CPU."""

from __future__ import annotations

from vcpuid.terms.dump import Cpu, Dump, MissingRow


def tell_truncation(dump: Dump) -> str | None:
    """Tell what the last CPU lacks that shows that the end of a dump is lost, or None where nothing does.

    Hybrid machines have CPUs with fewer rows than others, but lack them in the midst, not all from one row on.
    """
    *others, last = (cpu for cpu in dump.cpus if cpu.rows)
    if last.maximum(0) and (1, 0) not in last.rows:
        return f"The last CPU, {last.number}, has no leaf 1: was the end of the dump lost?"
    if last.missing is MissingRow.ZERO:
        return None  # it is no loss that a row of zeros is not there
    fuller = next((cpu for cpu in others if _is_longer(cpu, last)), None)
    if fuller is None:
        return None
    leaf, subleaf = list(fuller.rows)[len(last.rows)]
    return (
        f"The last CPU, {last.number}, has no row from leaf {leaf:#x} subleaf {subleaf:#x} on, "
        f"as CPU {fuller.number} has: was the end of the dump lost?"
    )


def _is_longer(cpu: Cpu, last: Cpu) -> bool:
    """Tell whether a CPU has the rows of the last one, in the same order, and then more."""
    return len(cpu.rows) > len(last.rows) and all(
        key == own for key, own in zip(cpu.rows, last.rows, strict=False)
    )
