"""`vcpuid map`."""

from __future__ import annotations

import click

from vcpuid.cli.lazy import LazyGroup

_COMMANDS = {
    "show": ("map_show", "Features and models of a map: what they amount to, and who has them."),
    "entry": ("map_entry", "The map entry of features, as libvirt writes it."),
    "lint": ("map_lint", "The faults of a map, what libvirt would do with each, and how to mend it."),
    "add": ("map_add", "Put the entries of features into a copy of a map."),
    "sync": ("map_sync", "What a QEMU knows and a map does not."),
}


@click.group(cls=LazyGroup, modules=_COMMANDS)
def command() -> None:
    """Libvirt's CPU map: its features and models, its faults, and changes that are safe.

    \b
    vcpuid map show sgx Skylake-Client-IBRS
    vcpuid map lint /usr/share/libvirt/cpu_map
    vcpuid map sync --qemu-version 10.2 > missing.xml
    """
