"""`vcpuid why`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vcpuid.answers.asked_by import guest_of_cpu, guest_of_xml
from vcpuid.answers.nova import ask_nova, nova_host
from vcpuid.answers.why import Answer, why
from vcpuid.cli import complete
from vcpuid.cli.files import read_at_most
from vcpuid.cli.host import gathering_options, host_option, snapshot_of
from vcpuid.cli.output import output_options, write
from vcpuid.cli.vendor import vendor_option
from vcpuid.decode.levels import features_of_level
from vcpuid.errors import InputError, UsageError
from vcpuid.evidence import Evidence
from vcpuid.evidence.guest import Guest, guest_of_domain, guest_of_process
from vcpuid.guest.libvirt import SIZE_LIMIT_BYTES
from vcpuid.guest.nova import NovaFile, parse_ini, parse_nova_files
from vcpuid.guest.nova.flavor import parse_flavor, parse_image
from vcpuid.render.why import render_why, why_document
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.terms.verdict import State

_STATUS = {State.PRESENT: 0, State.ABSENT: 1, State.UNKNOWN: 4}
_GUEST_OPTIONS = ("domain", "pid", "xml", "cpu", "nova_conf")


@click.command()
@click.argument("features", nargs=-1, required=True, metavar="FEATURE...", shell_complete=complete.features)
@host_option
@click.option("--domain", metavar="NAME", help="The guest: a libvirt domain, by name or UUID.")
@click.option("--pid", type=int, metavar="PID", help="The guest: a running QEMU process.")
@click.option("--xml", metavar="FILE", help="The guest: a domain XML or <cpu> that asks; - for standard input.")
@click.option("--cpu", metavar="STRING", help="The guest: the value of a -cpu option that asks.")
@click.option(
    "--nova-conf",
    metavar="FILE",
    multiple=True,
    help="The guest: what this nova.conf asks for, or a folder of such; may be repeated, in Nova's order.",
)
@click.option("--flavor", metavar="FILE", help="Its flavor, of `openstack flavor show -f json`.")
@click.option("--image", metavar="FILE", help="Its image, of `openstack image show -f json`.")
@click.option(
    "--inside", metavar="FILE", help="A snapshot or CPUID dump taken inside the guest, or by `probe`: the truth."
)
@vendor_option
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
    vcpuid why x86-64-v2 --domain web-1                   every feature of the level
    vcpuid why amx-tile --host h07.json --nova-conf /etc/nova/nova.conf
    vcpuid why vmx --host h07.json --nova-conf nova.conf --flavor m1.json --image debian.json
    vcpuid why sgx --domain web-1 --inside guest.json     (collected inside the guest)
    vcpuid probe Haswell --to json | vcpuid why avx2 --cpu Haswell --inside -

    Exit status: 0 yes, 1 no, 4 undecided; over several features the worst: no, then undecided.
    """
    named = {name: choices.pop(name) for name in _GUEST_OPTIONS}
    given = [name for name, value in named.items() if value not in (None, ())]
    if len(given) > 1:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError("more than one guest", found=options, expected="one of them")
    named |= {name: choices.pop(name) for name in ("flavor", "image")}
    if (named["flavor"] or named["image"]) and not (named["nova_conf"] and named["flavor"]):
        needed = "--flavor" if named["nova_conf"] else "--nova-conf"
        raise UsageError("a flavor or image without what Nova makes of it", expected=f"{needed} beside it")
    snapshot = snapshot_of(host, choices)
    evidence = Evidence(snapshot)
    guest = _guest(named, evidence)
    if inside is not None:
        guest = _with_inside(guest, inside)
    names = [name for feature in features for name in features_of_level(feature) or (feature,)]
    answers = [why(name, evidence, guest, vendor) for name in dict.fromkeys(names)]
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
        return guest_of_xml(read_at_most(named["xml"], SIZE_LIMIT_BYTES), source)
    if named["cpu"] is not None:
        return guest_of_cpu(named["cpu"], "--cpu")
    if named["nova_conf"]:
        return _guest_of_nova(named, evidence)
    return None


def _guest_of_nova(named: dict[str, Any], evidence: Evidence) -> Guest:
    paths: tuple[str, ...] = named["nova_conf"]
    files = [_read_conf(own) for path in paths for own in _files_of(path)]
    if not files:
        raise InputError("no *.conf in it", source=paths[0], expected="a nova.conf, or a folder of such")
    nova = parse_nova_files(files)
    label = f"nova.conf {', '.join(paths)}"
    if named["flavor"] is not None:
        flavor = parse_flavor(_read_text(named["flavor"]), named["flavor"])
        image = parse_image(_read_text(named["image"]), named["image"]) if named["image"] else None
        nova = ask_nova(nova, nova_host(evidence.libvirt, shipped_map()), flavor, image)
        label += f", flavor {flavor.name}{f', image {image.name}' if image else ''}"
    return Guest(label=label, nova=nova)


def _files_of(path: str) -> list[str]:
    """Give the files that Nova reads: one, or those of a folder as with --config-dir."""
    is_folder = path != "-" and Path(path).is_dir()
    return sorted(str(own) for own in Path(path).glob("*.conf")) if is_folder else [path]


def _read_text(path: str) -> str:
    content = read_at_most(path, SIZE_LIMIT_BYTES)
    source = "standard input" if path == "-" else path
    if len(content) > SIZE_LIMIT_BYTES:
        raise InputError("too large", source=source, expected=f"at most {SIZE_LIMIT_BYTES} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InputError("not UTF-8", source=source) from None


def _read_conf(path: str) -> NovaFile:
    text = _read_text(path)
    file = parse_ini(text, "standard input" if path == "-" else path)
    if not file.sections and text.strip():
        raise InputError("no nova.conf: it has no [section]", source=file.source, expected="a nova.conf")
    return file


def _with_inside(guest: Guest | None, path: str) -> Guest:
    from dataclasses import replace  # noqa: PLC0415 - only this path needs it

    from vcpuid.cli.dump import read_source  # noqa: PLC0415
    from vcpuid.evidence.cpuid import CpuidEvidence  # noqa: PLC0415

    dump = read_source(path)
    cpuid = CpuidEvidence(dump, ())
    if not cpuid.under_hypervisor:
        raise InputError(
            "this is of no guest: its CPUID has no hypervisor bit",
            source=path,
            next_step="Run `vcpuid collect` inside the guest, or `vcpuid probe`. --host takes that of the host.",
        )
    return replace(guest or Guest(label=f"the guest of {path}"), inside=cpuid)
