"""Hand-made snapshots for tests: a host with as little or as much evidence as a test needs.

Each function gives the data of one source; `evidence(cpuid=cpuid(rows(...)), kvm=kvm(rows(...)))` puts them
together. A source that is not given is not in the snapshot.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vcpuid.evidence import Evidence
from vcpuid.snapshot import Snapshot

Data = dict[str, Any]
VIRTUAL = "00000000 00000000 80000000 00000000"
GENUINE_INTEL = "00000016 756e6547 6c65746e 49656e69"
AUTHENTIC_AMD = "00000010 68747541 444d4163 69746e65"
QEMU_PATH = "/usr/bin/qemu-system-x86_64"
SKYLAKE_SIGNATURE, ICE_LAKE_SIGNATURE = "000506e3", "000606a6"

MAP_FEATURES = """<cpus>
  <feature name='fpu'><cpuid eax_in='0x01' edx='0x00000001'/></feature>
  <feature name='vmx'><cpuid eax_in='0x01' ecx='0x00000020'/></feature>
  <feature name='movbe'><cpuid eax_in='0x01' ecx='0x00400000'/></feature>
  <feature name='sgx'><cpuid eax_in='0x07' ecx_in='0x00' ebx='0x00000004'/></feature>
  <feature name='avx2'><cpuid eax_in='0x07' ecx_in='0x00' ebx='0x00000020'/></feature>
  <feature name='sgxlc'><cpuid eax_in='0x07' ecx_in='0x00' ecx='0x40000000'/></feature>
  <feature name='arch-capabilities'><cpuid eax_in='0x07' ecx_in='0x00' edx='0x20000000'/></feature>
  <feature name='invtsc' migratable='no'><cpuid eax_in='0x80000007' edx='0x00000100'/></feature>
  <feature name='vmx-ept'><msr index='0x48b' edx='0x00000000' eax='0x00000002'/></feature>
  <feature name='rdctl-no'><msr index='0x10a' edx='0x00000000' eax='0x00000001'/></feature>
  <vendor name='Intel' string='GenuineIntel'/>
  <vendor name='AMD' string='AuthenticAMD'/>
</cpus>"""
MAP_MODELS = """<cpus>
  <model name='qemu64'><feature name='fpu'/></model>
  <model name='Skylake'><feature name='fpu'/><feature name='movbe'/><feature name='avx2'/></model>
  <model name='Skylake-noavx2'><model name='Skylake'/><feature name='avx2' removed='yes'/></model>
</cpus>"""
MAP_INDEX = """<cpus>
  <arch name='x86'>
    <include filename='x86_features.xml'/>
    <group name='models'><include filename='x86_models.xml'/></group>
  </arch>
</cpus>"""


def document(**sources: Data) -> Data:
    """Give a snapshot document with these sources' data; every other source is missing."""
    return {
        "schema": "vcpuid-snapshot/1",
        "collector": {"version": "0.1.0", "python": "3.11.2", "euid": 0, "active": False, "monitor": False},
        "host": {"name": "h07", "machine": "x86_64"},
        "taken_at": "2026-01-02T03:04:05Z",
        "took_ms": 1,
        "sources": {name: _record(data) for name, data in sources.items()},
    }


def _record(data: Data) -> Data:
    is_record = data.keys() >= {"state", "problems", "data"}
    return data if is_record else {"state": "ok", "took_ms": 1, "problems": [], "data": data}


def failed(what: str, why: str, remedy: str = "", *, state: str = "failed") -> Data:
    """Give the whole record of a source that has no data."""
    problem = {"what": what, "why": why, "remedy": remedy}
    return {"state": state, "took_ms": 1, "problems": [problem], "data": None}


def evidence(**sources: Data) -> Evidence:
    """Give the evidence of a snapshot with these sources' data."""
    return Evidence(Snapshot.of(document(**sources), "test host"))


def write_snapshot(path: Path, **sources: Data) -> Path:
    """Write the snapshot with these sources' data to a file, and give its path."""
    path.write_text(json.dumps(document(**sources)), encoding="utf-8")
    return path


def cpuid(*cpus: Data) -> Data:
    """Give the data of the `cpuid` source: one mapping `leaf.subleaf` to registers for each CPU."""
    return {
        "via": "instruction",
        "not_read": [],
        "cpus": [{"cpu": number, "rows": rows} for number, rows in enumerate(cpus)],
    }


