"""`vcpuid baseline`."""

from __future__ import annotations

import click

from vcpuid.answers.baseline import Baseline, baseline
from vcpuid.answers.guest import DIALECTS, translate
from vcpuid.cli.dump import tell
from vcpuid.cli.output import output_options, write
from vcpuid.cli.party import map_for, map_option, read_all
from vcpuid.errors import UsageError
from vcpuid.render.baseline import baseline_document, render_baseline, render_baseline_xml


@click.command()
@click.argument("hosts", nargs=-1, required=True, metavar="HOST...")
@click.option(
    "--for", "target", type=click.Choice(list(DIALECTS)), help="Only the definition, in this project's words."
)
@map_option
@output_options
def command(hosts: tuple[str, ...], target: str | None, map_folder: str | None, output_format: str) -> int:
    """Find the CPU that all hosts can give their guests.

    A host is a snapshot, a dump of any format, domain capabilities, a <cpu>, or `here`; a file may have many XML
    elements, or many snapshots as `collect` prints them. A dump shows what the CPU has and not what KVM and QEMU
    give: such a host is an upper bound, and the answer not migration-safe.

    \b
    vcpuid baseline snapshots/*.json
    vcpuid baseline h07.json h08.json --for libvirt > cpu.xml
    vcpuid baseline h07.json h08.json --for qemu           the value of -cpu
    virsh domcapabilities | vcpuid baseline - h08.json

    Exit status: 0 there is one, 1 the hosts have none in common.
    """
    if hosts.count("-") > 1:
        raise UsageError("standard input is named twice", expected="at most one -")
    parties = [party for path in hosts for party in read_all(path)]
    answer = baseline(parties, map_for(map_folder, parties))
    if target is not None and output_format == "text":
        _write_definition(answer, target)
    else:
        write(output_format, lambda: render_baseline(answer), lambda: baseline_document(answer))
    return 0 if answer.cpu is not None else 1


def _write_definition(answer: Baseline, target: str) -> None:
    """Write the definition alone; what the dialect cannot say, and that there is none, on standard error."""
    if answer.cpu is None:
        tell(f"no common CPU: {answer.refusal}")
        return
    xml = render_baseline_xml(answer)
    if target == "libvirt":
        click.echo(xml)
        return
    translation = translate(xml, "baseline", target, origin="libvirt")
    click.echo(translation.text)
    for loss in translation.losses:
        tell(f"{target} cannot say {loss.what}: {loss.why}")
