"""What each source of a snapshot becomes."""

from __future__ import annotations

import pytest

from snapshots import (
    AUTHENTIC_AMD,
    QEMU_PATH,
    Data,
    cpu_map,
    cpuid,
    cpuinfo,
    document,
    domain_capabilities,
    evidence,
    failed,
    kernel,
    kvm,
    libvirt,
    msr,
    nova,
    qemu,
    qmp,
    row,
    rows,
    sgx,
    whole_host,
)
from vcpuid.decode.identity import decode_signature
from vcpuid.errors import InputError
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.cpuid import CpuidEvidence
from vcpuid.evidence.kernel import CpuinfoEvidence, KernelEvidence
from vcpuid.evidence.kvm import KvmEvidence
from vcpuid.evidence.libvirt import LibvirtEvidence, read_capabilities
from vcpuid.evidence.msr import MsrEvidence
from vcpuid.evidence.qemu import QemuBinary
from vcpuid.evidence.sgx import Device, SgxEvidence
from vcpuid.guest.libvirt import parse_xml
from vcpuid.guest.nova import NovaCpu
from vcpuid.snapshot import Snapshot
from vcpuid.terms.address import CpuidRegister, Register
from vcpuid.terms.guest import Accelerator

WHOLE = evidence(**whole_host())


def cpuid_of(data: Data) -> CpuidEvidence:
    read = evidence(cpuid=data).cpuid
    assert isinstance(read, CpuidEvidence)
    return read


def test_a_later_cpu_is_told_by_its_differences() -> None:
    assert isinstance(WHOLE.cpuid, CpuidEvidence)
    first, second = WHOLE.cpuid.dump.cpus
    assert set(first.rows) - set(second.rows) == {(0x12, 2)}
    assert first.rows[(0, 0)] == second.rows[(0, 0)]
    assert WHOLE.cpuid.not_read == (2,)


def test_a_cpu_cannot_be_like_one_that_was_not_told() -> None:
    data = cpuid(rows())
    data["cpus"].append({"cpu": 1, "like": 7, "rows": {}})
    with pytest.raises(InputError, match=r"cpus\[1\]\.like is damaged"):
        cpuid_of(data)


@pytest.mark.parametrize("key", ["00000007", "00000007.x", "x.0", "", "."])
def test_keys_of_rows(key: str) -> None:
    if key == "00000007":
        assert (7, 0) in cpuid_of(cpuid({key: row()})).dump.cpus[0].rows
    else:
        with pytest.raises(InputError, match="is damaged"):
            cpuid_of(cpuid({key: row()}))


@pytest.mark.parametrize(
    ("eax", "signature"),
    [
        (0x000506E3, (6, 94, 3)),
        (0x00A10F11, (25, 17, 1)),
        (0x00000F29, (15, 2, 9)),
        # Extended fields count for families 6 and 15 only.
        (0x000117F1, (7, 15, 1)),
    ],
)
def test_signatures(eax: int, signature: tuple[int, int, int]) -> None:
    assert decode_signature(eax) == signature


def test_vendor_and_hypervisor_bit() -> None:
    assert isinstance(WHOLE.cpuid, CpuidEvidence)
    assert (WHOLE.cpuid.vendor, WHOLE.cpuid.under_hypervisor) == ("intel", False)
    guest = cpuid_of(cpuid({"00000000.0": AUTHENTIC_AMD, "00000001.0": row(ecx=1 << 31)}))
    assert (guest.vendor, guest.under_hypervisor) == ("amd", True)
    odd = cpuid_of(cpuid({"00000000.0": row(1, 2, 3, 4)}))
    assert (odd.vendor, odd.signature) == (None, None)
    assert cpuid_of(cpuid()).vendor is None
    assert cpuid_of(cpuid({})).vendor is None


def test_cpuinfo_tells_flags_of_all_from_flags_of_some() -> None:
    read = WHOLE.cpuinfo
    assert isinstance(read, CpuinfoEvidence)
    assert read.flags == {"fpu", "sgx"}
    assert read.some_flags == {"avx2"}


def test_vmx_flags_are_flags_too() -> None:
    data = cpuinfo("fpu")
    data["blocks"][0]["fields"] |= {"vmx flags": "ept vnmi", "microcode": "0xf0"}
    read = evidence(cpuinfo=data).cpuinfo
    assert isinstance(read, CpuinfoEvidence)
    assert (read.flags, read.microcode) == (frozenset(("fpu", "ept", "vnmi")), ("0xf0",))


def test_a_cpuinfo_without_blocks_has_no_flags() -> None:
    read = evidence(cpuinfo=cpuinfo()).cpuinfo
    assert isinstance(read, CpuinfoEvidence)
    assert (read.flags, read.some_flags) == (frozenset(), frozenset())


def test_the_kernel() -> None:
    read = WHOLE.kernel
    assert isinstance(read, KernelEvidence)
    assert (read.release, read.xcr0) == ("6.1.0", 0xE7)
    assert read.modules == {"kvm_intel": {"nested": "Y"}}
    assert read.sgx_log == ("sgx: EPC section 0x1000-0x1fff",)