def rows(**leaves: str) -> Data:
    """Give rows under their keys: `_7_0="..."` stands for leaf 7, subleaf 0; leaf 0 says a maximum of 16H."""
    made = {"00000000.0": GENUINE_INTEL}
    for key, registers in leaves.items():
        leaf, subleaf = key.removeprefix("_").split("_")
        made[f"{int(leaf, 16):08x}.{subleaf}"] = registers
    return made


def row(eax: int = 0, ebx: int = 0, ecx: int = 0, edx: int = 0) -> str:
    """Give a row's four registers as the snapshot writes them."""
    return f"{eax:08x} {ebx:08x} {ecx:08x} {edx:08x}"


def msr(**values: int) -> Data:
    """Give the data of the `msr` source, read on CPU 0: `_3a=5` stands for MSR 3AH."""
    return {"cpus": {"0": {f"{int(name[1:], 16):08x}": f"{value:016x}" for name, value in values.items()}}}


def kvm(supported: Data, *, emulated: Data | None = None, **others: Any) -> Data:  # noqa: ANN401 - raw JSON
    """Give the data of the `kvm` source; `others` are its further members as they are."""
    return {"api_version": 12, "supported_cpuid": supported, "emulated_cpuid": emulated, **others}


def cpuinfo(*flag_lines: str) -> Data:
    """Give the data of the `cpuinfo` source: one flags line for each kind of CPU."""
    return {"blocks": [{"cpus": [number], "fields": {"flags": line}} for number, line in enumerate(flag_lines)]}


def kernel(*command_line: str, **others: Any) -> Data:  # noqa: ANN401 - raw JSON
    """Give the data of the `kernel` source; `others` replace its further members."""
    return {
        "release": "6.1.0",
        "version": "#1 SMP",
        "command_line": list(command_line),
        "modules": {},
        "vulnerabilities": {},
        "xcr0": None,
        **others,
    }


def sgx(*, vepc: bool) -> Data:
    """Give the data of the `sgx` source, with or without the device for guests."""
    device = {"mode": "0660", "uid": 0, "gid": 106, "group": "sgx", "openable": True}
    return {"devices": {"/dev/sgx_enclave": None, "/dev/sgx_vepc": device if vepc else None}, "numa": {}}


def qemu(version: str | None = "7.2.22", path: str = QEMU_PATH) -> Data:
    """Give the data of the `qemu` source: one binary."""
    return {"binaries": [{"path": path, "version": version}]}


def qmp(accel: str = "kvm", **answer: Any) -> Data:  # noqa: ANN401 - raw JSON
    """Give the data of the `qmp` source: one answer."""
    return {"binaries": [{"path": QEMU_PATH, "accel": accel, "version": "7.2.22", "expansions": {}, **answer}]}


def cpu_map(features: str = MAP_FEATURES, models: str = MAP_MODELS) -> Data:
    """Give the `map` of the `libvirt` source: three small files."""
    files = {"index.xml": MAP_INDEX, "x86_features.xml": features, "x86_models.xml": models}
    return {"directory": "/usr/share/libvirt/cpu_map", "files": files}


def domain_capabilities(host_model: str, virttype: str = "kvm") -> Data:
    """Give one answer of domain capabilities, whose host-model mode has this content."""
    xml = (
        f"<domainCapabilities><path>{QEMU_PATH}</path><domain>{virttype}</domain><cpu>"
        f"<mode name='host-passthrough' supported='yes'/>"
        f"<mode name='host-model' supported='yes'>{host_model}</mode></cpu></domainCapabilities>"
    )
    return {"virttype": virttype, "emulator": QEMU_PATH, "machine": None, "xml": xml}


def libvirt(
    host_model: str | None = None,
    *,
    map_: Data | None = None,
    virttype: str = "kvm",
    **others: Any,  # noqa: ANN401 - raw JSON
) -> Data:
    """Give the data of the `libvirt` source; a `host_model` brings domain capabilities, `others` more members."""
    return {
        "version": {"library": "9.0.0", "daemon": "9.0.0", "hypervisor": "QEMU 7.2.22"},
        "domain_capabilities": [domain_capabilities(host_model, virttype)] if host_model else [],
        "cache": None,
        "map": map_,
        **others,
    }


