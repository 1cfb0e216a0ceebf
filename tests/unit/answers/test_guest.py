"""`guest`: definitions from dialect to dialect, and what is lost."""

from __future__ import annotations

import itertools

import pytest

from vcpuid.answers.guest import DIALECTS, Translation, recognise, translate
from vcpuid.answers.guest.definition import translate_name
from vcpuid.errors import InputError, UndecidedError, UsageError, VcpuidError
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.terms.feature import Dialect

DOMAIN = """<domain type='kvm'>
  <features>
    <apic eoi='on'/>
    <hyperv>
      <vapic state='on'/>
      <spinlocks state='on' retries='8191'/>
      <stimer state='on'>
        <direct state='on'/>
      </stimer>
      <vendor_id state='on' value='a&apos;b'/>
    </hyperv>
    <kvm>
      <hidden state='on'/>
    </kvm>
    <pmu state='off'/>
  </features>
  <cpu mode='custom' match='exact'>
    <model fallback='forbid' vendor_id='KVMKVMKVMKVM'>Skylake-Client-IBRS</model>
    <topology sockets='1' dies='1' cores='2' threads='2'/>
    <cache level='3' mode='emulate'/>
    <maxphysaddr mode='emulate' bits='42'/>
    <feature policy='require' name='sgx'/>
    <feature policy='disable' name='tsc_adjust'/>
  </cpu>
  <clock offset='utc'>
    <timer name='kvmclock' present='no'/>
    <timer name='tsc' frequency='2600000000'/>
    <timer name='hypervclock' present='yes'/>
  </clock>
</domain>"""
COMMAND = (
    "-cpu 'Skylake-Client-IBRS,vendor=KVMKVMKVMKVM,sgx=on,tsc-adjust=off,kvmclock=off,tsc-frequency=2600000000,"
    "hv-time=on,kvm-pv-eoi=on,hv-vapic=on,hv-spinlocks=0x1fff,hv-stimer=on,hv-stimer-direct=on,"
    """hv-vendor-id=a'"'"'b,kvm=off,pmu=off,l3-cache=on,phys-bits=42'"""
    "\n-smp 4,sockets=1,dies=1,cores=2,threads=2"
)


def losses(answer: Translation) -> list[str]:
    return [loss.what for loss in answer.losses]


def test_a_domain_becomes_a_command_line() -> None:
    answer = translate(DOMAIN, "web-1.xml", "qemu")
    assert answer.text == COMMAND
    assert answer.losses == ()


def test_and_back() -> None:
    answer = translate(COMMAND, "x", "libvirt")
    assert answer.losses == ()
    # -cpu has all that takes a value behind what is on or off, so that two timers change places.
    assert sorted(answer.text.splitlines()) == sorted(DOMAIN.replace(" offset='utc'", "").splitlines())


EPC = """<domain type='kvm'>
  <devices>
    <memory model='sgx-epc'>
      <source>
        <nodemask>0-1</nodemask>
      </source>
      <target>
        <size unit='KiB'>65536</size>
        <node>0</node>
      </target>
    </memory>
  </devices>
  <cpu mode='host-passthrough'>
    <feature policy='require' name='sgx'/>
  </cpu>
</domain>"""


