"""Secrets planted wherever people keep them: none of them enters a snapshot."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.gather.machines import FakeVirsh, strings_of, write_process, write_tree
from vcpuid.gather.collect import collect
from vcpuid.gather.options import Options

SECRET = "hunter2"  # noqa: S105 - the bait
UUID = "0d1e2f3a-1111-2222-3333-444455556666"

NOVA = f"""\
[DEFAULT]
transport_url = rabbit://nova:{SECRET}@host
compute_driver = libvirt.LibvirtDriver
[database]
connection = mysql+pymysql://nova:{SECRET}@db/nova
cpu_mode = {SECRET}
[libvirt]
rbd_secret_uuid = {SECRET}
cpu_mode = custom  # the old password was {SECRET}
 password = {SECRET}
cpu_models = Haswell
    connection = mysql://{SECRET}@db
live_migration_uri = qemu+ssh://{SECRET}@%s/system
"""

DOMAIN = f"""\
<domain type='kvm' id='1' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <!-- {SECRET} -->
  <name>web-1</name><uuid>{UUID}</uuid>
  <title>{SECRET}</title><description>{SECRET}</description>
  <metadata><nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'>{SECRET}</nova:instance></metadata>
  <sysinfo type='smbios'><system><entry name='serial'>{SECRET}</entry></system></sysinfo>
  <os><type arch='x86_64' machine='pc'>hvm</type><cmdline>{SECRET}</cmdline><kernel>/{SECRET}</kernel></os>
  <cpu mode='host-model'>{SECRET}<feature policy='require' name='sgx' secret='{SECRET}'/></cpu>
  <launchSecurity type='sev'><policy>0x3</policy><dhCert>{SECRET}</dhCert>
    <session>{SECRET}</session></launchSecurity>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='network'><auth username='{SECRET}'><secret type='ceph' uuid='{SECRET}'/></auth></disk>
    <graphics type='vnc' passwd='{SECRET}'/>
    <interface type='network'><mac address='{SECRET}'/></interface>
    <memory model='nvdimm'><source><path>/{SECRET}</path></source>
      <target><size unit='KiB'>1</size></target></memory>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-cpu'/><qemu:arg value='host,sgx=on'/>
    <qemu:arg value='-object'/><qemu:arg value='secret,id=s0,data={SECRET}'/>
    <qemu:arg value='-fw_cfg'/><qemu:arg value='name=opt/x,string={SECRET}'/>
    <qemu:env name='TOKEN' value='{SECRET}'/>
  </qemu:commandline>
</domain>
"""

ARGUMENTS = [
    "/usr/bin/qemu-system-x86_64",
    *("-name", "guest=web-1,debug-threads=on", "-uuid", UUID),
    *("-object", f'{{"qom-type":"secret","id":"masterKey0","data":"{SECRET}"}}'),
    *("-object", f"secret,id=s,data={SECRET}", "-object", f"memory-backend-file,id=m,mem-path=/{SECRET}"),
    *("-drive", f"file=rbd:pool/x:key={SECRET}", "-append", f"root=/dev/vda password={SECRET}"),
    *("-fw_cfg", f"name=opt/x,string={SECRET}", "-smbios", f"type=1,serial={SECRET}"),
    *("-netdev", f"tap,ifname={SECRET}", "-chardev", f"socket,id=c,path=/{SECRET}"),
    *("-cpu", "host", f"/{SECRET}.qcow2", "-vnc", f":0,password={SECRET}"),
]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    root = write_tree(
        tmp_path / "root",
        {
            "/proc/cmdline": f"root=/dev/vda nosgx password={SECRET} mitigations=/{SECRET} x.setenv=X={SECRET}"
            f" clearcpuid={SECRET}@x -- {SECRET} nosmap\n",
            "/proc/cpuinfo": f"processor : 0\nvendor_id : GenuineIntel\nserial : {SECRET}\n",
            "/proc/1/cmdline": f"init\0{SECRET}\0",
            "/etc/nova/nova.conf": NOVA,
            "/dev/kmsg": f"6,1,1,-;password sgx {SECRET}\n",
            "/sys/devices/system/cpu/online": "0\n",
            "/var/cache/libvirt/qemu/capabilities/x.xml": f"<qemuCaps><emulator>/q</emulator>{SECRET}</qemuCaps>",
        },
    )
    write_process(root, 4711, "/usr/bin/qemu-system-x86_64", ARGUMENTS)
    return root


def virsh(folder: Path) -> FakeVirsh:
    return FakeVirsh(
        folder,
        {
            "version --daemon": ("text", "Using library: libvirt 9.0.0\nRunning against daemon: 9.0.0"),
            "capabilities": (
                "text",
                f"<capabilities><host><uuid>{SECRET}</uuid><cpu><model>x</model></cpu></host></capabilities>",
            ),
            "domcapabilities --virttype kvm": (
                "text",
                f"<domainCapabilities><path>/q</path><os>{SECRET}</os></domainCapabilities>",
            ),
            "domcapabilities --virttype qemu": ("error", "no such virttype"),
            "list --all --uuid": ("text", UUID),
            "list --transient --uuid": ("text", ""),
            f"domstate {UUID}": ("text", "running"),
            f"dumpxml {UUID}": ("text", DOMAIN),
            f"dumpxml --migratable {UUID}": ("text", DOMAIN),
            f"dumpxml --inactive {UUID}": ("text", DOMAIN.replace(" id='1'", "")),
        },
    )


def test_no_secret_enters_a_snapshot(machine: Path, tmp_path: Path) -> None:
    options = Options(virsh=virsh(tmp_path / "bin").options.virsh)
    document = collect(options, root=str(machine))
    sources = document["sources"]
    assert SECRET not in strings_of(document)

    # What may enter did: the test would pass on an empty snapshot too.
    assert sources["kernel"]["data"]["command_line"] == ["nosgx"]
    assert [entry["value"] for entry in sources["nova"]["data"]["files"][0]["entries"]] == [
        "libvirt.LibvirtDriver",
        "custom  # <left out>\n<left out>",
        "Haswell\n<left out>",
    ]
    (process,) = sources["processes"]["data"]["processes"]
    assert (process["name"], process["uuid"]) == ("web-1", UUID)
    assert process["args"] == ["-object", "memory-backend-file,id=m", "-cpu", "host"]
    (domain,) = sources["domains"]["data"]["domains"]
    assert (domain["name"], domain["id"], domain["pid"], domain["state"]) == ("web-1", 1, 4711, "running")
    assert '<qemu:arg value="host,sgx=on"/></qemu:commandline>' in domain["live"]
    assert sources["libvirt"]["data"]["capabilities_cpu"] == "<cpu><model>x</model></cpu>"
