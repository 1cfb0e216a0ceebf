"""Servers with EPC through the whole of Nova: what they get, what remains, and what is refused in which words."""

from __future__ import annotations

import json
from unittest import mock

import fixtures
from cloud import NO_SGX, SGX, Cloud
from nova import exception
from nova.conf import CONF
from nova.tests.functional.libvirt import base
from nova.virt.libvirt.driver import LibvirtDriver
from tutorial import block_of


class TestOneHost(Cloud):
    def setUp(self) -> None:
        super().setUp()
        self.start_compute()

    def test_the_host_reports_its_epc_and_the_trait(self) -> None:
        provider = self.compute_rp_uuids["compute1"]
        inventory = self._get_provider_inventory(provider)
        assert inventory["CUSTOM_SGX_EPC_MB"] == json.loads(block_of("json"))["CUSTOM_SGX_EPC_MB"]
        assert {"VCPU", "MEMORY_MB", "DISK_GB"} < set(inventory)
        assert "HW_CPU_X86_SGX" in self._get_provider_traits(provider)

    def test_a_server_gets_epc_features_and_a_numa_cell(self) -> None:
        server = self.boot(self.epc_flavor(64, "provisionkey,debug", **{"trait:HW_CPU_X86_SGX": "required"}))
        domain = self.domains[server["id"]]
        assert self.epc_kib(server) == [(0, 65536)]
        assert self.sgx_features(server) == dict.fromkeys(
            ("sgx", "sgx1", "sgx-mode64", "sgxlc", "sgx-provisionkey", "sgx-debug"), "require"
        )
        assert domain.findtext("maxMemory") == str(512 * 1024 + 65536)
        assert domain.find("maxMemory").get("slots") == "1"
        assert [dict(cell.attrib) for cell in domain.iterfind("cpu/numa/cell")] == [
            {"id": "0", "cpus": "0-1", "memory": "524288"}
        ]
        assert self.epc_used() == 64

    def test_a_flavor_without_epc_gives_what_nova_gives(self) -> None:
        flavor = self.flavor({"resources:CUSTOM_SGX_EPC_MB": "0"})
        server = self.boot(flavor)
        assert self.epc_kib(server) == []
        assert self.sgx_features(server) == {}
        assert self.domains[server["id"]].find("maxMemory") is None
        assert self.domains[server["id"]].find("cpu/numa") is None

    def test_an_image_cannot_ask_for_epc(self) -> None:
        image = self.glance.create(
            None,
            {
                "id": "6a2ba0b0-0c1b-4a73-9f0d-7d0c1c9c2d11",
                "name": "image",
                "status": "active",
                "container_format": "raw",
                "disk_format": "raw",
                "min_ram": 0,
                "min_disk": 0,
                "properties": {"resources:CUSTOM_SGX_EPC_MB": "64", "sgx:features": "debug"},
            },
        )
        server = self.boot(self.flavor({}), image_uuid=image["id"])
        assert self.epc_kib(server) == []
        assert self.sgx_features(server) == {}

    def test_more_epc_than_there_is_finds_no_host(self) -> None:
        for size_mib in (98, 33):  # the second is between the steps of libvirt
            server = self.boot(self.epc_flavor(size_mib), state="ERROR")
            assert "No valid host was found" in self.fault(server)
        self.boot(self.epc_flavor(64))
        assert "No valid host was found" in self.fault(self.boot(self.epc_flavor(34), state="ERROR"))
        self.boot(self.epc_flavor(32))
        assert self.epc_used() == 96

    def test_one_request_group_may_have_a_name(self) -> None:
        server = self.boot(self.flavor({"resources_SGX:CUSTOM_SGX_EPC_MB": "32"}))
        assert self.epc_kib(server) == [(0, 32768)]
        assert self.epc_used() == 32

    def test_the_api_refuses_extra_specs_that_are_malformed(self) -> None:
        for key, value in (
            ("sgx:features", "provisionkey debug"),
            ("sgx:features", "sgx-provisionkey"),
            ("sgx:features", ""),
            ("sgx:features", "debug,"),
            ("sgx:feature", "debug"),
            ("resources:CUSTOM_SGX_EPC_MB", "64MB"),
        ):
            assert "Validation failed" in self.refusal({key: value}), (key, value)

    def test_flavors_that_cannot_be_meant_are_refused_at_the_start(self) -> None:
        epc = "resources:CUSTOM_SGX_EPC_MB"
        for extra_specs, words in (
            # Nova's API takes any whole number, and its scheduler passes over one below zero.
            ({epc: "-64"}, f"{epc}='-64': expected a number of MiB above zero"),
            (
                {epc: "32", "resources1:CUSTOM_SGX_EPC_MB": "16", "group_policy": "none"},
                "asked for more than once",
            ),
            ({"sgx:features": "debug"}, "sgx:features without EPC memory"),
        ):
            server = self.boot(self.flavor(extra_specs), state="ERROR")
            assert words in self.fault(server)

    def test_a_feature_that_the_host_lacks_is_looked_for_elsewhere(self) -> None:
        server = self.boot(self.epc_flavor(32, "sgx2"), state="ERROR")
        assert "Exhausted all hosts available for retrying" in self.fault(server)

    def test_each_numa_cell_gets_its_share(self) -> None:
        flavor = self.flavor({"resources:CUSTOM_SGX_EPC_MB": "34", "hw:numa_nodes": "2"})
        server = self.boot(flavor)
        domain = self.domains[server["id"]]
        assert self.epc_kib(server) == [(0, 18432), (1, 16384)]
        assert [cell.get("memory") for cell in domain.iterfind("cpu/numa/cell")] == ["262144", "262144"]
        assert domain.findtext("maxMemory") == str(512 * 1024 + 34 * 1024)
        assert domain.find("maxMemory").get("slots") == "2"

    def test_reboot_rebuild_and_stop_keep_the_epc(self) -> None:
        server = self.boot(self.epc_flavor(64))
        for step in (
            lambda: self._reboot_server(server, hard=True),
            lambda: self._rebuild_server(server, "155d900f-4e14-4e4c-a73d-069cbf4541e6"),
            lambda: self._start_again(server["id"]),
        ):
            self.domains.clear()
            step()
            assert self.epc_kib(server) == [(0, 65536)]
        assert self.epc_used() == 64

    def _start_again(self, server_id: str) -> None:
        server = {"id": server_id}
        self._stop_server(server)
        self.api.post_server_action(server_id, {"os-start": None})
        self._wait_for_state_change(server, "ACTIVE")

    def test_suspend_is_refused(self) -> None:
        server = self.boot(self.epc_flavor(64))
        self.refused(server, "suspend")
        assert self.faults[0].startswith(
            "Failed to suspend instance: the guest has SGX EPC, whose content cannot be saved. Stop the server"
        )

    def test_a_snapshot_that_would_save_memory_is_refused(self) -> None:
        self.flags(disable_libvirt_livesnapshot=True, group="workarounds")
        server = self.boot(self.epc_flavor(64))
        self.refused(server, "createImage", name="snapshot")
        assert "the guest has SGX EPC, whose content cannot be saved" in self.faults[0]
        assert "snapshot" not in {image["name"] for image in self.glance.images.values()}

    def test_a_live_snapshot_is_none_of_these(self) -> None:
        server = self.boot(self.epc_flavor(64))
        with mock.patch("nova.virt.libvirt.driver.LibvirtDriver._live_snapshot") as live:
            self._snapshot_server(server, "snapshot")
            self._wait_for_server_parameter(server, {"OS-EXT-STS:task_state": None})
        live.assert_called_once()
        assert self.faults == []

    def test_a_server_without_epc_is_suspended_as_ever(self) -> None:
        server = self.boot(self.flavor({}))
        self._suspend_server(server)


