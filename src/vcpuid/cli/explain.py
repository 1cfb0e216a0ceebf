"""`vcpuid explain`."""

from __future__ import annotations

import click

from vcpuid.answers.explain import explain
from vcpuid.cli import complete
from vcpuid.cli.output import output_options, write
from vcpuid.cli.vendor import vendor_option
from vcpuid.render.explain import explain_document, render_explain


@click.command()
@click.argument("what", nargs=-1, required=True, shell_complete=complete.features)
@vendor_option
@output_options
def command(what: tuple[str, ...], vendor: str | None, output_format: str) -> None:
    """Explain a feature, a bit or a value in every dialect.

    WHAT is a name in any dialect (sgx, sha_ni, AVX512_BF16, HW_CPU_X86_VMX), an address, or an address with a
    value. Leaf and MSR index are hexadecimal, subleaf and bit decimal.

    \b
    vcpuid explain sgxlc
    vcpuid explain 7.0.ebx.2 'CPUID.07H:EBX[2]' 'MSR 0x10a[3]'
    vcpuid explain 0x12.1.eax=0x36 7.0.ebx=0x029c6fbf

    Exit status: 0 explained, 2 a name that no dialect has.
    """
    explanations = [explain(text, vendor) for text in what]
    write(
        output_format,
        lambda: render_explain(explanations),
        lambda: explain_document(explanations),
    )
