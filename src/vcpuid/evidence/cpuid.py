"""CPUID as the collector read it on each CPU."""

from __future__ import annotations

from dataclasses import dataclass

from vcpuid.snapshot.node import Node
from vcpuid.terms.address import Bits, CpuidRegister, Register
from vcpuid.terms.dump import Cpu, Dump, MissingRow, Registers

_HYPERVISOR = Bits(CpuidRegister(1, 0, Register.ECX), 31, 31)
_P6_FAMILY, _LAST_BASE_FAMILY = 0x6, 0xF
_VENDORS = {
    "GenuineIntel": "intel",
    "AuthenticAMD": "amd",
    "HygonGenuine": "hygon",
    "CentaurHauls": "centaur",
    "  Shanghai  ": "zhaoxin",
}


@dataclass(frozen=True, slots=True)
class CpuidEvidence:
    """The machine's CPUs as this kernel sees them.

    Attributes:
        dump: One Cpu for each that was read.
        via: How it was read, `/dev/cpu` or `instruction`.
        not_read: CPUs that were left alone (isolated or offline).
    """

    dump: Dump
    via: str
    not_read: tuple[int, ...]

    @property
    def under_hypervisor(self) -> bool:
        """Whether an outer hypervisor made these answers."""
        return any(cpu.has(_HYPERVISOR) for cpu in self.dump.cpus)

    @property
    def vendor(self) -> str | None:
        """The vendor in the words of our tables; None for one that they do not have."""
        return vendor_of(self.dump.cpus[0]) if self.dump.cpus else None

    @property
    def signature(self) -> tuple[int, int, int] | None:
        """Family, model and stepping of the first CPU (SDM vol. 2A, CPUID, leaf 01H)."""
        row = self.dump.cpus[0].rows.get((1, 0)) if self.dump.cpus else None
        return None if row is None else decode_signature(row[0])


def decode_signature(eax: int) -> tuple[int, int, int]:
    """Decode leaf 1 EAX into family, model and stepping, by the manuals' rules for extended fields."""
    base_family, model = eax >> 8 & 0xF, eax >> 4 & 0xF
    extends_family = base_family == _LAST_BASE_FAMILY
    if extends_family or base_family == _P6_FAMILY:
        model |= eax >> 12 & 0xF0
    return base_family + (eax >> 20 & 0xFF if extends_family else 0), model, eax & 0xF


def vendor_of(cpu: Cpu) -> str | None:
    """Give the vendor of leaf 0's twelve letters in the words of our tables, or None."""
    row = cpu.rows.get((0, 0))
    if row is None:
        return None
    letters = b"".join(row[position].to_bytes(4, "little") for position in (1, 3, 2))
    return _VENDORS.get(letters.decode("latin-1"))


def read_cpuid(data: Node) -> CpuidEvidence:
    """Read the `cpuid` source.

    Raises:
        InputError: The record is damaged.
    """
    cpus: dict[int, Cpu] = {}
    for node in data["cpus"]:
        rows = read_rows(node["rows"])
        like = node.get("like")
        if like is not None:
            model = cpus.get(like.number())
            if model is None:
                raise like.error(f"CPU {like.number()}", "the number of an earlier CPU")
            lacks = {parse_row_key(key) for key in node.get("lacks") or ()}
            rows = {key: row for key, row in model.rows.items() if key not in lacks} | rows
        number = node["cpu"].number()
        cpus[number] = Cpu(number, rows, missing=MissingRow.ZERO)
    not_read = tuple(node.number() for node in data.get("not_read") or ())
    via = data["via"].text()
    return CpuidEvidence(Dump(tuple(cpus.values()), f"CPUID via {via}"), via, not_read)


def read_rows(node: Node) -> dict[tuple[int, int], Registers]:
    """Read rows `leaf.subleaf` to `eax ebx ecx edx`; the leaf is hexadecimal, the subleaf decimal."""
    return {parse_row_key(Node(key, value.path, value.source)): value.registers() for key, value in node.members()}


def parse_row_key(node: Node) -> tuple[int, int]:
    """Read `0000000d.1` as (0xd, 1)."""
    leaf, separator, subleaf = node.text().partition(".")
    try:
        return int(leaf, 16), int(subleaf) if separator else 0
    except ValueError:
        raise node.error(repr(node.text()[:40]), "a row's key like 0000000d.1") from None