def test_epc_memory_comes_along() -> None:
    answer = translate(EPC, "x", "qemu")
    assert answer.text.splitlines() == [
        "-cpu host,sgx=on",
        "-object memory-backend-epc,id=memepc0,prealloc=on,size=67108864,host-nodes=0-1,policy=bind",
        "-machine sgx-epc.0.memdev=memepc0,sgx-epc.0.node=0",
    ]
    back = translate(answer.text, "x", "libvirt")
    assert set(back.text.splitlines()) == set(EPC.splitlines())
    assert losses(back) == ["what EPC memory needs"]
    for target in ("kubevirt", "proxmox"):
        assert "65536 KiB of EPC memory" in losses(translate(EPC, "x", target))


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("host", "libvirt", "<cpu mode='host-passthrough'/>"),
        ("host,migratable=off", "libvirt", "<cpu mode='host-passthrough' migratable='off'/>"),
        ("max,-avx", "kubevirt", "cpu:\n  features:\n  - name: avx\n    policy: disable"),
        ("host", "kubevirt", "cpu:\n  model: host-passthrough"),
        ("<cpu mode='host-model'/>", "kubevirt", "cpu:\n  model: host-model"),
        ("cpu: host,phys-bits=host", "qemu", "-cpu host,host-phys-bits=on"),
        ("host,host-phys-bits=off", "libvirt",
         "<cpu mode='host-passthrough'>\n  <maxphysaddr mode='emulate'/>\n</cpu>"),
        ("qemu64,host-phys-bits=off", "qemu", "-cpu qemu64"),
        ("<cpu><model>EPYC</model><maxphysaddr mode='emulate'/></cpu>", "qemu", "-cpu EPYC,host-phys-bits=off"),
        ("<cpu><model>EPYC</model><maxphysaddr mode='emulate'/></cpu>", "proxmox", "cpu: EPYC"),
        ("max,host-cache-info=on,l3-cache=off", "qemu", "-cpu max,host-cache-info=on,l3-cache=off"),
        ("<cpu mode='maximum'><cache mode='disable'/></cpu>", "qemu", "-cpu max,host-cache-info=off,l3-cache=off"),
        ("max,host-phys-bits,host-phys-bits-limit=9", "qemu", "-cpu max,host-phys-bits=on,host-phys-bits-limit=9"),
        ("qemu64,-hv-apicv,hv_avic,kvm_pv_eoi", "qemu", "-cpu qemu64,hv-avic=off,kvm-pv-eoi=on"),
        ("EPYC,-aes,hv-evmcs", "proxmox", "cpu: EPYC,flags=-aes;+hv-evmcs"),
        ("<domain type='kvm'/>", "qemu", "-cpu qemu64"),
        ("qemu64,+spec-ctrl,spec_ctrl=off,-avx", "qemu", "-cpu qemu64,spec-ctrl=on,avx=off"),
        ("cpu: {model: EPYC, features: [{name: svm}]}", "qemu", "-cpu EPYC,svm=on"),
        ("<cpu><model>EPYC</model><feature policy='optional' name='avx'/></cpu>", "qemu", "-cpu EPYC,avx=on"),
        ("<cpu mode='maximum'><feature policy='optional' name='avx'/></cpu>", "qemu", "-cpu max"),
    ],
)  # fmt: skip
def test_what_is_written(text: str, target: str, expected: str) -> None:
    answer = translate(text, "x", target)
    assert answer.text == expected


def test_numa_nodes_come_along() -> None:
    xml = """<cpu mode='maximum'>
  <numa>
    <cell id='0' cpus='0-1,3' memory='131072' unit='KiB'/>
    <cell id='1' cpus='2' memory='65536' unit='KiB'/>
  </numa>
</cpu>"""
    answer = translate(xml, "x", "qemu")
    assert answer.text.splitlines()[1:] == [
        "-object memory-backend-ram,id=ram-node0,size=134217728",
        "-numa node,nodeid=0,cpus=0-1,cpus=3,memdev=ram-node0",
        "-object memory-backend-ram,id=ram-node1,size=67108864",
        "-numa node,nodeid=1,cpus=2,memdev=ram-node1",
    ]
    assert translate(answer.text, "x", "libvirt").text == xml
    assert losses(translate(xml.replace("0-1,3", "0-3,^2"), "x", "qemu")) == ["<cell cpus='0-3,^2'>"]
    assert losses(translate(xml, "x", "proxmox")) == ["2 NUMA cells"]


def test_names_are_the_targets_own() -> None:
    assert translate_name("cmp_legacy", Dialect.LIBVIRT, Dialect.QEMU) == "cmp-legacy"
    assert translate_name("tsc-adjust", Dialect.QEMU, Dialect.LIBVIRT) == "tsc_adjust"
    assert translate_name("sse4_1", Dialect.QEMU, Dialect.LIBVIRT) == "sse4.1"
    assert translate_name("pclmuldq", Dialect.LIBVIRT, Dialect.QEMU) == "pclmulqdq"
    assert translate_name("sgx-lc", Dialect.QEMU, Dialect.LIBVIRT) is None  # nobody's name: no guess
    assert translate_name("nosuch", Dialect.QEMU, Dialect.QEMU) == "nosuch"


