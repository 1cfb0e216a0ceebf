"""`guest`: a guest CPU definition in another project's dialect, and what that cannot say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from vcpuid.answers.guest import kubevirt, libvirt, nova, proxmox, qemu
from vcpuid.answers.guest.definition import Definition, Loss, Written
from vcpuid.errors import InputError, UsageError
from vcpuid.guest.proxmox import is_proxmox
from vcpuid.rules.libvirt.map import CpuMap

__all__ = ["DIALECTS", "Loss", "Translation", "recognise", "translate"]


# Keys of a manifest, or of its cpu block; the value of Proxmox's `cpu:` stands on the same line.
_MANIFEST = re.compile(r"^\s*(?:(?:apiVersion|spec|domain|model|features)\s*:|cpu\s*:\s*(?:$|[#{]))", re.MULTILINE)
# A command line: variables, a program, or an option with a dash.
_COMMAND = re.compile(r"(?:LC_ALL=|-cpu\b|\S*qemu\S*\s|\S*/kvm\s)|.*\s-cpu\s", re.DOTALL)

# A section of nova.conf on a line of its own.
_CONFIGURATION = re.compile(r"^\[\s*(?:DEFAULT|libvirt|workarounds)\s*\]", re.MULTILINE | re.IGNORECASE)


class Form(NamedTuple):
    """A dialect: its name for people, how it is read and written, the map of libvirt's given to both."""

    title: str
    read: Callable[[str, str, CpuMap | None], Definition]
    write: Callable[[Definition, CpuMap | None], Written]


DIALECTS: Mapping[str, Form] = {
    "libvirt": Form("libvirt's domain XML", libvirt.read, libvirt.write),
    "qemu": Form(
        "QEMU's command line",
        lambda text, source, _map: qemu.read(text, source),
        lambda definition, _map: qemu.write(definition),
    ),
    "kubevirt": Form(
        "KubeVirt's cpu block",
        lambda text, source, _map: kubevirt.read(text, source),
        lambda definition, _map: kubevirt.write(definition),
    ),
    "proxmox": Form(
        "Proxmox's cpu line",
        lambda text, source, _map: proxmox.read(text, source),
        lambda definition, _map: proxmox.write(definition),
    ),
    "nova": Form("nova.conf's [libvirt] section", nova.read, lambda definition, _map: nova.write(definition)),
}


@dataclass(frozen=True, slots=True)
class Translation:
    """A definition in another dialect.

    Attributes:
        origin: The dialect in which it was written.
        target: The dialect in which it is now.
        source: Where it stood.
        text: It, without a line's end.
        losses: What it said and the text does not, each once.
    """

    origin: str
    target: str
    source: str
    text: str
    losses: tuple[Loss, ...]


def translate(
    text: str, source: str, target: str, *, origin: str | None = None, cpu_map: CpuMap | None = None
) -> Translation:
    """Write a definition in another dialect.

    Args:
        text: The definition.
        source: What to call it in errors.
        target: The dialect to write.
        origin: The dialect that it is in; else it is recognised.
        cpu_map: libvirt's map: what that removes from a model is taken away, and models are looked up in it.

    Raises:
        UsageError: Nobody knows the dialect.
        InputError: The definition is damaged, or of no dialect.
        UndecidedError: Only the host could tell what it means.

    Examples:
        >>> from vcpuid import translate
        >>> print(translate("Skylake-Client-IBRS,+sgx,-hle", "-cpu", "libvirt").text)
        <cpu mode='custom' match='exact'>
          <model fallback='forbid'>Skylake-Client-IBRS</model>
          <feature policy='require' name='sgx'/>
          <feature policy='disable' name='hle'/>
        </cpu>
    """
    origin = origin or recognise(text, source)
    for name in (origin, target):
        if name not in DIALECTS:
            raise UsageError("unknown dialect", found=repr(name), expected=", ".join(DIALECTS))
    definition = DIALECTS[origin].read(text, source, cpu_map)
    written = DIALECTS[target].write(definition, cpu_map)
    losses = tuple(dict.fromkeys((*definition.losses, *written.losses)))
    return Translation(origin, target, source, written.text, losses)


def recognise(text: str, source: str) -> str:
    """Tell the dialect of a definition by its content.

    Raises:
        InputError: It is empty.
    """
    body = text.lstrip("\ufeff \t\r\n")
    if not body:
        raise InputError(
            "empty",
            source=source,
            expected="a domain XML, a -cpu string or command line, a manifest, a cpu: line, or a nova.conf",
        )
    if body.startswith("<"):
        return "libvirt"
    if _CONFIGURATION.search(body):
        return "nova"
    if _COMMAND.match(body.replace("\0", " ")) and not is_proxmox(body):
        return "qemu"
    if body.startswith(("{", "---")) or _MANIFEST.search(body):
        return "kubevirt"
    return "proxmox" if is_proxmox(body) else "qemu"
