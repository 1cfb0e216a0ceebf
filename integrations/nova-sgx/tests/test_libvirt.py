"""The driver with a real libvirt and QEMU: one that offers EPC and one that does not, which the environment names.

What stands below need not have SGX: domains are defined and turned into QEMU's arguments, not started. There is no
database and no message bus.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from nova import context, exception, objects
from nova.conf import CONF
from nova.conf.neutron import register_dynamic_opts
from nova.tests import fixtures as nova_fixtures
from nova.tests.unit import fake_instance
from nova.virt.driver import load_compute_driver
from nova.virt.libvirt import blockinfo, config
from nova.virt.libvirt.driver import LibvirtDriver
from nova.virt.sgx.guest import add_epc
from tutorial import TUTORIAL, block_of

from nova_sgx.request import EpcRequest

SGX_URI = os.environ.get("NOVA_SGX_LIBVIRT_URI", "")
OTHER_URI = os.environ.get("NOVA_SGX_OTHER_LIBVIRT_URI", "")

needs_sgx = pytest.mark.skipif(
    not SGX_URI, reason="needs NOVA_SGX_LIBVIRT_URI, a libvirt that offers 64 + 32 MiB of EPC"
)
needs_other = pytest.mark.skipif(not OTHER_URI, reason="needs NOVA_SGX_OTHER_LIBVIRT_URI, a libvirt without SGX")


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    objects.register_all()
    CONF([], project="nova", default_config_files=[])
    register_dynamic_opts(CONF)
    CONF.set_override("state_path", str(tmp_path))
    CONF.set_override("my_ip", "127.0.0.1")
    CONF.set_override("cpu_mode", "host-passthrough", group="libvirt")
    monkeypatch.setattr(objects.InstanceList, "get_by_host", lambda *_, **__: objects.InstanceList(objects=[]))
    monkeypatch.setattr(LibvirtDriver, "_set_host_enabled", lambda *_, **__: None)
    with nova_fixtures.LibvirtImageBackendFixture():
        yield
    CONF.reset()


def start(uri: str) -> Any:
    CONF.set_override("connection_uri", uri, group="libvirt")
    driver = load_compute_driver(None, "sgx.LibvirtSGXDriver")
    driver.init_host("compute1")
    return driver


def epc_backends(arguments: str) -> list[dict[str, Any]]:
    backends = (json.loads(found) for found in re.findall(r"-object '([^']*)'", arguments))
    return [item for item in backends if item["qom-type"] == "memory-backend-epc"]


def guest(driver: Any, **extra_specs: str) -> Any:
    """Give the configuration of a guest, as spawn makes it."""
    flavor = objects.Flavor(
        id=1,
        flavorid="1",
        name="sgx",
        vcpus=2,
        memory_mb=4096,
        root_gb=1,
        ephemeral_gb=0,
        swap=0,
        extra_specs=extra_specs,
    )
    image = objects.ImageMeta.from_dict({"disk_format": "raw", "properties": {"hw_machine_type": "q35"}})
    instance = fake_instance.fake_instance_obj(
        context.get_admin_context(), flavor=flavor, expected_attrs=["system_metadata"]
    )
    instance.vcpu_model = None
    instance.numa_topology = None
    instance.pci_devices = objects.PciDeviceList(objects=[])
    instance.pci_requests = objects.InstancePCIRequests(requests=[])
    disk_info = blockinfo.get_disk_info(CONF.libvirt.virt_type, instance, image)
    return driver._get_guest_config(instance, [], image, disk_info)


def arguments_of(driver: Any, made: Any) -> str:
    """Give QEMU's arguments, as libvirt makes them."""
    return str(driver._host.get_connection().domainXMLToNative("qemu-argv", made.to_xml(), 0))


@needs_sgx
def test_epc_and_features_become_arguments_of_qemu() -> None:
    driver = start(SGX_URI)
    arguments = arguments_of(
        driver, guest(driver, **{"resources:CUSTOM_SGX_EPC_MB": "64", "sgx:features": "provisionkey"})
    )
    assert re.findall(r"sgx-epc[^, ]*", arguments) == ["sgx-epc.0.memdev=memepc0", "sgx-epc.0.node=0"]
    assert [(item["size"], item.get("host-nodes")) for item in epc_backends(arguments)] == [(64 << 20, None)]
    cpu = re.search(r"-cpu (\S+)", arguments)
    assert cpu is not None
    assert {"host", "sgx=on", "sgx1=on", "sgxlc=on", "sgx-mode64=on", "sgx-provisionkey=on"} <= set(
        cpu[1].split(",")
    )


@needs_sgx
def test_the_tutorial_shows_what_comes_of_its_flavor() -> None:
    driver = start(SGX_URI)
    made = guest(driver, **{"resources:CUSTOM_SGX_EPC_MB": "64", "sgx:features": "provisionkey"})
    shown = {kind: block_of(kind).splitlines() for kind in ("xml", "qemu")}
    assert set(shown["xml"]) <= set(made.to_xml().splitlines())
    assert [line for line in shown["qemu"] if line not in arguments_of(driver, made)] == []


@needs_sgx
def test_shares_of_numa_cells_are_what_was_asked_from_where_the_cells_are_bound() -> None:
    driver = start(SGX_URI)
    made = guest(driver)
    made.cpu.numa = config.LibvirtConfigGuestCPUNUMA()
    made.numatune = config.LibvirtConfigGuestNUMATune()
    for number in range(2):
        cell = config.LibvirtConfigGuestCPUNUMACell()
        cell.id, cell.cpus, cell.memory = number, {number}, made.memory // 2
        made.cpu.numa.cells.append(cell)
        bound = config.LibvirtConfigGuestNUMATuneMemNode()
        bound.cellid, bound.nodeset = number, [0]  # the one node that every machine has
        made.numatune.memnodes.append(bound)
    add_epc(made, EpcRequest(66), driver._sgx)
    arguments = arguments_of(driver, made)
    assert [(item["size"], item["host-nodes"]) for item in epc_backends(arguments)] == [
        (34 << 20, [0]),
        (32 << 20, [0]),
    ]
    assert re.findall(r"sgx-epc\.\d\.node=\d", arguments) == ["sgx-epc.0.node=0", "sgx-epc.1.node=1"]


@needs_sgx
def test_without_epc_the_guest_is_novas_own() -> None:
    driver = start(SGX_URI)
    assert "sgx" not in arguments_of(driver, guest(driver))


@needs_sgx
def test_libvirt_defines_the_domain_and_keeps_the_epc() -> None:
    driver = start(SGX_URI)
    domain = driver._host.get_connection().defineXML(
        guest(driver, **{"resources:CUSTOM_SGX_EPC_MB": "64"}).to_xml()
    )
    kept = etree.fromstring(domain.XMLDesc(0))
    domain.undefine()
    assert kept.findtext("devices/memory[@model='sgx-epc']/target/size") == "65536"


@needs_sgx
def test_the_sections_are_those_of_libvirt() -> None:
    assert start(SGX_URI)._sgx.sections_kib == (65536, 32768)


@needs_other
def test_a_libvirt_without_sgx_is_refused() -> None:
    with pytest.raises(exception.InvalidConfiguration, match="libvirt says <sgx supported='no'/>") as raised:
        start(OTHER_URI)
    assert str(raised.value) in TUTORIAL
