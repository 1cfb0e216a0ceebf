"""What the kernel says: cpuinfo, command line, log, modules; SGX devices; registers."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import struct
from pathlib import Path

import pytest

from unit.gather.machines import gather, look_at, write_tree
from vcpuid.gather import kvm, msr, proc, sgx
from vcpuid.gather.look import Look
from vcpuid.gather.record import NothingFoundError

CPUINFO = """\
processor\t: 0
vendor_id\t: GenuineIntel
flags\t\t: fpu sgx
vmx flags\t: vnmi
cpu MHz\t\t: 2000.1
apicid\t\t: 0

processor\t: 1
vendor_id\t: GenuineIntel
flags\t\t: fpu sgx
vmx flags\t: vnmi
cpu MHz\t\t: 2100.7
apicid\t\t: 2

processor\t: 2
vendor_id\t: GenuineIntel
flags\t\t: fpu
apicid\t\t: 4
"""


def test_equal_cpus_are_one_block() -> None:
    assert proc.parse_cpuinfo(CPUINFO) == [
        {"cpus": [0, 1], "fields": {"vendor_id": "GenuineIntel", "flags": "fpu sgx", "vmx flags": "vnmi"}},
        {"cpus": [2], "fields": {"vendor_id": "GenuineIntel", "flags": "fpu"}},
    ]


@pytest.mark.parametrize("text", ["", "\n\n\n", "processor\n", "processor : x\nflags : fpu", "garbage: 1\0"])
def test_odd_cpuinfos_have_no_cpus(text: str) -> None:
    assert proc.parse_cpuinfo(text) == []


def test_no_cpuinfo(tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError):
        gather(proc.gather_cpuinfo, tmp_path)


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (b"6,339,5140900,-;sgx: EPC section 0x70200000-0x75f7ffff\n", "sgx: EPC section 0x70200000-0x75f7ffff"),
        (
            b"3,1,1,-;x86/cpu: SGX disabled or unsupported by BIOS.\n K=V\n",
            "x86/cpu: SGX disabled or unsupported by BIOS.",
        ),
        (b"14,1,1,-;sgx: written by a program\n", None),
        (b"6,1,1,-;x86/cpu: User Mode Instruction Prevention\n", None),
        (b"6,1,1,-;usb: new sgx device of hunter2\n", None),
        (b"garbage", None),
        (b"", None),
    ],
)
def test_only_the_kernels_own_words_about_sgx_are_kept(record: bytes, text: str | None) -> None:
    assert proc.parse_kernel_message(record) == text


def test_the_kernels_state(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "/proc/sys/kernel/osrelease": "6.1.0-40-amd64\n",
            "/proc/cmdline": "root=/dev/vda nosgx\n",
            "/sys/module/kvm/parameters/ignore_msrs": "N\n",
            "/sys/module/kvm_intel/parameters/nested": "Y\n",
            "/sys/module/ext4/parameters/x": "1\n",
            "/sys/devices/system/cpu/vulnerabilities/mds": "Not affected\n",
            "/sys/devices/system/cpu/cpu0/microcode/version": "0xf0\n",
            "/sys/devices/system/cpu/cpu1/microcode/version": "0xf0\n",
            "/sys/devices/system/cpu/cpu10/microcode/version": "0xf2\n",
            "/sys/kernel/security/lockdown": "none [integrity] confidentiality\n",
            "/dev/kmsg": b"",
        },
    )
    data, problems = gather(proc.gather_kernel, tmp_path)
    assert data["release"] == "6.1.0-40-amd64"
    assert data["version"] is None
    assert data["command_line"] == ["nosgx"]
    assert data["modules"] == {"kvm": {"ignore_msrs": "N"}, "kvm_intel": {"nested": "Y"}}
    assert data["vulnerabilities"] == {"mds": "Not affected"}
    assert data["microcode"] == {"0": "0xf0", "10": "0xf2"}
    assert data["lockdown"] == "integrity"
    assert problems == []


def test_epc_memory_and_its_limit(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "/sys/devices/system/node/node0/x86/sgx_total_bytes": "98566144\n",
            "/sys/devices/system/node/node1/x86/other": "1\n",
            "/sys/fs/cgroup/misc.capacity": "sgx_epc 98566144\nsev 10\n",
            "/dev/sgx_enclave": b"",
            "/etc/sgx_default_qcnl.conf": '{"pccs_url": "https://localhost:8081/v4/", "user-token": "hunter2"}',
            "/sys/firmware/efi/efivars/SgxRegistrationServerRequest-304e0796-d515-4698-ac6e-e76cb1a71c28": b"",
            "/sys/firmware/efi/efivars/BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c": b"",
            "/run/tdx-qgs/qgs.socket": b"a file is no socket",
        },
    )
    (tmp_path / "dev/sgx_enclave").chmod(0o660)
    data, problems = gather(sgx.gather, tmp_path)
    assert data["numa"] == {"0": 98566144}
    assert data["misc_cgroup"] == {"sgx_epc": "98566144", "sev": "10"}
    assert data["devices"]["/dev/sgx_enclave"]["mode"] == "0660"
    assert data["devices"]["/dev/sgx_vepc"] is None
    assert data["quotes"] == {
        "qcnl": {"pccs_url": "https://localhost:8081/v4/"},
        "sockets": {"/run/aesmd/aesm.socket": False, "/run/tdx-qgs/qgs.socket": False},
        "registration": ["SgxRegistrationServerRequest"],
    }
    assert problems == []


def test_a_host_without_anything_for_quotes(tmp_path: Path) -> None:
    data, problems = gather(sgx.gather, tmp_path)
    assert (data["quotes"]["qcnl"], data["quotes"]["registration"], problems) == (None, None, [])


def test_the_users_of_qemu_come_with_all_their_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    users = {"qemu": pwd.struct_passwd(("qemu", "x", 107, 107, "", "/", "/sbin/nologin"))}
    monkeypatch.setattr(pwd, "getpwnam", users.__getitem__)
    monkeypatch.setattr(os, "getgrouplist", lambda _name, gid: [36, gid, 106, 36])
    data, _ = gather(sgx.gather)
    assert data["users"] == {"qemu": {"uid": 107, "gids": [36, 106, 107]}}


def test_a_service_that_listens(tmp_path: Path) -> None:
    (tmp_path / "run/aesmd").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(tmp_path):
        listener.bind("run/aesmd/aesm.socket")
        data, _ = gather(sgx.gather, tmp_path)
    assert data["quotes"]["sockets"]["/run/aesmd/aesm.socket"] is True


def test_a_register_that_faults_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(
        tmp_path,
        {
            "/proc/cpuinfo": CPUINFO,
            "/dev/cpu/0/msr": b"",
            "/dev/cpu/2/msr": b"",
            "/sys/devices/system/cpu/online": "0-3\n",
            **{f"/sys/devices/system/cpu/cpu{n}/topology/physical_package_id": f"{n // 2}\n" for n in range(4)},
        },
    )

    def read_at(_look: Look, _fd: int, _size_bytes: int, offset: int) -> bytes:
        if offset != 0x3A:
            raise OSError(5, "Input/output error")
        return struct.pack("<Q", 5)

    monkeypatch.setattr(Look, "read_at", read_at)
    data, problems = gather(msr.gather, tmp_path)
    assert data == {"cpus": {"0": {"0000003a": "0000000000000005"}, "2": {"0000003a": "0000000000000005"}}}
    assert problems == []


def test_no_register_device(tmp_path: Path) -> None:
    write_tree(tmp_path, {"/proc/cpuinfo": CPUINFO})
    with pytest.raises(NothingFoundError):
        gather(msr.gather, tmp_path)
    assert msr._vendor(look_at(tmp_path)) == "GenuineIntel"


def test_kvm_entries() -> None:
    entries = [(7, 1, 1, 10, 11, 12, 13), (0xB, 0, 0, 1, 2, 3, 4), (7, 0, 1, 20, 21, 22, 23)]
    buffer = struct.pack("<II", 3, 0) + b"".join(struct.pack("<7I12x", *entry) for entry in entries)
    assert kvm.parse_cpuid_entries(buffer) == {
        (7, 1): (10, 11, 12, 13),
        (0xB, 0): (1, 2, 3, 4),
        (7, 0): (20, 21, 22, 23),
    }
    assert kvm.parse_cpuid_entries(struct.pack("<II", 0xFFFFFFFF, 0)) == {}


def test_no_kvm(tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError):
        gather(kvm.gather, tmp_path)


def test_a_kvm_that_answers_no_query_is_no_crash(tmp_path: Path) -> None:
    write_tree(tmp_path, {"/dev/kvm": b""})
    with pytest.raises(NothingFoundError):
        gather(kvm.gather, tmp_path)