def domain_xml(cpu: str, *, type_: str = "kvm", more: str = "") -> str:
    """Give a domain's XML with this <cpu> element and further elements."""
    return (
        f"<domain type='{type_}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>web-1</name>"
        f"<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>{cpu}{more}</domain>"
    )


def domains(
    *,
    inactive: str | None = None,
    started: str | None = None,
    live: str | None = None,
    pid: int | None = None,
) -> Data:
    """Give the data of the `domains` source: the domain web-1, which runs where it has a process."""
    return {
        "domains": [
            {
                "name": "web-1",
                "uuid": "3f0a6f6a-7d0f-4ad9-b0cb-6a3c1f0f9a11",
                "state": "running" if pid else "shut off",
                "id": 3 if pid else None,
                "pid": pid,
                "inactive": inactive,
                "started": started,
                "live": live,
            }
        ]
    }


def processes(*args: str, pid: int = 4711) -> Data:
    """Give the data of the `processes` source: one QEMU with these arguments."""
    return {"processes": [{"pid": pid, "exe": QEMU_PATH, "deleted": False, "name": "web-1", "args": list(args)}]}


def monitor(properties: dict[str, bool], dropped: tuple[str, ...] = ()) -> Data:
    """Give the data of the `monitor` source: the report of web-1's QEMU."""
    report = {"domain": "web-1", "pid": 4711, "properties": properties, "unavailable_features": list(dropped)}
    return {"guests": [report]}


def nova(**settings: str) -> Data:
    """Give the data of the `nova` source: one file with these keys in [libvirt], from line 11 on."""
    entries = [
        {"line": line, "section": "libvirt", "key": key, "value": value}
        for line, (key, value) in enumerate(settings.items(), 11)
    ]
    return {"files": [{"path": "/etc/nova/nova.conf", "entries": entries}]}


def whole_host() -> dict[str, Data]:
    """Give every source of a host that runs web-1 under KVM: what reading has to cope with at its fullest."""
    xml = domain_xml("<cpu mode='custom'><model>Skylake</model><feature policy='require' name='sgx'/></cpu>")
    leaf_7 = row(eax=1, ebx=0x029C6FBF, ecx=0x40000000, edx=0xBC000600)
    basic = rows(_1_0=f"{SKYLAKE_SIGNATURE} 00000000 7ffafbff bfebfbff", _7_0=leaf_7, _12_2=row(eax=1, ecx=0x1000))
    cpus = cpuid(basic)
    cpus["cpus"].append({"cpu": 1, "like": 0, "rows": {"00000007.0": leaf_7}, "lacks": ["00000012.2"]})
    return {
        "cpuid": {**cpus, "not_read": [2]},
        "cpuinfo": cpuinfo("fpu sgx avx2", "fpu sgx"),
        "kernel": kernel(
            "quiet",
            modules={"kvm_intel": {"nested": "Y"}},
            vulnerabilities={"tsx_async_abort": "Not affected"},
            xcr0="00000000000000e7",
            sgx_log=["sgx: EPC section 0x1000-0x1fff"],
        ),
        "msr": msr(_3a=0x60005, _10a=0x1),
        "kvm": kvm(
            basic,
            emulated={"00000001.0": row(ecx=1 << 22)},
            msr_features={"0000010a": "1"},
            guest_permission={"asked": "40000", "granted": "60207", "supported": "60207"},
        ),
        "sgx": {**sgx(vepc=True), "numa": {"0": 98566144}},
        "qemu": qemu(),
        "qmp": qmp(
            expansions={"host": {"sgx": True, "avx2": True}, "max": {"avx2": True}},
            properties=["sgx", "avx2"],
            sgx_error="SGX is not enabled in KVM",
        ),
        "libvirt": libvirt(
            "<model>Skylake</model><feature policy='disable' name='sgx'/>",
            map_=cpu_map(),
            cache=[{"file": "1.xml", "emulator": QEMU_PATH, "emulator_newer": False}],
        ),
        "domains": domains(inactive=xml, started=xml, live=xml, pid=4711),
        "processes": processes("-accel", "kvm", "-cpu", "Skylake,sgx=on", "-cpu", "Skylake"),
        "nova": nova(cpu_mode="host-model", cpu_model_extra_flags="sgx"),
        "monitor": monitor({"avx2": True}, ("sgx",)),
    }
