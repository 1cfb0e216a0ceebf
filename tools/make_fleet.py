"""Makes a fleet that nobody has, out of CPUs that somebody had: a snapshot a line.

    python -m tools.make_fleet --hosts 1000 DUMP... | vcpuid fleet ingest - --store fleet

Hosts come in racks of equal machines. What KVM gives them is their CPUID without what KVM keeps back, with what it
makes, and less on some: a parameter or an old kernel takes a feature away. The same seed makes the same fleet.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from vcpuid.atlas import Atlas
from vcpuid.atlas.index import VENDORS
from vcpuid.decode.identity import vendor_of
from vcpuid.dumps import parse_dump
from vcpuid.terms.address import CpuidRegister
from vcpuid.terms.dump import Cpu, Registers

_RACK = 40
_ZONES = ("north", "south", "west")
_KERNELS = ("5.15.0", "6.1.0", "6.8.0")
_DROPS = ((), (), ("hle", "rtm"), ("la57",), ("avx512f",), ("pku",), ("umip",))
"""What hosts of a rack lack at times: TSX by microcode, the others by a kernel parameter or the kernel's age."""

KEPT_BACK = ("monitor", "ds", "dtes64", "est", "tm2", "acpi", "tm", "ht", "pbe", "vmx", "smx", "osxsave")
MADE = ("syscall", "x2apic", "tsc-deadline", "hypervisor")
_GUESTS = ("qemu64", "Haswell-noTSX", "EPYC", "Skylake-Server-noTSX-IBRS", "host-model", "host-passthrough")
_HOST_MODELS = {"intel": "Nehalem", "amd": "Opteron_G3"}
"""What host-model guests got when they were started: an old model, which any host of the vendor may give."""

_MACHINES = ("pc-q35-7.2", "pc-q35-7.2", "pc-q35-6.2", "pc-i440fx-7.2")
_MOST_GUESTS = 4

Document = dict[str, Any]


class _Rack(NamedTuple):
    """What the hosts of one rack have in common."""

    cpu: Cpu
    zone: str
    kernel: str
    microcode: str


def make_fleet(cpus: Sequence[Cpu], hosts: int, seed: int = 0) -> Iterator[Document]:
    """Give the snapshots of so many hosts."""
    random = Random(seed)  # noqa: S311 - a fleet that can be made again, and no secret
    rack = None
    for number in range(hosts):
        if rack is None or number % _RACK == 0:
            kernel, zone = random.choice(_KERNELS), random.choice(_ZONES)
            rack = _Rack(random.choice(cpus), zone, kernel, f"0x{random.randrange(1, 4):x}")
        drops = random.choice(_DROPS) if random.random() < 1 / 8 else ()
        yield _snapshot(f"{rack.zone}-{number:07}", rack, drops, random)


def _snapshot(host: str, rack: _Rack, drops: Sequence[str], random: Random) -> Document:
    supported = changed(rack.cpu, (*KEPT_BACK, *drops))
    sources = {
        "cpuid": {"via": "instruction", "not_read": [], "cpus": [{"cpu": 0, "rows": as_rows(rack.cpu.rows)}]},
        "cpuinfo": {"blocks": [{"cpus": [0], "fields": {"flags": "", "microcode": rack.microcode}}]},
        "kernel": {
            "release": rack.kernel,
            "version": "#1 SMP",
            "command_line": [],
            "modules": {},
            "vulnerabilities": {},
            "xcr0": None,
        },
        "kvm": {"api_version": 12, "supported_cpuid": as_rows(supported), "emulated_cpuid": None},
        "qemu": {"binaries": [{"path": "/usr/bin/qemu-system-x86_64", "version": "7.2.22"}]},
        "domains": {
            "domains": [
                _domain(f"{host}-{number}", vendor_of(rack.cpu), random)
                for number in range(random.randrange(_MOST_GUESTS))
            ]
        },
    }
    return {
        "schema": "vcpuid-snapshot/1",
        "collector": {"version": "0.1.0", "python": "3.11.2", "euid": 0, "active": False, "monitor": False},
        "host": {"name": host, "machine": "x86_64"},
        "taken_at": "2026-01-02T03:04:05Z",
        "took_ms": 1,
        "sources": {
            name: {"state": "ok", "took_ms": 1, "problems": [], "data": data} for name, data in sources.items()
        },
    }


def _domain(name: str, vendor: str | None, random: Random) -> Document:
    """Give a guest, running or not; what it got differs from what was asked where libvirt chose at its start."""
    kind, machine, runs = random.choice(_GUESTS), random.choice(_MACHINES), random.random() < 2 / 3
    asked = (
        f"<cpu mode='{kind}' check='partial'/>"
        if kind.startswith("host-")
        else f"<cpu mode='custom' match='exact' check='partial'><model fallback='forbid'>{kind}</model></cpu>"
    )
    got = asked
    if kind == "host-model" and vendor in _HOST_MODELS:
        got = (
            "<cpu mode='custom' match='exact' check='full'>"
            f"<model fallback='forbid'>{_HOST_MODELS[vendor]}</model>"
            "<feature policy='require' name='x2apic'/><feature policy='require' name='hypervisor'/></cpu>"
        )

    def xml(cpu: str) -> str:
        return (
            f"<domain type='kvm'><name>{name}</name><os><type arch='x86_64' machine='{machine}'>hvm</type></os>"
            f"{cpu}</domain>"
        )

    return {
        "name": name,
        "uuid": f"00000000-0000-4000-8000-{random.getrandbits(48):012x}",
        "inactive": xml(asked),
        "started": xml(asked) if runs else None,
        "live": xml(got) if runs else None,
        "pid": random.randrange(1000, 30000) if runs else None,
        "state": "running" if runs else "shut off",
        "id": random.randrange(1, 1000) if runs else None,
    }


def changed(cpu: Cpu, dropped: Sequence[str], made: Sequence[str] = MADE) -> dict[tuple[int, int], Registers]:
    """Give a CPU's rows without some features, and with others: those that KVM makes."""
    rows = {key: list(row) for key, row in cpu.rows.items()}
    atlas, own = Atlas.load(), vendor_of(cpu)
    vendor = own if own in VENDORS else None
    for name in (*dropped, *made):
        for bits in atlas.find(name, vendor).feature.bits:
            word = bits.word
            if isinstance(word, CpuidRegister) and (word.leaf, word.subleaf) in rows:
                row = rows[word.leaf, word.subleaf]
                added = bits.mask if name in made else 0
                row[word.register.position] = row[word.register.position] & ~bits.mask | added
    return {key: (row[0], row[1], row[2], row[3]) for key, row in rows.items()}


def as_rows(rows: Mapping[tuple[int, int], Registers]) -> dict[str, str]:
    """Give a snapshot's form of CPUID's answers."""
    return {
        f"{leaf:08x}.{subleaf}": " ".join(f"{register:08x}" for register in row)
        for (leaf, subleaf), row in sorted(rows.items())
    }


def main() -> int:
    """Write the fleet that the command line describes."""
    parser = argparse.ArgumentParser(description="Make a fleet out of dumps, a snapshot a line.")
    parser.add_argument("dumps", nargs="+", type=Path, metavar="DUMP", help="a dump of any format")
    parser.add_argument("--hosts", type=int, default=1000, help="how many hosts (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="another number, another fleet")
    arguments = parser.parse_args()
    cpus = [parse_dump(path.read_bytes(), str(path)).dump.cpus[0] for path in arguments.dumps]
    for document in make_fleet(cpus, arguments.hosts, arguments.seed):
        sys.stdout.write(json.dumps(document) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
