"""What is lost between a dump and the one that was written and read again, counted by nothing but the two."""

from __future__ import annotations

from vcpuid.terms.dump import Dump


def count_losses(dump: Dump, read: Dump, *, of_one_cpu: bool) -> dict[str, int]:
    """Count the losses by kind; what was kept must be as it was."""
    numbers = {cpu.number for cpu in read.cpus}
    if of_one_cpu:
        kept = [next(cpu for cpu in dump.cpus if cpu.rows)]
    else:
        kept = [cpu for cpu in dump.cpus if cpu.number in numbers]
    pairs = list(zip(kept, read.cpus, strict=True))
    for cpu, held in pairs:
        assert held.rows.items() <= cpu.rows.items()
        assert held.msrs.items() <= cpu.msrs.items()
    counts = {
        "cpus": len(dump.cpus) - len(read.cpus),
        "numbers": sum(cpu.number != held.number for cpu, held in pairs),
        "rows": sum(len(cpu.rows) - len(held.rows) for cpu, held in pairs),
        "msrs": sum(len(cpu.msrs) - len(held.msrs) for cpu, held in pairs),
        "missing": sum(cpu.missing is not held.missing for cpu, held in pairs),
    }
    return {kind: count for kind, count in counts.items() if count}
