"""`vcpuid why`."""

from __future__ import annotations

from typing import Any

import click

from vcpuid.answers.why import Answer, why
from vcpuid.cli.files import read_at_most
from vcpuid.cli.host import gathering_options, options_of, snapshot_here
from vcpuid.cli.output import output_options, write
from vcpuid.errors import InputError, UsageError
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.guest import Guest, guest_of_domain, guest_of_process
from vcpuid.guest.libvirt import SIZE_LIMIT_BYTES, parse_domain
from vcpuid.guest.qemu import CommandLine, check_cpu, parse_cpu
from vcpuid.render.why import render_why, why_document
from vcpuid.snapshot import Snapshot
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.place import Place
from vcpuid.terms.verdict import State

_STATUS = {State.PRESENT: 0, State.ABSENT: 1, State.UNKNOWN: 4}
_GUEST_OPTIONS = ("domain", "pid", "xml", "cpu", "nova_conf")


@click.command()
@click.argument("features", nargs=-1, required=True, metavar="FEATURE...")
@click.option("--host", metavar="FILE", help="A snapshot to take for the host; - for standard input.")
@click.option("--domain", metavar="NAME", help="The guest: a libvirt domain, by name or UUID.")
@click.option("--pid", type=int, metavar="PID", help="The guest: a running QEMU process.")
@click.option("--xml", metavar="FILE", help="The guest: a domain XML or <cpu> that asks; - for standard input.")
@click.option("--cpu", metavar="STRING", help="The guest: the value of a -cpu option that asks.")
@click.option("--nova-conf", metavar="FILE", help="The guest: what this nova.conf asks for.")
@click.option(
    "--inside", metavar="FILE", help="A snapshot or CPUID dump taken inside the guest, or by `probe`: the truth."
)
@click.option("--vendor", metavar="VENDOR", help="Choose between meanings of a name: intel, amd, hygon...")
@click.option("-v", "--verbose", is_flag=True, help="Show the evidence of every hop.")
@gathering_options
@output_options
def command(
    features: tuple[str, ...],
    host: str | None,
    inside: str | None,
    vendor: str | None,
    output_format: str,
    *,
    verbose: bool,
    **choices: Any,  # noqa: ANN401 - click's values, typed where they are used
) -> int:
    """Follow features from silicon to a guest: what can be given, what is asked for, what the guest got.

    Without a guest it judges what this host can give. A guest is a libvirt domain, a QEMU process, or a
    definition that only asks: an XML file, a -cpu string, a nova.conf.

    \b
    vcpuid why sgx
    vcpuid why sgx avx2 vmx --domain web-1
    vcpuid why amx-tile --host h07.json --nova-conf /etc/nova/nova.conf
    vcpuid why sgx --domain web-1 --inside guest.json     (collected inside the guest)
    vcpuid probe Haswell --to json | vcpuid why avx2 --cpu Haswell --inside -

    Exit status: 0 yes, 1 no, 4 undecided; over several features the worst: no, then undecided.
    """
    named = {name: choices.pop(name) for name in _GUEST_OPTIONS}
    given = [name for name, value in named.items() if value is not None]
    if len(given) > 1:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError("more than one guest", found=options, expected="one of them")
    if host is None:
        nova_files = (named["nova_conf"],) if named["nova_conf"] else ()
        snapshot = snapshot_here(options_of(**choices, nova_files=nova_files))
    else:
        snapshot = Snapshot.read(host)
    evidence = Evidence(snapshot)
    guest = _guest(named, evidence)
    if inside is not None:
        guest = _with_inside(guest, inside)
    answers = [why(feature, evidence, guest, vendor) for feature in features]
    write(
        output_format,
        lambda: render_why(answers, verbose=verbose),
        lambda: why_document(answers, snapshot.host_name, snapshot.taken_at),
    )
    return _status(answers)


def _status(answers: list[Answer]) -> int:
    statuses = [_STATUS[answer.outcome] for answer in answers]
    return next((status for status in (1, 4) if status in statuses), 0)


def _guest(named: dict[str, Any], evidence: Evidence) -> Guest | None:
    if named["domain"] is not None:
        return guest_of_domain(evidence, named["domain"])
    if named["pid"] is not None:
        return guest_of_process(evidence, named["pid"])
    if named["xml"] is not None:
        source = "standard input" if named["xml"] == "-" else named["xml"]
        return Guest(
            label=f"XML {source}", definition=parse_domain(read_at_most(named["xml"], SIZE_LIMIT_BYTES), source)
        )
    if named["cpu"] is not None:
        check_cpu(named["cpu"])
        place = Place("--cpu")
        argument = parse_cpu(named["cpu"], place)
        return Guest(
            label=f"-cpu {named['cpu']}", command=CommandLine((argument,), Accelerator.KVM, None, None, place)
        )
    if named["nova_conf"] is not None:
        return _guest_of_nova(named["nova_conf"], evidence)
    return None


def _guest_of_nova(path: str, evidence: Evidence) -> Guest:
    # The file that was named stands on this machine, whichever host the rest of the evidence is from.
    nova = evidence.nova
    if evidence.snapshot.source != "this host":
        from vcpuid.gather.options import Options  # noqa: PLC0415 - only this path looks here

        nova = Evidence(snapshot_here(Options(nova_files=(path,), only=("nova",)))).nova
    if isinstance(nova, Gap):
        raise InputError(f"cannot be read: {nova.why}", source=path, next_step=nova.remedy or None)
    return Guest(label=f"nova.conf {path}", nova=nova)


def _with_inside(guest: Guest | None, path: str) -> Guest:
    from dataclasses import replace  # noqa: PLC0415 - only this path needs it

    from vcpuid.cli.dump import read_source  # noqa: PLC0415
    from vcpuid.evidence.cpuid import CpuidEvidence  # noqa: PLC0415

    dump = read_source(path)
    cpuid = CpuidEvidence(dump, f"a dump from inside ({dump.origin})", ())
    if not cpuid.under_hypervisor:
        raise InputError(
            "this is of no guest: its CPUID has no hypervisor bit",
            source=path,
            next_step="Run `vcpuid collect` inside the guest, or `vcpuid probe`. --host takes that of the host.",
        )
    return replace(guest or Guest(label=f"the guest of {path}"), inside=cpuid)
