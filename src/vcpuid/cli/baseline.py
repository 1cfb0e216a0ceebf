"""`vcpuid baseline`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from vcpuid.answers.baseline import Baseline, baseline
from vcpuid.answers.guest import DIALECTS, translate
from vcpuid.answers.nova_placement import Named, check_placement
from vcpuid.answers.nova_plan import plan_nova
from vcpuid.answers.party import Party
from vcpuid.cli.dump import tell
from vcpuid.cli.output import output_options, write
from vcpuid.cli.party import map_for, map_option, read_all
from vcpuid.dumps import read_bytes
from vcpuid.dumps.encoding import decode_text
from vcpuid.errors import UsageError
from vcpuid.guest.nova.placement import parse_placement
from vcpuid.render.baseline import baseline_document, render_baseline, render_baseline_xml
from vcpuid.render.nova_plan import nova_plan_document, nova_plan_text
from vcpuid.render.page import Page
from vcpuid.render.parties import names_in_short
from vcpuid.rules.libvirt.map import CpuMap


@click.command()
@click.argument("hosts", nargs=-1, required=True, metavar="HOST...")
@click.option(
    "--for", "target", type=click.Choice(list(DIALECTS)), help="Only the definition, in this project's words."
)
@click.option(
    "--placement",
    "placement",
    multiple=True,
    metavar="FILE",
    help="With --for nova: JSON that `openstack ... -f json` printed of flavors, aggregates (--long), or of a"
    " host's traits or inventory in a file named after it, as in h07-traits.json. May be repeated.",
)
@map_option
@output_options
def command(
    hosts: tuple[str, ...],
    target: str | None,
    placement: tuple[str, ...],
    map_folder: str | None,
    output_format: str,
) -> int:
    """Find the CPU that all hosts can give their guests.

    A host is a snapshot, a dump of any format, domain capabilities, a <cpu>, or `here`; a file may have many XML
    elements, or many snapshots as `collect` prints them. A dump shows what the CPU has and not what KVM and QEMU
    give: such a host is an upper bound, and the answer not migration-safe.

    \b
    vcpuid baseline snapshots/*.json
    vcpuid baseline h07.json h08.json --for libvirt > cpu.xml
    vcpuid baseline h07.json h08.json --for qemu           the value of -cpu
    vcpuid baseline h07.json h08.json --for nova           nova.conf, with aggregates, traits and flavors
    vcpuid baseline *.json --for nova --placement h07-traits.json --placement flavors.json
    virsh domcapabilities | vcpuid baseline - h08.json

    For nova the hosts' [libvirt] sections are written, all else as comments: models that some hosts give beside
    the common one, least advanced first, and the commands that lead guests to them.

    Exit status: 0 there is one, 1 the hosts have none in common; or placement claims what a host lacks, or a
    flavor has no host.
    """
    if placement and target != "nova":
        raise UsageError("--placement is read for Nova", expected="--for nova")
    if (*hosts, *placement).count("-") > 1:
        raise UsageError("standard input is named twice", expected="at most one -")
    parties = [party for path in hosts for party in read_all(path)]
    if target == "nova":
        return _write_nova(parties, map_for(map_folder, parties), placement, output_format)
    answer = baseline(parties, map_for(map_folder, parties))
    if target is not None and output_format == "text":
        _write_definition(answer, target)
    else:
        write(output_format, lambda: render_baseline(answer), lambda: baseline_document(answer))
    return 0 if answer.cpu is not None else 1


def _write_nova(parties: Sequence[Party], cpu_map: CpuMap, placement: Sequence[str], output_format: str) -> int:
    """Write the sections, and what placement says against them."""
    documents = [Named(path, parse_placement(decode_text(*read_bytes(path)), path)) for path in placement]
    plan = plan_nova(parties, cpu_map)
    check = check_placement(plan, documents) if documents else None
    if output_format == "json":
        write(output_format, Page, lambda: nova_plan_document(plan, check))
    else:
        click.echo(nova_plan_text(plan, check), nl=False)
        for loss in dict.fromkeys(loss for group in plan.groups for loss in group.unsaid):
            tell(f"nova cannot say {loss.what}: {loss.why}")
    return 0 if plan.groups and not plan.without and (check is None or check.is_fine) else 1


def _write_definition(answer: Baseline, target: str) -> None:
    """Write the definition alone; what the dialect cannot say, and that there is none, on standard error."""
    if answer.cpu is None:
        tell(f"no common CPU: {answer.refusal}")
        return
    unsafe = [party.name for party in answer.hosts if not party.basis.is_safe]
    if unsafe:
        tell(f"not migration-safe: of {names_in_short(unsafe)} only an upper bound is known")
    xml = render_baseline_xml(answer)
    if target == "libvirt":
        click.echo(xml)
        return
    translation = translate(xml, "baseline", target, origin="libvirt")
    click.echo(translation.text)
    for loss in translation.losses:
        tell(f"{target} cannot say {loss.what}: {loss.why}")
