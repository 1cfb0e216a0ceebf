"""`vcpuid sgx`."""

from __future__ import annotations

import click

from vcpuid.cli.lazy import LazyGroup

_COMMANDS = {
    "doctor": ("sgx_doctor", "Every step to SGX on a host: what is broken, why, and how to mend it."),
    "plan": ("sgx_plan", "Which guests can have how much enclave memory, and the files that give it."),
}


@click.group(cls=LazyGroup, modules=_COMMANDS)
def command() -> None:
    """SGX for guests: is the host ready, and whom does its enclave memory serve?

    \b
    vcpuid sgx doctor
    vcpuid sgx plan --host h10.json --guest 64Mx2
    """
