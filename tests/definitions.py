"""Definitions of guest CPUs, compared by what they say."""

from __future__ import annotations

from dataclasses import replace

from vcpuid.terms.guest import GuestCpu
from vcpuid.terms.place import Place

HERE = Place("here")


def without_places(cpu: GuestCpu) -> GuestCpu:
    """Give the same CPU as if all of it stood in one place."""
    return replace(cpu, place=HERE, requests=tuple(replace(request, place=HERE) for request in cpu.requests))