class TestTwoHosts(base.LibvirtMigrationMixin, Cloud):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(LibvirtDriver, "migrate_disk_and_power_off", return_value="{}"))
        self.start_compute("compute1")
        self.start_compute("compute2")

    def test_a_resize_changes_the_epc(self) -> None:
        server = self.boot(self.epc_flavor(32), host="compute1")
        for size in (64, 0):
            flavor = self.epc_flavor(size)
            server = self._resize_server(server, flavor)
            assert self.epc_kib(server) == ([(0, size * 1024)] if size else [])
            server = self._confirm_resize(server)

    def test_a_cold_migration_takes_the_epc_along_and_back(self) -> None:
        server = self.boot(self.epc_flavor(96), host="compute1")
        self.domains.clear()
        server = self._migrate_server(server)
        assert server["OS-EXT-SRV-ATTR:host"] == "compute2"
        assert self.epc_kib(server) == [(0, 98304)]
        self.domains.clear()
        server = self._revert_resize(server)
        assert self.epc_kib(server) == [(0, 98304)]
        assert (self.epc_used("compute1"), self.epc_used("compute2")) == (96, 0)

    def test_live_migration_is_refused(self) -> None:
        server = self.boot(self.epc_flavor(64), host="compute1")
        for host in (None, "compute2"):
            self.refused(server, "os-migrateLive", host=host, block_migration="auto")
            assert any(
                "the guest has SGX EPC, whose content is bound to the CPU of its host" in fault
                for fault in self.faults
            )
        assert (self.epc_used("compute1"), self.epc_used("compute2")) == (64, 0)

    def test_a_server_without_epc_migrates_live_as_ever(self) -> None:
        self.src, self.dest = self.computes["compute1"], self.computes["compute2"]
        self.server = self.boot(self.flavor({}), host="compute1")
        self._live_migrate(self.server)
        assert self.migrate_stub_ran

    def test_an_evacuated_server_has_its_epc(self) -> None:
        server = self.boot(self.epc_flavor(64), host="compute1")
        self.computes["compute1"].stop()
        self.api.put_service(
            self.api.get_services(host="compute1", binary="nova-compute")[0]["id"], {"forced_down": True}
        )
        self.domains.clear()
        self._evacuate_server(server, expected_host="compute2")
        assert self.epc_kib(server) == [(0, 65536)]


