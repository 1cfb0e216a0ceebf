"""`vcpuid map lint`."""

from __future__ import annotations

import sys

import click

from vcpuid.cli.findings import findings_status
from vcpuid.cli.output import output_options, write
from vcpuid.render.findings import findings_document, render_findings
from vcpuid.rules.libvirt.map_lint import lint_file, read_and_lint


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE|DIR...")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@output_options
def command(paths: tuple[str, ...], output_format: str, *, strict: bool) -> int:
    """Find the faults of a map: each with its place, what libvirt would do with it, and how to mend it.

    A whole map (its folder or index.xml) is judged with its order and references; a file of it, a fragment, or -
    for standard input by itself.

    \b
    vcpuid map lint /usr/share/libvirt/cpu_map
    vcpuid map lint x86_features.xml
    vcpuid map entry sgx sgxlc | vcpuid map lint -

    Exit status: 0 no error, 1 an error (with --strict: or a warning), 3 no map.
    """
    findings = [
        finding
        for path in paths
        for finding in (
            lint_file(sys.stdin.buffer.read(), "standard input") if path == "-" else read_and_lint(path)
        )
    ]
    write(output_format, lambda: render_findings(findings), lambda: findings_document(findings))
    return findings_status(findings, strict=strict)
