"""What a QEMU command line says around -cpu; measured on QEMU 7.2."""

from __future__ import annotations

import pytest

from vcpuid.guest.qemu import parse_arguments, parse_properties, split_options
from vcpuid.guest.qemu.options import parse_number, parse_size
from vcpuid.terms.epc import EpcSection
from vcpuid.terms.guest import Accelerator, NumaCell
from vcpuid.terms.place import Place

HERE = Place("process 4711")
MIB = 1 << 20


def test_the_last_cpu_option_replaces_the_others_whole() -> None:
    command = parse_arguments(["-cpu", "Skylake-Client,sgx=on", "-m", "64", "-cpu", "Nehalem"], HERE)
    assert command.effective is not None
    assert command.effective.cpu.model == "Nehalem"
    assert command.effective.cpu.requests == ()
    assert [argument.text for argument in command.replaced] == ["Skylake-Client,sgx=on"]


def test_no_cpu_option_leaves_the_default_model() -> None:
    command = parse_arguments(["-m", "64"], HERE)
    assert command.effective is None
    assert command.replaced == ()


@pytest.mark.parametrize(
    ("arguments", "accelerator"),
    [
        ("", Accelerator.TCG),
        ("-accel kvm", Accelerator.KVM),
        ("--accel kvm", Accelerator.KVM),
        ("-accel tcg,thread=multi", Accelerator.TCG),
        ("-accel accel=kvm", Accelerator.KVM),
        ("-enable-kvm", Accelerator.KVM),
        ("-machine q35,accel=kvm", Accelerator.KVM),
        ("-M accel=kvm:tcg", Accelerator.KVM),
        ("-machine accel=kvm -machine accel=tcg", Accelerator.TCG),
        ("-enable-kvm -machine accel=tcg", Accelerator.TCG),
        ("-accel kvm -accel tcg", Accelerator.KVM),
        ("-accel tcg -accel kvm", Accelerator.TCG),
        ("-accel hvf", None),
        ("-accel", None),
    ],
)
def test_the_accelerator(arguments: str, accelerator: Accelerator | None) -> None:
    assert parse_arguments(arguments.split(), HERE).accelerator is accelerator


@pytest.mark.parametrize(
    ("arguments", "machine"),
    [
        ("", None),
        ("-machine pc-q35-7.2,usb=off", "pc-q35-7.2"),
        ("-M usb=off,type=microvm", "microvm"),
        ("-machine q35 -machine usb=off", "q35"),
    ],
)
def test_the_machine(arguments: str, machine: str | None) -> None:
    assert parse_arguments(arguments.split(), HERE).machine == machine


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("sev-guest,id=sev0,cbitpos=47", "sev-guest"),
        ('{"qom-type":"sev-snp-guest","id":"lsec0"}', "sev-snp-guest"),
        ("qom-type=tdx-guest,id=tdx", "tdx-guest"),
        ("memory-backend-ram,id=pc.ram", None),
        ("{broken", None),
        ("[" * 100_000, None),
        ("", None),
    ],
)
def test_launch_security(value: str, kind: str | None) -> None:
    assert parse_arguments(["-object", value], HERE).confidential == kind


def test_a_doubled_comma_stands_for_one() -> None:
    assert split_options("q35,path=a,,b") == ["q35", "path=a,b"]


def test_properties_in_both_forms() -> None:
    assert parse_properties("q35,accel=kvm", first="type") == {"type": "q35", "accel": "kvm"}
    assert parse_properties('{"type": "q35", "n": 1}', first="type") == {"type": "q35", "n": "1"}
    assert parse_properties("{" + '"a":' * 100_000, first="type") == {}


def topology(smp: str, machine: str = "pc") -> tuple[int, ...] | None:
    found = parse_arguments(["-machine", machine, *smp.split()], HERE).topology
    return None if found is None else (found.sockets, found.dies, found.clusters, found.cores, found.threads)


@pytest.mark.parametrize(
    ("smp", "expected"),
    [
        ("-smp 4", (1, 1, 1, 4, 1)),
        ("-smp cpus=4", (1, 1, 1, 4, 1)),
        ("-smp 4,cores=2", (2, 1, 1, 2, 1)),
        ("-smp 4,sockets=2", (2, 1, 1, 2, 1)),
        ("-smp maxcpus=8", (1, 1, 1, 8, 1)),
        ("-smp sockets=2,cores=3", (2, 1, 1, 3, 1)),
        ("-smp 4,threads=2", (1, 1, 1, 2, 2)),
        ("-smp cpus=2,maxcpus=8,cores=2", (4, 1, 1, 2, 1)),
        ("-smp 4,dies=2", (1, 2, 1, 2, 1)),
        ("-smp 8,modules=2", (1, 1, 2, 4, 1)),
        ("-smp 0", (1, 1, 1, 1, 1)),
        ("-smp 4,cores=2,cores=4", (1, 1, 1, 4, 1)),
        ("-smp 4 -smp cores=2", (2, 1, 1, 2, 1)),
        ("-smp 6,cores=4", None),
        ("-smp 4,maxcpus=2", None),
        ("-smp many", None),
    ],
)
def test_smp(smp: str, expected: tuple[int, ...] | None) -> None:
    assert topology(smp) == expected


