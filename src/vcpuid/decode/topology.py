"""Where a logical CPU stands: its core, module, die and package."""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.decode.identity import vendor_of
from vcpuid.decode.rows import EAX, EBX, ECX, EDX, read_row, read_subleaves
from vcpuid.terms.dump import Cpu

_HTT_BIT, _TOPOEXT_BIT = 28, 22
# Level type of leaves 0BH and 1FH to the domain in which the level's members stand side by side.
_INTEL_MEMBERS = {1: "thread", 2: "core", 3: "module", 4: "tile", 5: "die", 6: "die group"}
_AMD_DOMAINS = {1: "core", 2: "complex", 3: "die", 4: "package"}


class Domain(NamedTuple):
    """A part of the machine that holds CPUs.

    Attributes:
        name: `core`, `module`, `tile`, `complex`, `die`, `die group` or `package`.
        shift: The APIC id's bits below the domain's id.
        threads: CPUs in one such part, as CPUID tells; None where it does not.
    """

    name: str
    shift: int
    threads: int | None


class Topology(NamedTuple):
    """A CPU's place.

    Attributes:
        apic_id: Its (x2)APIC id; None where the dump does not tell.
        domains: The parts that hold it, smallest first; the last is the package.
        leaf: The leaf that tells; None where no leaf does.
    """

    apic_id: int | None
    domains: tuple[Domain, ...]
    leaf: int | None

    def ids(self, apic_id: int) -> dict[str, int]:
        """Give the machine-wide id of each domain for the CPU with an APIC id."""
        return {domain.name: apic_id >> domain.shift for domain in self.domains}


def apic_id_of(cpu: Cpu) -> int | None:
    """Give the CPU's APIC id, the widest that the dump has."""
    rows = cpu.rows
    for leaf in (0x1F, 0xB):
        row = rows.get((leaf, 0))
        if row is not None and row[EBX] and read_row(cpu, leaf):
            return row[EDX]
    row = read_row(cpu, 0x8000001E)
    if row is not None and any(row):
        return row[EAX]
    row = read_row(cpu, 1)
    return None if row is None else row[EBX] >> 24


def decode_topology(cpu: Cpu) -> Topology:
    """Decode the place of a CPU by the best leaf that it has.

    Leaf 1FH may be there and empty, under KVM for one: leaf 0BH tells then. Sources: SDM vol. 2A, CPUID, leaves
    01H, 04H, 0BH, 1FH; APM vol. 3, appendix E, leaves 80000008H, 8000001EH, 80000026H.
    """
    apic_id = apic_id_of(cpu)
    for leaf, decode in ((0x80000026, _amd_domains), (0x1F, _intel_domains), (0xB, _intel_domains)):
        domains = decode(cpu, leaf)
        if domains:
            return Topology(apic_id, domains, leaf)
    return _by_counts(cpu, apic_id)


def _intel_domains(cpu: Cpu, leaf: int) -> tuple[Domain, ...]:
    levels = []
    for _, row in read_subleaves(cpu, leaf):
        kind = row[ECX] >> 8 & 0xFF
        if not kind or not row[EBX] & 0xFFFF:
            break
        levels.append((kind, row[EAX] & 0x1F, row[EBX] & 0xFFFF))
    # A level's members together fill one part of the next level; the last level's fill the package.
    holders = [*(_INTEL_MEMBERS.get(kind, f"level {kind}") for kind, _, _ in levels[1:]), "package"]
    return tuple(Domain(name, shift, count) for name, (_, shift, count) in zip(holders, levels, strict=False))


def _amd_domains(cpu: Cpu, leaf: int) -> tuple[Domain, ...]:
    domains = []
    for _, row in read_subleaves(cpu, leaf):
        kind = row[ECX] >> 8 & 0xFF
        if not kind:
            break
        domains.append(Domain(_AMD_DOMAINS.get(kind, f"level {kind}"), row[EAX] & 0x1F, row[EBX] & 0xFFFF))
    return tuple(domains)


def _by_counts(cpu: Cpu, apic_id: int | None) -> Topology:
    """Decode the place by the counts of CPUs that came before the topology leaves."""
    first = read_row(cpu, 1)
    if first is None:
        return Topology(apic_id, (), None)
    threads = first[EBX] >> 16 & 0xFF if first[EDX] >> _HTT_BIT & 1 else 1
    sizes, extended = read_row(cpu, 0x80000008), read_row(cpu, 0x80000001)
    amd = read_row(cpu, 0x8000001E)
    deterministic = read_row(cpu, 4)
    if sizes is not None and sizes[ECX] & 0xFFFF:
        threads = (sizes[ECX] & 0xFF) + 1
        width = sizes[ECX] >> 12 & 0xF or _width(threads)
        has_topology = extended is not None and extended[ECX] >> _TOPOEXT_BIT & 1
        threads_of_core = (amd[EBX] >> 8 & 0xFF) + 1 if has_topology and amd is not None else 1
        core = Domain("core", _width(threads_of_core), threads_of_core)
        return Topology(apic_id, (core, Domain("package", width, threads)), 0x80000008)
    if deterministic is not None and deterministic[EAX] & 0x1F:
        cores = (deterministic[EAX] >> 26) + 1
        width, core_width = _width(threads), _width(cores)
        shift = max(width - core_width, 0)
        core = Domain("core", shift, max(threads // cores, 1))
        return Topology(apic_id, (core, Domain("package", width, threads)), 4)
    # Intel's CPUs of before leaf 4 have one core: what shares their package are its threads.
    threads_of_core = threads if vendor_of(cpu) == "intel" else 1
    core = Domain("core", _width(threads_of_core), threads_of_core)
    return Topology(apic_id, (core, Domain("package", _width(threads), threads)), 1)


def _width(count: int) -> int:
    """Give the bits that number `count` things."""
    return max(count - 1, 0).bit_length()
