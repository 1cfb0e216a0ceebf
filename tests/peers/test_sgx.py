"""What we write for SGX, and what we say of it, against real libvirt and QEMU without SGX hardware."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from tools.sgx_without_hardware import SgxHost, can_run

from programs import LIBVIRT_URI, needs, needs_libvirt
from sgx_hosts import MIB, sgx_host
from snapshots import libvirt
from vcpuid.answers.sgx.files import Target, write_files
from vcpuid.answers.sgx.memory import offer_of_libvirt
from vcpuid.answers.sgx.plan import make_plan, parse_request
from vcpuid.evidence.libvirt import SgxOffer
from vcpuid.guest.qemu import parse_arguments
from vcpuid.terms.place import Place

QEMU = "qemu-system-x86_64"
STOPPED = [QEMU, "-machine", "q35,accel=tcg", "-S", "-display", "none", "-nodefaults"]
HERE = Place("here")
NOT_SUPPORTED = "sgx epc isn't supported by this QEMU binary"
NO_BACKEND = "invalid object type: memory-backend-epc"
pytestmark = [
    needs("virsh", package="libvirt-clients"),
    needs(QEMU, package="qemu-system-x86"),
    pytest.mark.skipif(can_run() is not None, reason=can_run() or ""),
]


@dataclass(frozen=True)
class Prepared:
    """A host that seems to have SGX, and what libvirt said before that was put into its cache."""

    host: SgxHost
    before: str

    def virsh(self, *questions: str) -> str:
        done = self.host.run(["virsh", "--quiet", "; ".join(questions)])
        return done.stdout + done.stderr


def planned(*guests: str) -> dict[Target, list[str]]:
    """Give the files for guests by target, on a host with 188 MiB on node 0 and 124 MiB on node 1."""
    host = sgx_host("ready")
    files = write_files(make_plan(host, [parse_request(text) for text in guests]), host)
    return {target: [file.text for file in files if file.target is target] for target in Target}


def emulated(xml: str) -> str:
    """Make a domain XML of ours one that starts here, under TCG; the memory stays."""
    text = xml.replace("<domain type='kvm'>", "<domain type='qemu'>").replace("host-passthrough", "maximum")
    text = re.sub(r"\s*<feature policy='require' name='sgx\w*'/>", "", text)
    return text.replace("2097152", "65536").replace("<emulator>", "<memballoon model='none'/><emulator>")


@pytest.fixture(scope="module")
def prepared() -> Iterator[Prepared]:
    # A short path: sockets lie in it.
    folder = Path(tempfile.mkdtemp(prefix="sgx", dir="/tmp"))
    try:
        host = SgxHost(folder, {0: 188 * MIB, 1: 188 * MIB})
        host.probe()
        (folder / "d.xml").write_text(emulated(planned("150M")[Target.LIBVIRT][0]))
        before = Prepared(host, "").virsh("domcapabilities", f"domxml-to-native qemu-argv {folder}/d.xml")
        host.announce()
        yield Prepared(host, before)
    finally:
        shutil.rmtree(folder)


def test_libvirt_says_supported_without_memory_where_cpuid_shows_none(prepared: Prepared) -> None:
    sgx = re.search(r"<sgx supported='yes'>.*?</sgx>", prepared.before, re.DOTALL)
    assert sgx
    assert "<section " not in sgx[0]
    assert "this QEMU version didn't provide SGX EPC NUMA info" in prepared.before


def test_libvirt_makes_the_planned_memory_into_arguments(prepared: Prepared) -> None:
    path = prepared.host.folder / "kvm.xml"
    # libvirt refuses a node that this machine lacks, and it may have but one.
    path.write_text(planned("150M", "big=162M")[Target.LIBVIRT][0].replace("<nodemask>1", "<nodemask>0"))
    said = prepared.host.run(["virsh", "--quiet", "domxml-to-native", "qemu-argv", str(path)])
    words = shlex.split(said.stdout)
    assert [(epc.size_bytes // MIB, epc.host_nodes) for epc in parse_arguments(words, HERE).epc] == [
        (26, "0"),
        (124, "0"),
    ]
    machine = next(word for word in words if "sgx-epc.0" in word)
    assert "sgx-epc.0.memdev=memepc0,sgx-epc.0.node=0" in machine
    assert "sgx-epc.1.memdev=memepc1,sgx-epc.1.node=0" in machine
    assert words[words.index("-cpu") + 1].startswith("host,")
    assert "sgx=on" in words[words.index("-cpu") + 1]


def test_a_domain_starts_with_it_and_qemu_shows_the_section(prepared: Prepared) -> None:
    path = prepared.host.folder / "start.xml"
    path.write_text(emulated(planned("150M")[Target.LIBVIRT][0]))
    name = re.search(r"<name>(.*)</name>", path.read_text())
    assert name
    question = shlex.quote('{"execute":"query-sgx"}')
    said = prepared.virsh(f"create {path}", f"qemu-monitor-command {name[1]} {question}", f"destroy {name[1]}")
    assert '"sections":[{"size":157286400,"node":0}]' in said, said


@pytest.mark.parametrize(("asked_mib", "made_mib"), [(1, 2), (3, 4), (63, 64), (64, 64)])
def test_libvirt_rounds_up_as_the_plan_does(asked_mib: int, made_mib: int, prepared: Prepared) -> None:
    xml = emulated(planned("64M")[Target.LIBVIRT][0]).replace("<nodemask>1", "<nodemask>0")
    path = prepared.host.folder / "size.xml"
    path.write_text(re.sub(r"<size unit='KiB'>\d+<", f"<size unit='KiB'>{asked_mib << 10}<", xml))
    assert f'"size":{made_mib * MIB}' in prepared.virsh(f"domxml-to-native qemu-argv {path}")
    assert make_plan(sgx_host("ready"), [parse_request(f"{asked_mib}M")]).outcomes[0].size_bytes == made_mib * MIB


def test_the_doctor_reads_what_libvirt_offers(prepared: Prepared) -> None:
    xml = prepared.virsh("domcapabilities --virttype kvm").partition("</domainCapabilities>")[0]
    answer = {"virttype": "kvm", "emulator": None, "machine": None, "xml": f"{xml}</domainCapabilities>"}
    host = sgx_host("ready", libvirt=libvirt(domain_capabilities=[answer]))
    assert offer_of_libvirt(host) == SgxOffer(
        flc=True, sgx1=True, sgx2=False, size_bytes=376 * MIB, sections={0: 188 * MIB, 1: 188 * MIB}
    )


# QEMU by itself


def sections_of(prepared: Prepared, arguments: list[str]) -> object:
    talk = "".join(f'{{"execute":"{word}"}}' for word in ("qmp_capabilities", "query-sgx", "quit"))
    done = subprocess.run(
        prepared.host.words([*STOPPED, "-qmp", "stdio", *arguments]),
        input=talk,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return next((answer["return"]["sections"] for answer in answers if answer.get("return")), done.stderr)


def test_qemu_takes_the_arguments(prepared: Prepared) -> None:
    words = shlex.split(planned("150M")[Target.QEMU][0])
    assert sections_of(prepared, ["-cpu", "max", *words[2:]]) == [{"node": 0, "size": 150 * MIB}]


def test_of_several_sections_each_is_there(prepared: Prepared) -> None:
    words = shlex.split(planned("200M")[Target.QEMU][0].replace("host-nodes=1", "host-nodes=0"))
    sections = sections_of(prepared, ["-cpu", "max", *words[2:]])
    assert isinstance(sections, list)
    assert sorted(section["size"] // MIB for section in sections) == [12, 188]


def test_without_the_device_nothing_but_that_is_refused() -> None:
    words = shlex.split(planned("150M")[Target.QEMU][0])
    command = [
        QEMU,
        "-machine",
        "q35,accel=tcg",
        "-S",
        "-display",
        "none",
        "-nodefaults",
        "-cpu",
        "max",
        *words[2:],
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr.strip().endswith(NO_BACKEND)


def test_without_the_right_to_open_it_the_message_is_the_same(prepared: Prepared) -> None:
    words = shlex.split(planned("150M")[Target.QEMU][0])
    qemu = [*STOPPED, "-cpu", "max", *words[2:]]
    script = f"chmod 0600 /dev/sgx_vepc; exec setpriv --reuid 65534 --clear-groups {shlex.join(qemu)}"
    assert prepared.host.run(["sh", "-c", script]).stderr.strip().endswith(NO_BACKEND)


# This machine's own libvirt


@needs_libvirt()
def test_the_running_libvirt_refuses_only_for_lack_of_hardware(tmp_path: Path) -> None:
    name = f"vcpuid-test-{uuid4()}"
    path = tmp_path / "domain.xml"
    path.write_text(re.sub(r"<name>.*</name>", f"<name>{name}</name>", planned("150M")[Target.LIBVIRT][0]))
    command = ["virsh", "--connect", LIBVIRT_URI, "define", "--validate", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode == 0:
        subprocess.run([*command[:3], "undefine", name], check=True, capture_output=True)
    else:
        assert NOT_SUPPORTED in done.stderr