def test_old_machines_make_sockets_of_a_bare_smp() -> None:
    assert topology("-smp 4", "pc-q35-6.0") == (4, 1, 1, 1, 1)
    assert topology("-smp 8,threads=2", "pc-q35-6.0") == (4, 1, 1, 1, 2)
    assert topology("-smp 4", "pc-i440fx-7.2") == (1, 1, 1, 4, 1)


def test_a_line_without_them_says_nothing() -> None:
    command = parse_arguments([], HERE)
    assert (command.topology, command.cells, command.epc) == (None, (), ())


@pytest.mark.parametrize(
    ("value", "memory_bytes"),
    [
        ("256", 256 * MIB),
        ("1.5G", 1536 * MIB),
        ("512K", 512 << 10),
        ("0x200", 512 * MIB),
        ("-1", 0),
        ("1e2", 0),
    ],
)
def test_memory_of_a_node(value: str, memory_bytes: int) -> None:
    (cell,) = parse_arguments(["-m", "4G", "-numa", f"node,cpus=0,mem={value}"], HERE).cells
    assert cell.memory_bytes == memory_bytes


def test_numa_nodes() -> None:
    command = parse_arguments(
        [
            *("-object", '{"qom-type":"memory-backend-ram","id":"ram-node0","size":134217728}'),
            *("-numa", "node,nodeid=1,cpus=0-1,cpus=4,memdev=ram-node0"),
            *("-numa", "node,mem=64"),
            *("-numa", "dist,src=0,dst=1,val=20"),
        ],
        HERE,
    )
    assert command.cells == (NumaCell(1, "0-1,4", 128 * MIB), NumaCell(1, None, 64 * MIB))


EPC = [
    [
        *("-object", "memory-backend-epc,id=mem1,size=64M,prealloc=on,host-nodes=0-1,policy=bind"),
        *("-M", "q35,sgx-epc.0.memdev=mem1,sgx-epc.0.node=0"),
    ],
    [
        *("-machine", '{"type":"q35","sgx-epc":[{"memdev":"mem1","node":0}]}'),
        *("-object", '{"qom-type":"memory-backend-epc","id":"mem1","size":67108864,"host-nodes":["0-1"]}'),
    ],
]


@pytest.mark.parametrize("arguments", EPC, ids=["options", "JSON"])
def test_epc(arguments: list[str]) -> None:
    command = parse_arguments(arguments, HERE)
    assert command.epc == (EpcSection(64 * MIB, "0-1", 0, HERE),)
    assert (command.machine, command.epc_missing) == ("q35", ())


def test_every_node_of_an_epc_section_counts() -> None:
    backend = "memory-backend-epc,id=mem1,size=64M,host-nodes=0,host-nodes=2-3,policy=bind"
    command = parse_arguments(["-object", backend, "-M", "q35,sgx-epc.0.memdev=mem1"], HERE)
    assert [section.host_nodes for section in command.epc] == ["0,2-3"]


def test_epc_without_its_backend() -> None:
    command = parse_arguments(["-machine", "pc,sgx-epc.1.memdev=b,sgx-epc.0.memdev=a"], HERE)
    assert (command.epc, command.epc_missing) == ((), ("a", "b"))


def test_what_else_counts_is_told() -> None:
    command = parse_arguments(
        [
            *("-readconfig", "vm.cfg", "-global", "qemu64-x86_64-cpu.avx2=on", "-global", "kvm-pit.x=y"),
            *("-global", "driver=max-x86_64-cpu,property=avx2,value=on", "-machine", "pc,kernel-irqchip=split"),
        ],
        HERE,
    )
    assert command.unread == ("-readconfig vm.cfg",)
    assert command.globals == ("qemu64-x86_64-cpu.avx2=on", "driver=max-x86_64-cpu,property=avx2,value=on")


@pytest.mark.parametrize(
    ("text", "number"),
    [("13", 13), ("0x10", 16), ("010", 8), ("+7", 7), (" 9", 9), ("-1", (1 << 64) - 1), ("0", 0)],
)
def test_numbers(text: str, number: int) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize("text", ["", "08", "0x", "9 ", "1k", "1-3", "1_0", str(1 << 64), "1" * 100_000])
def test_no_numbers(text: str) -> None:
    assert parse_number(text) is None


def test_signed_numbers() -> None:
    assert parse_number("-5", signed=True) == -5
    assert parse_number(str(1 << 63), signed=True) is None


@pytest.mark.parametrize(("text", "size"), [("64M", 64 * MIB), ("1.5k", 1536), ("1.", 1), ("0x10", 16), ("2b", 2)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", ".5M", "1.5", "-1", "1GHz", "16E", "1" * 100_000])
def test_no_sizes(text: str) -> None:
    assert parse_size(text) is None
