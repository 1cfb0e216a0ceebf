"""Which map an answer rests on where several could serve."""

from __future__ import annotations

from pathlib import Path

from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.map_reader import INSTALLED, read_map
from vcpuid.rules.libvirt.shipped import shipped_map


def choose_map(folder: str | None = None, of_hosts: CpuMap | None = None) -> CpuMap:
    """Give the map of a named folder, else that of the hosts, else the installed one, else the shipped one.

    Raises:
        InputError: The named folder, or the installed one, has no map that can be read.
    """
    if folder is not None:
        return read_map(folder)
    if of_hosts is not None:
        return of_hosts
    return read_map(INSTALLED) if Path(INSTALLED, "index.xml").exists() else shipped_map()