@pytest.mark.parametrize(
    ("release", "version"), [("6.1.0-13-amd64", (6, 1)), ("5.15-rc1", (5, 15)), ("6", None), ("x.y", None)]
)
def test_the_kernels_version(release: str, version: tuple[int, int] | None) -> None:
    read = evidence(kernel=kernel(release=release)).kernel
    assert isinstance(read, KernelEvidence)
    assert read.version == version


def test_msrs_of_several_cpus_speak_where_all_have_them() -> None:
    data = msr(_3a=0x60005, _10a=1)
    data["cpus"]["28"] = {"0000003a": "0000000000040005"}
    read = evidence(msr=data).msr
    assert isinstance(read, MsrEvidence)
    assert read.value(0x3A) == 0x40005
    assert read.value(0x10A) is None
    assert read.value(0x11) is None


def test_kvms_lists() -> None:
    read = WHOLE.kvm
    assert isinstance(read, KvmEvidence)
    assert read.supported.read(CpuidRegister(7, 0, Register.EBX)) == 0x029C6FBF
    assert read.emulated is not None
    assert read.msr_features == {0x10A: 1}
    assert not read.permission_denied


def test_kvm_without_the_permission_for_amx() -> None:
    read = evidence(kvm=kvm(rows(), guest_permission={"asked": "40000", "granted": None})).kvm
    assert isinstance(read, KvmEvidence)
    assert read.permission_denied
    assert read.emulated is None


def test_sgx_devices_are_there_or_not() -> None:
    read = evidence(sgx=sgx(vepc=True)).sgx
    assert isinstance(read, SgxEvidence)
    assert read.devices == {
        "/dev/sgx_enclave": None,
        "/dev/sgx_vepc": Device(mode=0o660, uid=0, gid=106, group="sgx", openable=True),
    }
    assert (read.users, read.quotes, read.limit_bytes) == (None, None, None)
    assert isinstance(WHOLE.sgx, SgxEvidence)
    assert WHOLE.sgx.epc_bytes == {0: 98566144}


def test_qemus_binaries_and_answers() -> None:
    assert evidence(qemu=qemu(None)).qemu == (QemuBinary(QEMU_PATH, None),)
    (answer,) = WHOLE.qmp if not isinstance(WHOLE.qmp, Gap) else ()
    assert (answer.accelerator, answer.version) == (Accelerator.KVM, "7.2.22")
    assert answer.expansions["host"] == {"sgx": True, "avx2": True}
    assert answer.properties == frozenset(("sgx", "avx2"))


def test_an_accelerator_that_nobody_knows_is_damage() -> None:
    with pytest.raises(InputError, match=r"binaries\[0\]\.accel is damaged"):
        _ = evidence(qmp=qmp("hvf")).qmp


def test_properties_that_are_no_switches_are_left_out() -> None:
    read = evidence(qmp=qmp(expansions={"host": {"avx2": True, "family": 6, "vendor": "x"}})).qmp
    assert not isinstance(read, Gap)
    assert read[0].expansions["host"] == {"avx2": True}


def test_libvirts_capabilities_are_chosen_by_type_and_emulator() -> None:
    both = [domain_capabilities("<model>A</model>"), domain_capabilities("<model>B</model>", "qemu")]
    read = evidence(libvirt=libvirt(domain_capabilities=both)).libvirt
    assert isinstance(read, LibvirtEvidence)
    chosen = [
        read.capabilities_for(accelerator, emulator)
        for accelerator, emulator in ((Accelerator.KVM, None), (Accelerator.TCG, QEMU_PATH))
    ]
    assert [answer and answer.host_model and answer.host_model.model for answer in chosen] == ["A", "B"]
    # Another emulator's answer would be another's.
    assert read.capabilities_for(Accelerator.KVM, "/opt/qemu") is None


def test_libvirts_capabilities_in_full() -> None:
    xml = (
        "<domainCapabilities><path>/q</path><cpu><mode name='host-passthrough' supported='yes'/>"
        "<mode name='host-model' supported='no'/><mode name='custom' supported='yes'>"
        "<model usable='yes'>Skylake</model><model usable='no'>Icelake</model></mode></cpu>"
        "<features><sgx supported='no'/></features></domainCapabilities>"
    )
    answer = {"virttype": "kvm", "emulator": "/q", "machine": None, "xml": xml}
    read = evidence(libvirt=libvirt(domain_capabilities=[answer])).libvirt
    assert isinstance(read, LibvirtEvidence)
    (found,) = read.capabilities
    assert (found.host_model, found.host_passthrough, found.sgx) == (None, True, False)
    assert found.usable_models == {"Skylake"}


