"""`vcpuid sgx doctor`."""

from __future__ import annotations

from typing import Any

import click

from vcpuid.answers.sgx.doctor import examine
from vcpuid.answers.sgx.step import Purpose
from vcpuid.cli.host import gathering_options, host_option, snapshot_of
from vcpuid.cli.output import output_options, write
from vcpuid.render.sgx_doctor import doctor_document, render_doctor

_STATUS = {True: 0, False: 1, None: 4}


@click.command()
@host_option
@click.option(
    "--for",
    "purpose",
    type=click.Choice([purpose.value for purpose in Purpose]),
    default=Purpose.GUESTS.value,
    show_default=True,
    help="Enclaves in guests; or the host's own quotes, which TDX guests need.",
)
@click.option("-v", "--verbose", is_flag=True, help="What each step means and rests on; all steps.")
@gathering_options
@output_options
def command(host: str | None, purpose: str, output_format: str, *, verbose: bool, **choices: Any) -> int:  # noqa: ANN401 - the collector's options
    """Go every step from the CPU to a guest with SGX, and name the first that is broken.

    A step that is broken only because an earlier one is, is told as its consequence. Nothing needs root; without
    it steps are judged by what anybody can see, such as enclave memory in CPUID for the BIOS switch. --active also
    asks QEMU.

    \b
    vcpuid sgx doctor
    vcpuid sgx doctor --host h07.json -v
    vcpuid sgx doctor --for quotes     on a TDX host

    Exit status: 0 ready, 1 something is broken, 4 undecided: what decides was not seen.
    """
    snapshot = snapshot_of(host, choices)
    answer = examine(snapshot, Purpose(purpose))
    write(output_format, lambda: render_doctor(answer, verbose=verbose), lambda: doctor_document(answer))
    return _STATUS[answer.is_ready]