VENDOR = "<vendor>AMD</vendor>"
POLICIES = """<cpu match='strict' check='full'><model>EPYC</model><vendor>AMD</vendor>
<feature policy='force' name='avx'/><feature policy='forbid' name='svm'/></cpu>"""
PASSTHROUGH = """<domain xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><cpu mode='maximum'/>
<launchSecurity type='sev'/><q:commandline><q:arg value='-S'/></q:commandline></domain>"""


@pytest.mark.parametrize(
    ("text", "target", "lost"),
    [
        ("qemu64,+sgx-lc", "libvirt", ["feature sgx-lc (require)"]),
        ("qemu64,level=13,enforce", "libvirt", ["enforce=on", "level=13"]),
        ("nosuch", "libvirt", ["model nosuch"]),
        ("nosuch", "proxmox", ["model nosuch"]),
        ("<cpu><model>EPYC</model><feature name='cmt'/></cpu>", "qemu", ["feature cmt (require)"]),
        (
            POLICIES,
            "qemu",
            [*("policy force of avx", "policy forbid of svm"), *("match='strict'", "check='full'"), VENDOR],
        ),
        ("<cpu><feature name='avx'/></cpu>", "qemu", ["1 features"]),
        ("host,vendor=KVMKVMKVMKVM", "libvirt", ["vendor=KVMKVMKVMKVM"]),
        ("kvm64,-kvm,hv-vapic,l3-cache=off,level=1", "kubevirt", ["cache mode disable", "hv-vapic=on", "kvm=off",
                                                                   "level=1"]),
        ("max", "kubevirt", ["mode maximum"]),
        ("<cpu><model fallback='forbid'>EPYC</model></cpu>", "kubevirt", ["fallback='forbid'"]),
        ("cpu: host,flags=+nested-virt", "qemu", ["nested-virt"]),
        ("args: -cpu max\ncpu: host", "qemu", ["args: -cpu max"]),
        ("qemu-kvm -cpu a -cpu host,+avx,avx=off,sgx,+sgx -readconfig f -global max-x86_64-cpu.avx=on", "qemu",
         ["-cpu a", "avx=off", "-global max-x86_64-cpu.avx=on", "-readconfig f"]),
        ("qemu-kvm -cpu host -M sgx-epc.0.memdev=m -numa node -object sev-guest,id=s", "qemu",
         ["EPC memory of m", "-object sev-guest"]),
        ("spec: {domain: {cpu: {model: a, realtime: {}}, clock: {}}}", "qemu", ["cpu.realtime", "domain.clock"]),
        (PASSTHROUGH, "qemu",
         ["<qemu:commandline>", "<launchSecurity type='sev'>"]),
        ("<cpu mode='maximum'><topology sockets='1' dies='2' cores='1' threads='2'/></cpu>", "proxmox",
         ["2 threads", "2 dies"]),
        ("EPYC,hv-spinlocks=8191,phys-bits=40", "proxmox", ["hv-spinlocks=8191"]),
        ("host,host-phys-bits,host-phys-bits-limit=39", "proxmox", ["at most 39 physical address bits"]),
        ("host,host-phys-bits=off", "proxmox", ["other physical address bits than the host's, unnumbered"]),
    ],
)  # fmt: skip
def test_what_is_lost_is_told(text: str, target: str, lost: list[str]) -> None:
    answer = translate(text, "x", target)
    assert losses(answer) == lost
    assert all(loss.why for loss in answer.losses)


@pytest.mark.parametrize("target", ["qemu", "proxmox"])
def test_what_only_the_host_can_tell(target: str) -> None:
    with pytest.raises(UndecidedError, match="virsh domcapabilities"):
        translate("<cpu mode='host-model'/>", "x", target)