def test_what_keeps_a_host_from_a_model() -> None:
    xml = (
        "<domainCapabilities><cpu><mode name='host-model' supported='yes'><model>Own</model>"
        "<feature policy='require' name='ss'/><feature policy='disable' name='mpx'/></mode>"
        "<mode name='custom' supported='yes'><model usable='yes'>Old</model><model usable='no'>Own</model>"
        "<model usable='no'>New</model><blockers model='New'><feature name='sgx'/><feature name='hle'/></blockers>"
        "<model usable='no'>Silent</model><model usable='unknown'>Unsaid</model></mode></cpu></domainCapabilities>"
    )
    found = read_capabilities(parse_xml(xml, "x"), "x")
    names = ("Old", "Own", "New", "Silent", "Unsaid", "Nowhere")
    assert [found.blockers_of(name) for name in names] == [(), ("mpx",), ("sgx", "hle"), None, None, None]
    assert found.usable_models == {"Old"}


def test_a_damaged_map_leaves_the_rest_of_libvirt() -> None:
    read = evidence(libvirt=libvirt("<model>Skylake</model>", map_=cpu_map("<cpus><feature"))).libvirt
    assert isinstance(read, LibvirtEvidence)
    assert (read.version, len(read.capabilities), read.cpu_map) == ("9.0.0", 1, None)
    with pytest.raises(InputError, match="not well-formed") as caught:
        read.checked_map()
    assert caught.value.source == "/usr/share/libvirt/cpu_map/x86_features.xml"


def test_a_file_that_was_not_taken_along_is_told_with_the_collectors_reason() -> None:
    """A map lacks it, and the reason is not that it was never there."""
    whole = cpu_map()
    del whole["files"]["x86_features.xml"]
    path = "/usr/share/libvirt/cpu_map/x86_features.xml"
    record = {**failed(path, "not UTF-8: byte e9 at 22", state="partial"), "data": libvirt(map_=whole)}
    read = evidence(libvirt=record).libvirt
    assert isinstance(read, LibvirtEvidence)
    assert read.map_fault is not None
    assert (read.map_fault.source, read.map_fault.message) == (path, "not UTF-8: byte e9 at 22")
    assert "`vcpuid map lint /usr/share/libvirt/cpu_map`" in (read.map_fault.next_step or "")


def test_hosts_with_the_same_map_share_it() -> None:
    first, second = (evidence(libvirt=libvirt(map_=cpu_map())).libvirt for _ in range(2))
    assert isinstance(first, LibvirtEvidence)
    assert isinstance(second, LibvirtEvidence)
    assert first.cpu_map is not None
    assert first.cpu_map is second.cpu_map


def test_nova_conf() -> None:
    assert isinstance(WHOLE.nova, NovaCpu)
    assert [request.name for request in WHOLE.nova.cpu.requests] == ["sgx"]
    assert str(WHOLE.nova.cpu.requests[0].place) == "/etc/nova/nova.conf:12"


def test_a_host_without_nova_conf() -> None:
    read = evidence(nova={"files": []}).nova
    assert isinstance(read, Gap)
    assert read.why == "none on this host"


def test_a_nova_conf_that_may_not_be_read_is_no_missing_one() -> None:
    record = {**failed("/etc/nova/nova.conf", "permission denied", "run as root"), "state": "partial"}
    read = evidence(nova={**record, "data": {"files": []}}).nova
    assert isinstance(read, Gap)
    assert str(read) == "/etc/nova/nova.conf: permission denied"


def test_later_files_of_nova_win() -> None:
    data = nova(cpu_mode="none")
    data["files"] += nova(cpu_mode="host-passthrough")["files"]
    read = evidence(nova=data).nova
    assert isinstance(read, NovaCpu)
    assert read.config is not None
    assert read.config.mode == "host-passthrough"


@pytest.mark.parametrize("source", sorted(whole_host()))
def test_a_source_that_is_missing_or_failed_is_a_gap(source: str) -> None:
    assert isinstance(getattr(evidence(), source), Gap)
    gap = getattr(evidence(**{source: failed("the thing", "no answer within 10 s", "ask later")}), source)
    assert isinstance(gap, Gap)
    assert str(gap) == "the thing: no answer within 10 s"


def test_failures_are_told_from_what_was_skipped() -> None:
    host = evidence(msr=failed("msr", "permission denied"), qmp=failed("qmp", "not asked for", state="skipped"))
    assert host.failure("msr") is not None
    assert host.failure("qmp") is None
    assert host.failure("cpuid") is None
    assert host.problem("msr", "msr") is not None
    assert host.problem("msr", "cpuid") is None


def test_each_source_is_read_when_it_is_asked_for() -> None:
    damaged = Evidence(Snapshot.of(document(cpuid={}, msr=msr(_3a=5)), "host.json"))
    assert isinstance(damaged.msr, MsrEvidence)
    with pytest.raises(InputError):
        _ = damaged.cpuid


@pytest.mark.parametrize(
    ("release", "version"),
    [
        ("6.1.0-28-amd64", (6, 1)),
        ("5.11-rc1", (5, 11)),
        ("6.18", (6, 18)),
        ("linux", None),
        ("6.x", None),
        (f"{'9' * 5000}.1", None),
    ],
)
def test_a_kernels_version(release: str, version: tuple[int, int] | None) -> None:
    read = evidence(kernel=kernel(release=release)).kernel
    assert isinstance(read, KernelEvidence)
    assert read.version == version
