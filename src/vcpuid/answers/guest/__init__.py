"""`guest`: a guest CPU definition in another project's dialect, and what that cannot say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from vcpuid.answers.guest import kubevirt, libvirt, nova, proxmox, qemu
from vcpuid.answers.guest.definition import Definition, Loss, Written
from vcpuid.errors import InputError, UsageError
from vcpuid.rules.libvirt.map import CpuMap

__all__ = ["DIALECTS", "Loss", "Translation", "recognise", "translate"]


class Form(Protocol):
    """What the module of every dialect has: how it is told from the others, read and written.

    libvirt's map is given to all; who does not know models by it leaves it alone.
    """

    TITLE: str
    """What it is, for people."""
    INPUT: str
    """What can be read, in a few words with their article."""

    def is_like(self, text: str, /) -> bool:
        """Tell whether a text without blanks before it is of this dialect, and of none that is tried earlier."""

    def read(self, text: str, source: str, cpu_map: CpuMap | None, /) -> Definition:
        """Read a definition."""

    def write(self, definition: Definition, cpu_map: CpuMap | None, /) -> Written:
        """Write a definition."""


# In the order in which they are tried.
DIALECTS: Mapping[str, Form] = {
    "libvirt": libvirt,
    "nova": nova,
    "qemu": qemu,
    "kubevirt": kubevirt,
    "proxmox": proxmox,
}
_BARE = "qemu"
"""What a text is that looks like nothing else: a value of -cpu."""


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
            raise UsageError("no dialect of this name", found=repr(name), expected=", ".join(DIALECTS))
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
        *most, last = (form.INPUT for form in DIALECTS.values())
        raise InputError("empty", source=source, expected=f"{', '.join(most)}, or {last}")
    return next((name for name, form in DIALECTS.items() if form.is_like(body)), _BARE)