class TestStart(Cloud):
    def test_a_host_without_sgx_refuses_to_start(self) -> None:
        for sgx, words in (
            (NO_SGX, "libvirt says <sgx supported='no'/>"),
            ("", "libvirt says nothing of SGX; that is older than 8.10"),
            ("<sgx supported='yes'><section_size unit='KiB'>512</section_size></sgx>", "less than 2 MiB of EPC"),
        ):
            self.announce(sgx)
            with self.assertRaises(exception.InvalidConfiguration) as raised:
                self.start_compute()
            assert words in str(raised.exception)
            assert "compute_driver = libvirt.LibvirtDriver" in str(raised.exception)

    def test_a_host_that_lost_sgx_in_an_upgrade_refuses_and_comes_back(self) -> None:
        self.start_compute()
        server = self.boot(self.epc_flavor(64))
        connection = self.computes["compute1"].driver._get_connection()
        self.announce(NO_SGX)
        with self.assertRaises(exception.InvalidConfiguration) as raised:
            self.restart_compute_service("compute1")
        assert "libvirt says <sgx supported='no'/>" in str(raised.exception)

        self.announce(SGX)
        self.start_compute(connection=connection)
        assert self.epc_used() == 64
        self.domains.clear()
        self._reboot_server(server, hard=True)
        assert self.epc_kib(server) == [(0, 65536)]

    def test_epc_that_shrank_keeps_what_runs_and_gives_no_more(self) -> None:
        self.start_compute()
        self.boot(self.epc_flavor(64))
        self.announce(SGX.replace("65536", "16384"))
        self.restart_compute_service("compute1")
        inventory = self._get_provider_inventory(self.compute_rp_uuids["compute1"])
        assert (inventory["CUSTOM_SGX_EPC_MB"]["total"], self.epc_used()) == (48, 64)
        assert "No valid host was found" in self.fault(self.boot(self.epc_flavor(2), state="ERROR"))

    def test_reserved_epc_is_not_given_out(self) -> None:
        self.flags(reserved_epc_mb=32, group="sgx")
        self.start_compute()
        assert "No valid host was found" in self.fault(self.boot(self.epc_flavor(66), state="ERROR"))
        self.boot(self.epc_flavor(64))

    def test_a_configuration_that_cannot_give_sgx_is_refused(self) -> None:
        for group, option, value, words in (
            ("sgx", "reserved_epc_mb", 97, "the host has 96 MiB of EPC"),
            ("libvirt", "virt_type", "qemu", "needs [libvirt]virt_type = kvm"),
            ("libvirt", "cpu_mode", "none", "cpu_mode = none"),
        ):
            before = getattr(getattr(CONF, group), option)
            self.flags(**{option: value}, group=group)
            with self.assertRaises(exception.InvalidConfiguration) as raised:
                self.start_compute()
            assert words in str(raised.exception)
            self.flags(**{option: before}, group=group)

    def test_another_release_of_nova_is_refused_unless_told(self) -> None:
        with mock.patch("nova.version.version_string", return_value="30.1.0"):
            with self.assertRaises(exception.InvalidConfiguration) as raised:
                self.start_compute()
            assert "this is 30.1.0" in str(raised.exception)
            assert "[sgx]allow_untested_nova = true" in str(raised.exception)
            self.flags(allow_untested_nova=True, group="sgx")
            self.start_compute()
