"""`vcpuid lint`."""

from __future__ import annotations

import click

from vcpuid.answers.lint import Basis, Text, choose_qemu, lint
from vcpuid.answers.lint_host import first_map, host_of
from vcpuid.cli.files import read_at_most
from vcpuid.cli.findings import findings_status
from vcpuid.cli.host import read_snapshot
from vcpuid.cli.output import output_options, write
from vcpuid.errors import UsageError
from vcpuid.evidence import Evidence
from vcpuid.guest.libvirt import SIZE_LIMIT_BYTES
from vcpuid.render.lint import lint_document, render_lint
from vcpuid.render.page import printable
from vcpuid.rules.libvirt.choice import choose_map

_BAD_INPUT = 3


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--host",
    "hosts",
    metavar="FILE",
    multiple=True,
    help="A snapshot of a host, or `here`; may be repeated.",
)
@click.option("--map", "map_folder", metavar="DIR", help="libvirt's cpu_map folder to judge names by.")
@click.option(
    "--qemu-version", "qemu", metavar="VERSION", help="The release of QEMU by whose tables -cpu is judged."
)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@output_options
def command(
    files: tuple[str, ...],
    hosts: tuple[str, ...],
    map_folder: str | None,
    qemu: str | None,
    output_format: str,
    *,
    strict: bool,
) -> int:
    """Find faults in files: what will happen, when, and what to do.

    What a file is, its content shows: a domain XML or a <cpu> by itself, a file or folder of libvirt's CPU map, a
    nova.conf or a folder of such, a -cpu string or QEMU's whole command line. Several files of Nova's are read
    together in their order, as nova-compute does. - is standard input. With --host also what goes wrong on that
    host: names that its libvirt lacks, features and models that it cannot give, Nova's start, migrations between
    the hosts.

    Names are judged by the map of --map, else of the first --host, else the installed one, else the one that ships
    with vcpuid; those of -cpu by the tables of --qemu-version, else of the first --host's QEMU, else of the newest
    that was measured. The last line says which.

    \b
    vcpuid lint web-1.xml
    virsh dumpxml --inactive web-1 | vcpuid lint - --host h07.json --host h08.json
    echo Haswell,+sgx1,-avx2,avx2=on | vcpuid lint - --qemu-version 7.2
    vcpuid lint --strict /usr/share/libvirt/cpu_map
    vcpuid lint /etc/nova/nova.conf /etc/nova/nova-compute.conf --host h07.json --host h08.json

    Exit status: 0 no error, 1 an error (with --strict: or a warning), 3 a file that cannot be linted.
    """
    if (*files, *hosts).count("-") > 1:
        raise UsageError("standard input is named twice", expected="at most one -")
    lint_hosts = tuple(host_of(Evidence(read_snapshot(host))) for host in hosts)
    cpu_map = choose_map(map_folder, first_map(lint_hosts))
    report = lint(files, Basis(cpu_map, lint_hosts, choose_qemu(qemu, lint_hosts)), _read)
    write(output_format, lambda: render_lint(report), lambda: lint_document(report))
    for error in report.unread:
        click.echo("\n".join(printable(line) for line in f"vcpuid: {error}".split("\n")), err=True)
    return _BAD_INPUT if report.unread else findings_status(report.findings, strict=strict)


def _read(path: str) -> Text:
    return Text(read_at_most(path, SIZE_LIMIT_BYTES), "standard input" if path == "-" else path)
