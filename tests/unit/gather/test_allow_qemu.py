"""The allow-list of QEMU's command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcpuid.gather.allow_qemu import filter_qemu_arguments, split_commas, split_qemu_arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ["-cpu", "Skylake-Client-IBRS,sgx=on,+avx2,-pcid,vendor=GenuineIntel"],
        ["-cpu", "host", "-cpu", "qemu64"],
        ["-machine", "pc-i440fx-7.2,accel=kvm,usb=off,sgx-epc.0.memdev=memepc0,sgx-epc.0.node=0"],
        ["-M", "q35"],
        ["-accel", "tcg,thread=multi"],
        ["-smp", "4,sockets=1,dies=1,cores=4,threads=1"],
        ["-m", "size=1048576k,slots=2,maxmem=4194304k"],
        ["-object", "memory-backend-epc,id=mem1,size=64M,prealloc=on"],
        ["-object", '{"qom-type":"memory-backend-epc","id":"memepc0","prealloc":true,"size":67108864}'],
        ["-object", "sev-guest,id=lsec0,cbitpos=47,reduced-phys-bits=1,policy=0x3"],
        ["-numa", "node,nodeid=0,cpus=0-3,memdev=ram-node0"],
        ["-global", "qemu64-x86_64-cpu.sgx=on"],
        ["-global", "driver=qemu64-x86_64-cpu,property=sgx,value=on"],
        ["-device", "Skylake-Client-x86_64-cpu,socket-id=1,core-id=0,thread-id=0"],
        ["-device", '{"driver":"intel-iommu","id":"iommu0","eim":"on"}'],
        ["-enable-kvm", "-nodefaults"],
    ],
)
def test_what_makes_the_cpu_stays_as_it_is(arguments: list[str]) -> None:
    assert filter_qemu_arguments(arguments) == arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ["-object", "secret,id=sec0,data=hunter2"],
        ["-object", "id=sec0,qom-type=secret,data=hunter2"],
        ["-object", '{"qom-type":"secret","id":"masterKey0","data":"hunter2"}'],
        ["-object", "data=hunter2"],
        ["-object", '{"id": "hunter2"}'],
        ["-object", "{hunter2"],
        ["-drive", "file=rbd:pool/disk:key=hunter2"],
        ["-append", "root=/dev/vda password=hunter2"],
        ["-append", "-cpu", "-fw_cfg", "hunter2"],
        ["-fw_cfg", "name=opt/x,string=hunter2"],
        ["-smbios", "type=11,value=hunter2"],
        ["-netdev", "tap,ifname=hunter2"],
        ["-chardev", "socket,id=c,path=/hunter2"],
        ["-device", "virtio-net-pci,mac=hunter2"],
        ["-device", '{"driver":"usb-ccid","id":"hunter2"}'],
        ["-global", "driver=ahci,property=x,value=hunter2"],
        ["-vnc", ":0,password=hunter2"],
        ["hunter2.qcow2"],
        ["-", "hunter2"],
        ["-name"],
    ],
)
def test_what_does_not_make_the_cpu_goes(arguments: list[str]) -> None:
    assert filter_qemu_arguments(arguments) == []


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("memory-backend-file,id=m,mem-path=/hunter2,size=1G", "memory-backend-file,id=m,size=1G"),
        (
            '{"qom-type":"memory-backend-file","id":"m","mem-path":"/x"}',
            '{"qom-type":"memory-backend-file","id":"m"}',
        ),
        ("sev-guest,id=s,dh-cert-file=/hunter2,session-file=/hunter2", "sev-guest,id=s"),
    ],
)
def test_other_properties_of_an_object_go(value: str, kept: str) -> None:
    assert filter_qemu_arguments(["-object", value]) == ["-object", kept]


def test_an_options_argument_is_not_taken_for_an_option() -> None:
    assert filter_qemu_arguments(["-name", "-cpu", "-uuid", "-cpu", "-cpu", "host"]) == ["-cpu", "host"]
    assert filter_qemu_arguments(["-daemonize", "-cpu", "host"]) == ["-cpu", "host"]


def test_options_with_two_dashes_are_the_same() -> None:
    assert filter_qemu_arguments(["--cpu", "host", "--enable-kvm"]) == ["-cpu", "host", "-enable-kvm"]
    assert split_qemu_arguments(["--name", "x"]) == [("name", "x")]


def test_a_doubled_comma_is_one() -> None:
    assert split_commas("a,,b,c") == ["a,b", "c"]


@given(st.lists(st.text(max_size=30)))
def test_any_arguments_can_be_filtered_and_filtering_twice_is_filtering_once(arguments: list[str]) -> None:
    once = filter_qemu_arguments(arguments)
    assert filter_qemu_arguments(once) == once


_OPTIONS = st.sampled_from(
    ["-cpu", "-object", "-machine", "-global", "-device", "-m", "-smp", "-numa", "-accel", "-S"]
)
_VALUES = st.text(st.sampled_from('abcpu-=,.{}":_0/'), max_size=20)


@given(st.lists(st.tuples(_OPTIONS, _VALUES)))
def test_filtering_twice_is_filtering_once(pairs: list[tuple[str, str]]) -> None:
    once = filter_qemu_arguments([word for pair in pairs for word in pair])
    assert filter_qemu_arguments(once) == once