def test_a_map_takes_from_models() -> None:
    xml = "<cpu><model>EPYC-IBPB</model></cpu>"
    assert translate(xml, "x", "qemu").text == "-cpu EPYC-IBPB"
    removed = translate(xml, "x", "qemu", cpu_map=shipped_map()).text
    assert "monitor=off" in removed


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("<cpu/>", "libvirt"),
        ("\ufeff\n <domain/>", "libvirt"),
        ("host,+sgx", "qemu"),
        ("host", "qemu"),
        ("-cpu host", "qemu"),
        ("LC_ALL=C \\\nqemu-system-x86_64 -cpu host", "qemu"),
        ("/usr/bin/kvm\0-cpu\0host", "qemu"),
        ("4711 pts/0 qemu-kvm -m 1 -cpu host", "qemu"),
        ("apiVersion: v1\nspec:\n  domain:", "kubevirt"),
        ("cpu:\n  cores: 1", "kubevirt"),
        ('{"spec": 1}', "kubevirt"),
        ("model: EPYC", "kubevirt"),
        ("cpu: host", "proxmox"),
        ("# a comment\n[libvirt]\ncpu_mode = custom", "nova"),
        ("[DEFAULT]\n", "nova"),
        ("cores: 4\ncpu: host", "proxmox"),
        ("args: -cpu max\ncpu: host", "proxmox"),
        ("cpu-model: a\n    flags +avx", "proxmox"),
    ],
)
def test_dialects_are_recognised(text: str, dialect: str) -> None:
    assert recognise(text, "x") == dialect


def test_what_is_no_definition() -> None:
    with pytest.raises(InputError, match="x: empty"):
        recognise(" \n", "x")
    with pytest.raises(InputError, match="no -cpu option"):
        translate("qemu-kvm -m 4", "x", "libvirt")
    with pytest.raises(UsageError, match="no dialect of this name"):
        translate("host", "x", "xen")
    with pytest.raises(VcpuidError):
        translate("host,avx=1", "x", "libvirt")


@pytest.mark.parametrize(("first", "second"), [*itertools.permutations(DIALECTS, 2)])
def test_what_both_can_say_comes_back(first: str, second: str) -> None:
    # In the order of names, in which Nova writes features whatever their order was.
    start = translate("EPYC,aes=off,avx=on", "x", first).text.replace(" fallback='forbid'", "")
    there = translate(start, "x", second)
    assert there.losses == ()
    assert translate(there.text, "x", first).text.replace(" fallback='forbid'", "") == start


def test_nova_says_what_a_flavor_has_to() -> None:
    answer = translate("<cpu mode='host-model'><topology sockets='1' cores='2' threads='1'/></cpu>", "x", "nova")
    assert answer.text.splitlines()[-1] == (
        "# openstack flavor set --property hw:cpu_sockets=1 --property hw:cpu_cores=2 --property hw:cpu_threads=1"
        " FLAVOR"
    )
    assert translate(answer.text, "x", "libvirt").text == "<cpu mode='host-model'/>"


@pytest.mark.parametrize(
    ("lines", "lost"),
    [
        ("cpu_mode = custom\ncpu_models = nehalem, Haswell", "model Haswell"),
        ("cpu_mode = none\ncpu_model_extra_flags = aes", "feature aes"),
        ("cpu_model_extra_flags = +aes, -aes", "feature aes (require)"),
    ],
)
def test_what_a_nova_conf_says_beside_the_cpu(lines: str, lost: str) -> None:
    (loss,) = translate(f"[libvirt]\n{lines}\n", "nova.conf", "libvirt").losses
    assert loss.what == lost


def test_what_nova_would_not_start_with_is_no_definition() -> None:
    with pytest.raises(InputError, match="Nova refuses it: The cpu_models option is required"):
        translate("[libvirt]\ncpu_mode = custom\n", "nova.conf", "libvirt")
    with pytest.raises(UndecidedError, match="not known here"):
        translate("[libvirt]\ncpu_mode = $my_ip\n", "nova.conf", "libvirt")
