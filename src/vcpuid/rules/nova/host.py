"""What Nova and libvirt see of a host, and what libvirt answers to Nova about it."""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.errors import InputError
from vcpuid.rules.libvirt.baseline import baseline
from vcpuid.rules.libvirt.definition import expand
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.nova.refusal import NovaRefusalError, When
from vcpuid.terms.guest import GuestCpu, Policy
from vcpuid.terms.place import Place

# What libvirt's QEMU driver leaves out of a baseline whatever the CPU has (virsh cpu-baseline of libvirt 9.0, on
# qemu:///system beside test:///default).
_NEVER_A_GUESTS = frozenset(("cmt", "mbm_total", "mbm_local", "osxsave", "ospke"))


class NovaHost(NamedTuple):
    """A host.

    Attributes:
        models: The models and features of its libvirt.
        cpu: Its own CPU, by `virsh capabilities`; None where that is not known.
        offered: The CPU that its hypervisor offers, the host-model of domain capabilities; None where it is not
            known.
        arch: Its architecture.
    """

    models: Models
    cpu: GuestCpu | None = None
    offered: GuestCpu | None = None
    arch: str = "x86_64"

    def model_name(self, name: str, when: When, place: Place | None = None) -> str:
        """Give libvirt's spelling of a model.

        Raises:
            NovaRefusalError: It has none of this name.
        """
        found = {known.lower(): known for known in self.models.models}.get(name.lower())
        if found is None:
            words = (
                f"Configured CPU model: {name} is not correct, or your host CPU arch does not support this model. "
                "Please correct your config and try again."
            )
            raise NovaRefusalError("InvalidCPUInfo", words, when, place)
        return found

    def features_of(self, cpu: GuestCpu, when: When) -> frozenset[str]:
        """Give the features that libvirt's baseline of one CPU writes out.

        Raises:
            NovaRefusalError: libvirt refuses the CPU.
        """
        try:
            described = expand(self.models, baseline(self.models, [cpu]).cpu)
        except InputError as error:
            raise NovaRefusalError("libvirtError", str(error), when, cpu.place) from error
        names = (request.name for request in described.requests if request.policy is not Policy.DISABLE)
        return frozenset(names) - _NEVER_A_GUESTS

    def own_features(self, when: When) -> frozenset[str] | None:
        """Give what Nova takes for the host's own features; None where its CPU is not known.

        Raises:
            NovaRefusalError: libvirt refuses the CPU.
        """
        if self.cpu is None:
            return None
        if self.cpu.model is None:
            return frozenset(request.name for request in self.cpu.requests)
        return self.features_of(self.cpu, when)
