"""Definitions of guest CPUs, compared by what they say."""

from __future__ import annotations

from dataclasses import replace

from vcpuid.guest.qemu import model_of, render_options
from vcpuid.terms.guest import GuestCpu
from vcpuid.terms.place import Place

HERE = Place("here")


def without_places(cpu: GuestCpu) -> GuestCpu:
    """Give the same CPU as if all of it stood in one place."""
    return replace(cpu, place=HERE, requests=tuple(replace(request, place=HERE) for request in cpu.requests))


def cpu_option(cpu: GuestCpu) -> str:
    """Give a CPU in QEMU's names as the value of -cpu: the model, what is on or off, the settings."""
    values: list[tuple[str, bool | int | str]] = [(request.name, request.policy.asks) for request in cpu.requests]
    values += [(setting.name, setting.value) for setting in cpu.settings]
    return render_options(model_of(cpu), values, str(cpu.place))
