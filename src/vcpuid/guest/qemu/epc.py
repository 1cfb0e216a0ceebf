"""Writing EPC memory on QEMU's command line."""

from __future__ import annotations

from collections.abc import Sequence

from vcpuid.terms.epc import EpcSection


def render_epc(sections: Sequence[EpcSection]) -> list[str]:
    """Write the arguments that give a guest these sections, in order: an -object each, and one -machine.

    The type is not in this -machine: QEMU joins several. Source: QEMU 7.2, its page on SGX, and starting it.
    """
    arguments: list[str] = []
    machine: list[str] = []
    for number, section in enumerate(sections):
        name = f"epc{number}"
        options = ["memory-backend-epc", f"id={name}", f"size={section.size_bytes}", "prealloc=on"]
        if section.host_nodes is not None:
            options += [*(f"host-nodes={span}" for span in section.host_nodes.split(",")), "policy=bind"]
        arguments += ["-object", ",".join(options)]
        machine.append(f"sgx-epc.{number}.memdev={name},sgx-epc.{number}.node={section.guest_node or 0}")
    return [*arguments, "-machine", ",".join(machine)] if machine else []
