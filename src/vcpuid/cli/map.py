"""`vcpuid map`."""

from __future__ import annotations

import sys

import click

from vcpuid.answers.look_up import look_up
from vcpuid.answers.map_entry import doubt_map_entry, map_entry
from vcpuid.atlas import Atlas
from vcpuid.cli.output import findings_status, output_options, write
from vcpuid.render.findings import findings_document, render_findings
from vcpuid.rules.libvirt.map_lint import lint_file, read_and_lint
from vcpuid.terms.feature import Dialect, Feature


@click.group()
def command() -> None:
    """The feature map of libvirt."""


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--vendor", metavar="VENDOR", help="Choose between meanings: intel, amd, hygon, centaur, zhaoxin.")
def entry(names: tuple[str, ...], vendor: str | None) -> None:
    """Write the map entry of features, as libvirt's own x86_features.xml has it.

    A newer libvirt is the remedy for a feature that yours does not know. The installed map is not meant to be
    edited: upgrades overwrite it and hosts drift apart. Entries are for developers, and a last resort. Of an entry
    that would be of no use standard error says why.

    \b
    vcpuid map entry sgx sgxlc sgx1
    """
    features = [_feature(name, vendor) for name in names]
    click.echo("".join([map_entry(feature) for feature in features]), nl=False)
    for feature in features:
        if doubt := doubt_map_entry(feature):
            click.echo(f"vcpuid: {feature.name}: {doubt}", err=True)


@command.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE|DIR...")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@output_options
def lint(paths: tuple[str, ...], output_format: str, *, strict: bool) -> int:
    """Find the faults of a map: each with its place, what libvirt would do with it, and the fix.

    A whole map (its folder or index.xml) is judged with its order and references; a file of it, a fragment, or -
    for standard input by itself.

    \b
    vcpuid map lint /usr/share/libvirt/cpu_map
    vcpuid map lint x86_features.xml
    vcpuid map entry sgx sgxlc | vcpuid map lint -

    Exit status: 0 no error, 1 errors (with --strict: or warnings), 3 no map.
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


def _feature(name: str, vendor: str | None) -> Feature:
    """Find a feature, by libvirt's own name first: what is exact there is not ambiguous in libvirt's map."""
    named = Atlas.load().named(Dialect.LIBVIRT, name.strip()) if vendor is None else None
    return named or look_up(name, vendor).feature
