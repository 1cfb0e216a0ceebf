"""The features of the atlas that a CPU has, by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from vcpuid.atlas.tables import load_table
from vcpuid.decode.hypervisor import scope_of
from vcpuid.decode.identity import vendor_of
from vcpuid.decode.rows import REGISTERS, existing_rows
from vcpuid.terms.dump import Cpu, Registers

_KVM, _HYPERVISOR_FIRST, _HYPERVISOR_LAST = "kvm", 0x40000000, 0x4000FFFF
# A row's key, or (None, index) for an MSR.
_Key = tuple[int | None, int]


class _Whole(NamedTuple):
    """A feature of several bits, each as row, register's place and mask."""

    name: str
    spots: tuple[tuple[_Key, int, int], ...]

    def is_in(self, rows: Mapping[_Key, tuple[int, ...]]) -> bool:
        """Tell whether all bits are set."""
        for key, position, mask in self.spots:
            row = rows.get(key)
            if row is None or not row[position] & mask:
                return False
        return True


class _Plan(NamedTuple):
    """The features of a vendor's CPUs, by row.

    Attributes:
        flags: A row's key to its one-bit features: register's place, mask, name.
        wholes: Features of several bits.
        order: Name to its place in the table.
    """

    flags: Mapping[_Key, tuple[tuple[int, int, str], ...]]
    wholes: tuple[_Whole, ...]
    order: Mapping[str, int]


class _Row(NamedTuple):
    """A feature of the table: its vendors, and each bit as row, register's place and mask."""

    name: str
    vendors: tuple[str, ...]
    spots: tuple[tuple[_Key, int, int], ...]


@cache
def _table() -> tuple[_Row, ...]:
    return tuple(
        _Row(row["name"], tuple(row["vendors"].split()), tuple(_parse_spot(bit) for bit in row["bits"].split("+")))
        for row in load_table("features")
        if row["bits"] and not row["mirror"]
    )


def _parse_spot(bit: str) -> tuple[_Key, int, int]:
    """Read the table's form of a bit, `7.0.ebx.2` or `msr.10a.0`."""
    *place, low = bit.split(".")
    if place[0] == "msr":
        return (None, int(place[1], 16)), 0, 1 << int(low)
    leaf, subleaf, register = place
    return (int(leaf, 16), int(subleaf)), REGISTERS.index(register), 1 << int(low)


@cache
def _plan(vendor: str | None) -> _Plan:
    flags: dict[_Key, list[tuple[int, int, str]]] = {}
    wholes = []
    order: dict[str, int] = {}
    for name, vendors, spots in _table():
        # Rows of a hypervisor's leaves are there only under KVM, which has all features of the table there.
        if not {"any", _KVM, vendor} & set(vendors):
            continue
        order[name] = len(order)
        if len(spots) == 1:
            key, position, mask = spots[0]
            flags.setdefault(key, []).append((position, mask, name))
        else:
            wholes.append(_Whole(name, spots))
    return _Plan({key: tuple(entries) for key, entries in flags.items()}, tuple(wholes), order)


@cache
def _names_in_row(vendor: str | None, key: _Key, row: tuple[int, ...]) -> tuple[str, ...]:
    """Give the one-bit features of a row; equal rows of many CPUs are looked through once."""
    return tuple(name for position, mask, name in _plan(vendor).flags[key] if row[position] & mask)


def feature_at(vendor: str | None, key: tuple[int, int], position: int, mask: int) -> str | None:
    """Give the name of the feature that one bit of a row is by itself on a vendor's CPUs, or None."""
    if _HYPERVISOR_FIRST <= key[0] <= _HYPERVISOR_LAST:
        key = _HYPERVISOR_FIRST | key[0] & 0xFF, key[1]
    for place, bit, name in _plan(vendor).flags.get(key, ()):
        if (place, bit) == (position, mask):
            return name
    return None


def decode_features(cpu: Cpu) -> tuple[str, ...]:
    """Give the names of the features whose CPUID bits are all set, in the table's order.

    A feature that several vendors have in different bits, or bits that mean different things, go by the CPU's
    vendor. The copies that AMD keeps in leaf 80000001H count for the original bits alone.
    """
    return _present(vendor_of(cpu), _known_rows(cpu))


def decode_msr_features(cpu: Cpu) -> tuple[str, ...]:
    """Give the names of the features that the MSRs of the dump show; empty where it has none."""
    return _present(vendor_of(cpu), {(None, index): (value,) for index, value in cpu.msrs.items()})


def _present(vendor: str | None, rows: Mapping[_Key, tuple[int, ...]]) -> tuple[str, ...]:
    plan = _plan(vendor)
    names = [name for key, row in rows.items() if key in plan.flags for name in _names_in_row(vendor, key, row)]
    names += [whole.name for whole in plan.wholes if whole.is_in(rows)]
    return tuple(sorted(names, key=plan.order.__getitem__))


def _known_rows(cpu: Cpu) -> dict[_Key, Registers]:
    """Give the rows that the CPU has; of the hypervisors' leaves only KVM's, where the table has them."""
    rows: dict[_Key, Registers] = {}
    for key, row in existing_rows(cpu).items():
        leaf = key[0]
        if not _HYPERVISOR_FIRST <= leaf <= _HYPERVISOR_LAST:
            rows[key] = row
        elif scope_of(cpu, leaf) == _KVM:
            # Beside Hyper-V's interface KVM's stands 0x100 higher: the features are the same.
            rows[_HYPERVISOR_FIRST | leaf & 0xFF, key[1]] = row
    return rows
