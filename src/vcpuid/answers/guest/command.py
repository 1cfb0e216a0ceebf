"""What a -cpu option asks for in libvirt's words, so that it can be compared as a domain is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from vcpuid.answers.guest.definition import Definition, translate_requests
from vcpuid.guest.qemu import CpuArgument
from vcpuid.terms.feature import Dialect
from vcpuid.terms.guest import FeatureRequest, GuestCpu, Policy


def cpu_of_command(argument: CpuArgument, features: Collection[str], dropped: Collection[str] = ()) -> GuestCpu:
    """Give the CPU of a -cpu option with libvirt's names.

    Args:
        argument: The option.
        features: The names of libvirt's map: a feature that it does not know cannot be compared, and is left out.
        dropped: Features that QEMU could not give, by its own names: they are not needed elsewhere.
    """
    off = tuple(FeatureRequest(name, Policy.DISABLE, argument.cpu.place) for name in dropped)
    asked = replace(argument.cpu, requests=(*argument.cpu.requests, *off), settings=())
    requests, _ = translate_requests(Definition(Dialect.QEMU, asked), Dialect.LIBVIRT)
    return replace(asked, requests=tuple(request for request in requests if request.name in features))
