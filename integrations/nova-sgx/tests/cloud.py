"""A small cloud of Nova's own fixtures: its API, scheduler, conductor and computes, with the real placement.

Only what lies below the driver is fake: libvirt, images, networks and disks, by `nova.tests.fixtures`.
"""

from __future__ import annotations

import contextlib
import warnings
from http import HTTPStatus
from typing import Any
from unittest import mock

import fixtures
from lxml import etree
from nova.compute import utils as compute_utils
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.tests.functional.api import client
from nova.tests.functional.libvirt import base
from sqlalchemy.exc import SADeprecationWarning

SGX = """\
<sgx supported='yes'>
  <flc>yes</flc>
  <sgx1>yes</sgx1>
  <sgx2>no</sgx2>
  <section_size unit='KiB'>98304</section_size>
  <sections>
    <section node='0' size='65536' unit='KiB'/>
    <section node='1' size='32768' unit='KiB'/>
  </sections>
</sgx>
"""
NO_SGX = "<sgx supported='no'/>"
Json = dict[str, Any]


def announce(sgx: str) -> mock._patch[Any]:
    """Make the fake libvirt say this of SGX."""
    original = fakelibvirt.Connection.getDomainCapabilities

    def capabilities(connection: Any, *args: Any) -> str:
        tree: Any = etree.fromstring(original(connection, *args))
        features = tree.find("features")
        for element in features.findall("sgx"):
            features.remove(element)
        if sgx:
            features.append(etree.fromstring(sgx))
        return str(etree.tostring(tree, encoding="unicode"))

    return mock.patch.object(fakelibvirt.Connection, "getDomainCapabilities", capabilities)


class Cloud(base.ServersTestBase):
    """Hosts with 96 MiB of EPC.

    Attributes:
        domains: What Nova gave libvirt last, by server.
        faults: What Nova noted down of failures, which the API shows of servers in error alone.
    """

    ADMIN_API = True
    api_major_version = "v2.1"
    microversion = "latest"

    def setUp(self) -> None:
        # pytest put the test's method here and takes it away at the end, after Nova has emptied its test case.
        self.addCleanup(setattr, self, self._testMethodName, None)
        super().setUp()
        # Nova makes errors of them, and its releases are tested here with a newer SQLAlchemy than their own.
        warnings.filterwarnings("ignore", category=SADeprecationWarning)
        self.domains: dict[str, Any] = {}
        define = fakelibvirt.Connection.defineXML

        def remember(connection: Any, xml: str) -> Any:
            domain: Any = etree.fromstring(xml)
            self.domains[domain.findtext("uuid")] = domain
            return define(connection, xml)

        self.useFixture(fixtures.MockPatchObject(fakelibvirt.Connection, "defineXML", remember))
        self.faults: list[str] = []
        add_fault = compute_utils.add_instance_fault_from_exc

        def remember_fault(context: Any, instance: Any, fault: Any, *args: Any, **kwargs: Any) -> Any:
            self.faults.append(str(fault))
            return add_fault(context, instance, fault, *args, **kwargs)

        self.useFixture(fixtures.MockPatchObject(compute_utils, "add_instance_fault_from_exc", remember_fault))
        self.announce(SGX)

    def _setup_compute_service(self) -> None:
        self.flags(compute_driver="sgx.LibvirtSGXDriver")

    def announce(self, sgx: str) -> None:
        patch = announce(sgx)
        patch.start()
        self.addCleanup(patch.stop)

    def flavor(self, extra_specs: dict[str, str], *, vcpus: int = 2, memory_mb: int = 512) -> str:
        return str(
            self._create_flavor(vcpu=vcpus, memory_mb=memory_mb, disk=0, ephemeral=0, extra_spec=extra_specs)
        )

    def epc_flavor(self, size_mib: int = 64, features: str | None = None, **specs: str) -> str:
        extra_specs = {"resources:CUSTOM_SGX_EPC_MB": str(size_mib), **specs}
        return self.flavor(extra_specs | ({"sgx:features": features} if features else {}))

    def boot(self, flavor: str, *, state: str = "ACTIVE", **more: Any) -> Json:
        server: Json = self._create_server(flavor_id=flavor, networks="none", expected_state=state, **more)
        return server

    def epc_kib(self, server: Json) -> list[tuple[int, int]]:
        """Give the EPC devices of a server's domain as (NUMA cell, KiB)."""
        return [
            (int(device.findtext("target/node")), int(device.findtext("target/size")))
            for device in self.domains[server["id"]].iterfind("devices/memory[@model='sgx-epc']")
        ]

    def sgx_features(self, server: Json) -> dict[str, str]:
        features = self.domains[server["id"]].iterfind("cpu/feature")
        return {item.get("name"): item.get("policy") for item in features if item.get("name").startswith("sgx")}

    def epc_used(self, host: str = "compute1") -> int:
        return int(self._get_provider_usages(self.compute_rp_uuids[host])["CUSTOM_SGX_EPC_MB"])

    def fault(self, server: Json) -> str:
        """Give what a user reads of a server's failure."""
        shown = self.admin_api.get_server(server["id"])
        return str(shown["fault"]["message"])

    def refusal(self, extra_specs: dict[str, str]) -> str:
        """Give why the API does not take an extra spec."""
        with self.assertRaises(client.OpenStackApiException) as raised:
            self.flavor(extra_specs)
        assert raised.exception.response.status_code == HTTPStatus.BAD_REQUEST
        return str(raised.exception)

    def refused(self, server: Json, action: str, **arguments: Any) -> Json:
        """Ask for what is refused; give the server, which must run on, where it was and with nothing under way."""
        before = self.admin_api.get_server(server["id"])
        self.faults.clear()
        with contextlib.suppress(client.OpenStackApiException):  # its own casts are calls here, and fail with it
            self.api.post_server_action(server["id"], {action: arguments or None})
        after: Json = self._wait_for_server_parameter(server, {"status": "ACTIVE", "OS-EXT-STS:task_state": None})
        assert after["OS-EXT-SRV-ATTR:host"] == before["OS-EXT-SRV-ATTR:host"]
        return after
