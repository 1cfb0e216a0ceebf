"""`vcpuid guest`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from vcpuid.answers.guest import DIALECTS, translate
from vcpuid.cli.files import read_at_most
from vcpuid.cli.output import output_options, write
from vcpuid.errors import InputError
from vcpuid.guest.libvirt import SIZE_LIMIT_BYTES
from vcpuid.render.guest import guest_document, loss_lines, render_guest
from vcpuid.render.page import printable
from vcpuid.rules.libvirt.map_reader import read_map

_IS_LOST = 1
_DIALECTS = click.Choice(list(DIALECTS))
# What is the name of a file, and no definition, where there is no such file.
_FILE_NAME = re.compile(r"[^\s<,]*(?:/[^\s<,]*|\.(?:xml|ya?ml|json|conf|txt|log))")


@click.command()
@click.argument("definition", metavar="DEFINITION|-")
@click.option("--to", "target", type=_DIALECTS, required=True, help="The dialect to write.")
@click.option("--from", "origin", type=_DIALECTS, help="The dialect of DEFINITION; else it is recognised.")
@click.option("--strict", is_flag=True, help="What the target cannot say counts as an error.")
@click.option("--map", "map_folder", metavar="DIR", help="libvirt's cpu_map folder to take models by.")
@output_options
def command(
    definition: str, target: str, origin: str | None, map_folder: str | None, output_format: str, *, strict: bool
) -> int:
    """Write a guest CPU definition in another project's dialect.

    DEFINITION is a file, standard input, or the text itself: a domain XML or <cpu> of libvirt's, a -cpu string
    or a whole command line of QEMU's (as ps, a script or a log has it), KubeVirt's manifest or its cpu block,
    Proxmox's configuration, its cpu: line or cpu-models.conf, or a nova.conf.

    Names are the target's own. Standard error tells what it cannot say, and JSON lists it. With --map, what
    libvirt's map takes from a model is taken too, as libvirt does. EPC memory and topology come along where the
    target has a form for them.

    \b
    vcpuid guest web-1.xml --to qemu
    vcpuid guest Skylake-Client-IBRS,+sgx,-hle --to libvirt
    vcpuid guest - --to proxmox < /proc/4711/cmdline
    vcpuid guest web-1.xml --to nova
    kubectl get vmi web -o yaml | vcpuid guest - --to libvirt

    Exit status: 0 written, 1 something is lost (with --strict), 4 only the host could tell what it means.
    """
    text, source = _read(definition)
    answer = translate(text, source, target, origin=origin, cpu_map=read_map(map_folder) if map_folder else None)
    write(output_format, lambda: render_guest(answer), lambda: guest_document(answer))
    for line in loss_lines(answer):
        click.echo(f"vcpuid: {printable(line)}", err=True)
    return _IS_LOST if strict and answer.losses else 0


def _read(definition: str) -> tuple[str, str]:
    """Give the text of a definition and what to call its source."""
    if definition != "-" and not _is_file(definition):
        if _FILE_NAME.fullmatch(definition):
            raise InputError("no such file", source=definition, next_step="Check the path.")
        return definition, "DEFINITION"
    raw, source = read_at_most(definition, SIZE_LIMIT_BYTES), "standard input" if definition == "-" else definition
    if len(raw) > SIZE_LIMIT_BYTES:
        raise InputError("too large for a definition", source=source, expected=f"at most {SIZE_LIMIT_BYTES} bytes")
    try:
        return raw.decode(), source
    except UnicodeDecodeError as error:
        raise InputError("no text: it is not UTF-8", source=source, found=f"byte {error.start}") from None


def _is_file(text: str) -> bool:
    try:
        return bool(text) and Path(text).exists()
    except (OSError, ValueError):  # too long for a name, or with a NUL
        return False
