"""Hosts with SGX, made by hand of recorded values: one that is ready, and others with one thing changed.

ORIGIN: the enclave memory, leaf 12H and its attributes are of GenuineIntel00806E9_Kabylake_CPUID2.txt and
GenuineIntel00706E5_IceLakeY_CPUID.txt of the InstLatx64 collection (facts about hardware), the second for all that
is newer; that there are two nodes with such memory, and everything above the CPU, is made up in the form of
`vcpuid collect`. The BIOS switch that is off is that of docs/examples/h07.json.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

from snapshots import QEMU_PATH, Data, cpuid, document, failed, kernel, kvm, libvirt, msr, qemu, rows
from vcpuid.evidence import Evidence
from vcpuid.gather.collect import SOURCE_NAMES
from vcpuid.snapshot import Snapshot

MIB = 1 << 20
SECTION = 188 * MIB
LEAF_1, LEAF_7 = "000706e5 00100800 7ffafbbf bfebfbff", "00000000 f2bf27ef 40405f4e bc000410"
LEAF_12 = "00000063 00000001 00000000 00002f1f"
SECTIONS = ("30180001 00000000 0bc00001 00000000", "30180001 00000010 0bc00001 00000000")
ROWS = rows(
    _1_0=LEAF_1,
    _7_0=LEAF_7,
    _12_0=LEAF_12,
    _12_1="000000b6 00000000 000002e7 00000000",
    _12_2=SECTIONS[0],
    _12_3=SECTIONS[1],
) | {"00000000.0": "0000001b 756e6547 6c65746e 49656e69"}
DEVICE = {"mode": "0660", "uid": 0, "gid": 106, "group": "sgx", "openable": True}
OFFER = (
    "<sgx supported='yes'><flc>yes</flc><sgx1>yes</sgx1><sgx2>yes</sgx2>"
    "<section_size unit='KiB'>385024</section_size><sections><section node='0' size='192512' unit='KiB'/>"
    "<section node='1' size='192512' unit='KiB'/></sections></sgx>"
)
BINARY = {
    "resolved": QEMU_PATH,
    "found_by": ["usual place"],
    "deleted": False,
    "package": None,
    "build": None,
    "owner_uid": 0,
    "mode": "0755",
    "mtime": 1735689600,
}
LOG = ["sgx: EPC section 0x30180000-0x3bd7ffff", "sgx: EPC section 0x1030180000-0x103bd7ffff"]


def capabilities(sgx: str) -> Data:
    """Give domain capabilities with this <sgx>."""
    xml = (
        f"<domainCapabilities><path>{QEMU_PATH}</path><domain>kvm</domain><cpu><mode name='host-passthrough' "
        f"supported='yes'/></cpu><features>{sgx}</features></domainCapabilities>"
    )
    return {"virttype": "kvm", "emulator": QEMU_PATH, "machine": None, "xml": xml}


def process(pid: int, name: str, *objects: str) -> Data:
    """Give a QEMU process with these memory backends, a section of each."""
    names = [found[1] for text in objects if (found := re.search(r"id=(\w+)", text))]
    sections = ",".join(f"sgx-epc.{number}.memdev={name}" for number, name in enumerate(names))
    machine = ["-machine", f"q35,{sections}"]
    args = ["-accel", "kvm", "-cpu", "host", *machine, *(word for text in objects for word in ("-object", text))]
    return {"pid": pid, "exe": QEMU_PATH, "deleted": False, "name": name, "uuid": None, "args": args}


def ready() -> dict[str, Data]:
    """Give the sources of a host with 188 MiB on each of two nodes, of which a guest has 64 MiB on node 1."""
    backend = f"memory-backend-epc,id=epc0,size={64 * MIB},prealloc=on,host-nodes=1,policy=bind"
    return {
        "cpuid": cpuid(copy.deepcopy(ROWS)),
        "kernel": kernel(
            release="6.1.0-28-amd64",
            sgx_log=list(LOG),
            modules={"kvm_intel": {"nested": "Y"}},
            isolated=None,
            nohz_full=None,
            lockdown=None,
            microcode={"0": "0xbc"},
        ),
        "msr": msr(_3a=0x60005, _8c=0xA6053E051270B7AC),
        "kvm": kvm(
            copy.deepcopy(ROWS),
            msr_features={},
            capabilities={"sgx_attribute": 1},
            guest_permission={"asked": "40000", "granted": None, "supported": None},
        ),
        "sgx": {
            "devices": {f"/dev/sgx_{name}": dict(DEVICE) for name in ("enclave", "provision", "vepc")},
            "users": {"libvirt-qemu": {"uid": 64055, "gids": [106, 64055]}},
            "numa": {"0": SECTION, "1": SECTION},
            "misc_cgroup": {"sgx_epc": str(2 * SECTION)},
            "quotes": {
                "qcnl": {"pccs_url": "https://localhost:8081/sgx/certification/v4/", "use_secure_cert": "false"},
                "sockets": {"/run/aesmd/aesm.socket": True, "/run/tdx-qgs/qgs.socket": False},
                "registration": ["SgxRegistrationPackageInfo", "SgxRegistrationStatus"],
            },
        },
        "qemu": {"binaries": [BINARY | qemu()["binaries"][0]]},
        "libvirt": libvirt(
            virsh="/usr/bin/virsh",
            uri="qemu:///system",
            capabilities_cpu=None,
            cache=[],
            domain_capabilities=[capabilities(OFFER)],
        ),
        "domains": {"domains": []},
        "processes": {"processes": [process(4711, "vault", backend)]},
    }


def _off(sources: dict[str, Data]) -> None:
    """Take away all that a kernel without SGX takes away."""
    sources["sgx"].update(devices=dict.fromkeys(sources["sgx"]["devices"]), numa={}, misc_cgroup=None)
    sources["kvm"]["supported_cpuid"]["00000007.0"] = "00000000 f2bf27eb 00405f4e bc000410"
    for subleaf in range(4):
        sources["kvm"]["supported_cpuid"].pop(f"00000012.{subleaf}", None)
    sources["kvm"]["capabilities"]["sgx_attribute"] = 0
    sources["kernel"]["sgx_log"] = []
    sources["libvirt"]["domain_capabilities"] = [capabilities("<sgx supported='no'/>")]
    sources["processes"]["processes"] = []


def _bios_off(sources: dict[str, Data]) -> None:
    _off(sources)
    for subleaf in range(4):
        sources["cpuid"]["cpus"][0]["rows"].pop(f"00000012.{subleaf}")
    sources["msr"]["cpus"]["0"]["0000003a"] = "0000000000000005"
    sources["kernel"]["sgx_log"] = ["sgx: disabled by BIOS"]


def _nosgx(sources: dict[str, Data]) -> None:
    _off(sources)
    sources["kernel"]["command_line"] = ["nosgx"]


def _no_vepc(sources: dict[str, Data]) -> None:
    sources["kernel"]["release"] = "5.11.0-16-generic"
    sources["sgx"]["devices"]["/dev/sgx_vepc"] = None
    _off(sources | {"sgx": {"devices": {}}, "kernel": {}})  # KVM, libvirt and guests alone


def _old_qemu(sources: dict[str, Data]) -> None:
    sources["qemu"]["binaries"][0]["version"] = "5.2.0"
    sources["libvirt"]["domain_capabilities"] = [capabilities("<sgx supported='no'/>")]
    sources["processes"]["processes"] = []


def _old_libvirt(sources: dict[str, Data]) -> None:
    sources["libvirt"]["version"] = {"library": "8.0.0", "daemon": "8.0.0", "hypervisor": "QEMU 7.2.22"}
    sources["libvirt"]["domain_capabilities"] = [capabilities("")]


def _no_permission(sources: dict[str, Data]) -> None:
    sources["sgx"]["users"]["libvirt-qemu"]["gids"] = [64055]
    sources["libvirt"]["domain_capabilities"] = [capabilities("<sgx supported='no'/>")]
    sources["processes"]["processes"] = []


def _tdx(sources: dict[str, Data]) -> None:
    sources["kernel"]["modules"] = {"kvm_intel": {"nested": "Y", "tdx": "Y"}}
    sources["sgx"]["quotes"] = {
        "qcnl": None,
        "sockets": {"/run/aesmd/aesm.socket": False, "/run/tdx-qgs/qgs.socket": False},
        "registration": ["SgxRegistrationPackageInfo", "SgxRegistrationServerRequest", "SgxRegistrationStatus"],
    }


def _unprivileged(sources: dict[str, Data]) -> None:
    refused = [{"what": "/dev/cpu/0/msr", "why": "permission denied", "remedy": "run as root, and `modprobe msr`"}]
    sources["msr"] = {"state": "failed", "took_ms": 1, "problems": refused, "data": None}
    sources["kernel"]["sgx_log"] = None


CHANGES: dict[str, Callable[[dict[str, Data]], None]] = {
    "ready": lambda _sources: None,
    "bios-off": _bios_off,
    "nosgx": _nosgx,
    "no-vepc": _no_vepc,
    "old-qemu": _old_qemu,
    "libvirt-without-sgx": _old_libvirt,
    "no-permission": _no_permission,
    "tdx": _tdx,
    "unprivileged": _unprivileged,
}


def sources_of(name: str) -> dict[str, Data]:
    """Give the sources of one of these hosts."""
    sources = ready()
    CHANGES[name](sources)
    return sources


def sgx_document(name: str) -> dict[str, Any]:
    """Give the snapshot of one of these hosts."""
    sources = sources_of(name)
    others = {one: failed(one, "not looked at", state="skipped") for one in SOURCE_NAMES if one not in sources}
    made = document(**sources, **others)
    made["host"]["name"] = name
    made["collector"]["anonymised"] = False
    return made


def sgx_host(name: str, **changed: Data) -> Evidence:
    """Give the evidence of one of these hosts, with some sources replaced."""
    made = document(**(sources_of(name) | changed))
    made["host"]["name"] = name
    return Evidence(Snapshot.of(made, name))


# The examples of the documentation: the host's name there to the host.
EXAMPLES = {"h10": "ready", "h11": "nosgx", "h12": "tdx"}


def example_text(name: str) -> str:
    """Give the text of docs/examples/NAME.json."""
    made = sgx_document(EXAMPLES[name])
    made["host"]["name"] = name
    return json.dumps(made, indent=1) + "\n"
