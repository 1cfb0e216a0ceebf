"""Writes docs/examples/cluster/, a small mixed cluster, and updated/, one of its hosts after new microcode.

    python -m tools.make_cluster          write them
    python -m tools.make_cluster --check  write nothing; name the files that are stale, status 1 if there are any

The CPUs are those of tests/dumps. What KVM gives of them is made up as `make_fleet` does, and what libvirt gives
is what its rules, with the map that is shipped with vcpuid, make of that.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tools.make_fleet import KEPT_BACK, as_rows, changed

from vcpuid.dumps import parse_dump
from vcpuid.guest.libvirt import render_cpu
from vcpuid.rules.libvirt.decode import Side, decode, make_cpu
from vcpuid.rules.libvirt.models import CpuData, Model, Models
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.terms.dump import Cpu
from vcpuid.terms.guest import GuestCpu

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs/examples"
_KERNEL, _LIBVIRT, _QEMU = "6.12.38", "11.3.0", "10.0.3"
_BINARY, _MACHINE = "/usr/bin/qemu-system-x86_64", "pc-q35-10.0"
_KEPT_BACK_BESIDES = (
    *("ds_cpl", "xtpr", "pdcm", "intel-pt", "arch-lbr", "pconfig", "cet-ss", "cet-ibt", "pks"),
    *("sgx", "sgx1", "sgxlc", "split-lock-detect"),
)

Document = dict[str, Any]


class Guest(NamedTuple):
    """A guest and the model in its <cpu>; none for what host-model gave it here."""

    name: str
    model: str = ""


class Node(NamedTuple):
    """A host: whose CPU it has, what was taken from it, and what runs on it."""

    dump: str
    microcode: str
    lost: tuple[str, ...] = ()
    guests: tuple[Guest, ...] = ()
    taken_at: str = "2026-01-31T06:00:00Z"


_WEB = Guest("web", "Skylake-Client-IBRS")
_TSX = ("hle", "rtm")  # later microcode has taken it away
NODES = {
    "cluster/node-1": Node("intel-coffee-lake.json", "0xb4", guests=(_WEB,)),
    "cluster/node-2": Node("intel-coffee-lake.json", "0xb4", guests=(Guest("db"),)),
    "cluster/node-3": Node("intel-coffee-lake.json", "0xf0", _TSX, (Guest("cache", "Haswell-noTSX"),)),
    "cluster/node-4": Node("intel-alder-lake.json", "0x2c", guests=(Guest("build"),)),
    "updated/node-1": Node("intel-coffee-lake.json", "0xf0", _TSX, (_WEB,), "2026-02-01T06:00:00Z"),
}


def render_files() -> dict[str, str]:
    """Give the text of each file by its path."""
    models = Models(shipped_map())
    return {
        f"{path}.json": json.dumps(_snapshot(models, path.rpartition("/")[2], node), indent=1) + "\n"
        for path, node in NODES.items()
    }


def _snapshot(models: Models, name: str, node: Node) -> Document:
    cpu = parse_dump((ROOT / "tests/dumps" / node.dump).read_bytes(), node.dump).dump.cpus[0]
    silicon = Cpu(cpu.number, changed(cpu, node.lost, made=()), missing=cpu.missing)
    given = Cpu(cpu.number, changed(silicon, (*KEPT_BACK, *_KEPT_BACK_BESIDES)), missing=cpu.missing)
    host_model = decode(models, models.read(given), Side.GUEST, migratable=True).cpu
    capabilities = _capabilities(models, models.read(given), host_model)
    sources: Document = {
        "cpuid": {"via": "instruction", "not_read": [], "cpus": [{"cpu": 0, "rows": as_rows(silicon.rows)}]},
        "cpuinfo": {"blocks": [{"cpus": [0], "fields": {"flags": "", "microcode": node.microcode}}]},
        "kernel": {
            "release": _KERNEL,
            "version": "#1 SMP",
            "command_line": [],
            "modules": {},
            "vulnerabilities": {},
            "xcr0": None,
        },
        "kvm": {"api_version": 12, "supported_cpuid": as_rows(given.rows), "emulated_cpuid": None},
        "qemu": {"binaries": [{"path": _BINARY, "version": _QEMU}]},
        "libvirt": {
            "virsh": "/usr/bin/virsh",
            "uri": "qemu:///system",
            "version": {"library": _LIBVIRT, "daemon": _LIBVIRT, "hypervisor": f"QEMU {_QEMU}"},
            "domain_capabilities": [
                {"virttype": "kvm", "emulator": _BINARY, "machine": None, "xml": capabilities},
            ],
        },
        "domains": {"domains": [_domain(guest, host_model) for guest in node.guests]},
    }
    return {
        "schema": "vcpuid-snapshot/1",
        "collector": {
            "version": "0.1.0",
            "python": "3.11.2",
            "euid": 0,
            "active": False,
            "monitor": False,
            "anonymised": False,
        },
        "host": {"name": name, "machine": "x86_64"},
        "taken_at": node.taken_at,
        "took_ms": 1,
        "sources": {
            source: {"state": "ok", "took_ms": 1, "problems": [], "data": data} for source, data in sources.items()
        },
    }


def _capabilities(models: Models, data: CpuData, host_model: GuestCpu) -> str:
    custom = "".join(_usable(models, model, data) for model in models.models.values() if model.on_guest)
    described = "".join(f"<feature policy='{one.policy.value}' name='{one.name}'/>" for one in host_model.requests)
    return (
        f"<domainCapabilities><path>{_BINARY}</path><domain>kvm</domain><machine>{_MACHINE}</machine>"
        "<arch>x86_64</arch><cpu><mode name='host-model' supported='yes'>"
        f"<model fallback='forbid'>{host_model.model}</model><vendor>{data.vendor}</vendor>{described}</mode>"
        f"<mode name='custom' supported='yes'>{custom}</mode></cpu></domainCapabilities>"
    )


def _usable(models: Models, model: Model, data: CpuData) -> str:
    lacking = list(models.names(model.bits & ~data.bits))
    usable = "no" if lacking else "yes"
    blockers = "".join(f"<feature name='{name}'/>" for name in lacking)
    told = f"<blockers model='{model.name}'>{blockers}</blockers>" if lacking else ""
    return f"<model usable='{usable}'>{model.name}</model>{told}"


def _domain(guest: Guest, host_model: GuestCpu) -> Document:
    cpu = make_cpu(guest.model, None, (), Side.GUEST) if guest.model else host_model
    xml = (
        f"<domain type='kvm'><name>{guest.name}</name><os><type arch='x86_64' machine='{_MACHINE}'>hvm</type></os>"
        f"{render_cpu(cpu)}</domain>"
    )
    return {
        "name": guest.name,
        "uuid": f"00000000-0000-4000-8000-{guest.name.encode().hex():0>12}",
        "inactive": xml,
        "started": None,
        "live": xml,
        "pid": None,
        "state": "running",
        "id": 1,
    }


def main() -> int:
    """Write or check the files."""
    parser = argparse.ArgumentParser(description="Write the examples of a cluster.")
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if a file is stale")
    arguments = parser.parse_args()
    stale = 0
    for name, text in render_files().items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale += 1
            print(path.relative_to(ROOT))
            if not arguments.check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    return int(arguments.check and stale > 0)


if __name__ == "__main__":
    sys.exit(main())
