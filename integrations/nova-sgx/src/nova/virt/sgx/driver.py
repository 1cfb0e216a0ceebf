"""The libvirt driver with SGX: EPC from a flavor's resources, its inventory, and refusals of what cannot be.

Five methods of Nova's LibvirtDriver are extended, each by a call of the original with its arguments as they come:
releases add arguments.
"""

from __future__ import annotations

from typing import Any

import nova.conf
from nova import exception, objects, version
from nova.compute.provider_tree import ProviderTree
from nova.virt.libvirt.config import LibvirtConfigGuest
from nova.virt.libvirt.driver import LibvirtDriver
from nova.virt.sgx.guest import add_epc
from oslo_log import log as logging

from nova_sgx import options, releases
from nova_sgx.capabilities import SgxCapabilities, parse_capabilities
from nova_sgx.request import RESOURCE_CLASS, STEP_MIB, RequestError, read_request

CONF = nova.conf.CONF
CONF.register_opts(options.OPTIONS, group=options.GROUP)
LOG = logging.getLogger(__name__)

TRAIT = "HW_CPU_X86_SGX"


class LibvirtSGXDriver(LibvirtDriver):
    """`compute_driver = sgx.LibvirtSGXDriver`."""

    _sgx: SgxCapabilities
    """Read once: Nova too keeps libvirt's capabilities for as long as nova-compute runs."""

    def init_host(self, *args: Any, **kwargs: Any) -> None:
        """Refuse to start where guests would get no EPC, before anything of the host is touched.

        Raises:
            InvalidConfiguration: The release of Nova was not tested, the configuration leaves guests without SGX,
                or the host has none.
        """
        _check_release(version.version_string())
        _check_configuration()
        self._host.initialize()  # the original does so first, and a second time is nothing
        connection = self._host.get_connection()
        self._sgx = parse_capabilities(
            connection.getDomainCapabilities(None, "x86_64", None, CONF.libvirt.virt_type, 0)
        )
        _check_host(self._sgx)
        super().init_host(*args, **kwargs)

    def update_provider_tree(self, provider_tree: ProviderTree, nodename: str, *args: Any, **kwargs: Any) -> None:
        """Report EPC and SGX besides what the original reports."""
        super().update_provider_tree(provider_tree, nodename, *args, **kwargs)
        inventory = dict(provider_tree.data(nodename).inventory)
        inventory[RESOURCE_CLASS] = {
            "total": self._sgx.size_mib,
            "reserved": CONF.sgx.reserved_epc_mb,
            "min_unit": STEP_MIB,
            "max_unit": self._sgx.size_mib,
            "step_size": STEP_MIB,
            "allocation_ratio": 1.0,  # the kernel cannot take a guest's EPC back
        }
        provider_tree.update_inventory(nodename, inventory)
        provider_tree.add_traits(nodename, TRAIT)

    def _get_guest_config(self, instance: objects.Instance, *args: Any, **kwargs: Any) -> LibvirtConfigGuest:
        """Every start of a guest comes here: spawn, reboot, resize, rebuild, migration, evacuation, rescue."""
        try:
            request = read_request(instance.flavor.extra_specs)
        except RequestError as error:
            raise exception.InvalidInput(reason=f"flavor {instance.flavor.name}: {error}") from error
        guest = super()._get_guest_config(instance, *args, **kwargs)
        if request is not None:
            add_epc(guest, request, self._sgx)
        return guest

    def check_can_live_migrate_source(
        self, context: Any, instance: objects.Instance, *args: Any, **kwargs: Any
    ) -> Any:
        """Refuse the live migration of a guest with EPC: its keys are the CPU's own, and QEMU would let it go.

        Raises:
            MigrationPreCheckError: The guest has EPC.
        """
        if _has_epc(instance):
            raise exception.MigrationPreCheckError(
                reason="the guest has SGX EPC, whose content is bound to the CPU of its host. Stop the server and "
                "migrate it cold"
            )
        return super().check_can_live_migrate_source(context, instance, *args, **kwargs)

    def suspend(self, context: Any, instance: objects.Instance) -> None:
        """Refuse to save the memory of a guest with EPC, which a snapshot that is not live asks for as well.

        Raises:
            InstanceFaultRollback: The guest has EPC. It stays as it was; other errors would put it in error.
        """
        if _has_epc(instance):
            raise exception.InstanceFaultRollback(
                exception.InstanceSuspendFailure(
                    reason="the guest has SGX EPC, whose content cannot be saved. Stop the server instead: "
                    "snapshots of a stopped server, and live ones, save no memory"
                )
            )
        super().suspend(context, instance)


def _has_epc(instance: objects.Instance) -> bool:
    try:
        return read_request(instance.flavor.extra_specs) is not None
    except RequestError:
        return False  # it never started: every start reads the request


def _check_release(found: str) -> None:
    if releases.is_tested(found):
        return
    tested = ", ".join(releases.TESTED)
    if not CONF.sgx.allow_untested_nova:
        raise exception.InvalidConfiguration(
            f"sgx.LibvirtSGXDriver extends private interfaces of Nova, and was tested on Nova {tested}; this is "
            f"{found}. Set [sgx]allow_untested_nova = true to start it all the same."
        )
    LOG.warning("sgx.LibvirtSGXDriver runs on Nova %s; it was tested on %s", found, tested)


def _check_configuration() -> None:
    if CONF.libvirt.virt_type != "kvm":
        raise exception.InvalidConfiguration(
            f"sgx.LibvirtSGXDriver needs [libvirt]virt_type = kvm; {CONF.libvirt.virt_type} has no SGX"
        )
    if CONF.libvirt.cpu_mode == "none":
        raise exception.InvalidConfiguration(
            "sgx.LibvirtSGXDriver cannot give guests SGX with [libvirt]cpu_mode = none, which gives them no CPU "
            "features. Set host-model, host-passthrough or custom."
        )


def _check_host(sgx: SgxCapabilities) -> None:
    if sgx.missing:
        raise exception.InvalidConfiguration(
            f"sgx.LibvirtSGXDriver needs a host with SGX, and {sgx.missing}. It needs SGX and its memory set in "
            "the BIOS, the kernel's /dev/sgx_vepc, QEMU 6.2 and libvirt 8.10 or newer: vcpuid sgx doctor looks at "
            "each. For a host without SGX set compute_driver = libvirt.LibvirtDriver, after its guests with EPC "
            "have moved: it would start them without."
        )
    if CONF.sgx.reserved_epc_mb > sgx.size_mib:
        raise exception.InvalidConfiguration(
            f"[sgx]reserved_epc_mb is {CONF.sgx.reserved_epc_mb}, and the host has {sgx.size_mib} MiB of EPC"
        )
