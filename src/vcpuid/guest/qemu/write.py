"""Writing the value of -cpu."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vcpuid.errors import UsageError
from vcpuid.terms.guest import CpuMode, GuestCpu

_MODELS = {CpuMode.HOST_PASSTHROUGH: "host", CpuMode.MAXIMUM: "max"}
_NAME = re.compile(r"[^\s,=+\-\0][^,=\0]*")
_MODEL = re.compile(r"[^,\0]+")
# As people read them, and libvirt writes them.
_HEXADECIMAL = frozenset(("hv-spinlocks", "ucode-rev"))


def model_of(cpu: GuestCpu) -> str:
    """Give the model that -cpu names.

    Raises:
        UsageError: It begins where no -cpu does.
    """
    model = _MODELS.get(cpu.mode) or cpu.model
    if model is None or cpu.mode is CpuMode.HOST_MODEL:
        raise UsageError(
            "no model that -cpu could name",
            source=str(cpu.place),
            found=f"mode {cpu.mode.value}",
            expected="a named model, host-passthrough or maximum",
        )
    return model


def render_options(model: str, values: Iterable[tuple[str, bool | int | str]], source: str) -> str:
    """Write a model and properties as the value of -cpu.

    Raises:
        UsageError: QEMU would read something else: a name begins with a sign, or a text has a comma.
    """
    texts = [(name, _text_of(name, value)) for name, value in values]
    bad = [f"{name}={text}" for name, text in texts if not _NAME.fullmatch(name) or set(",\0") & set(text)]
    if not _MODEL.fullmatch(model):
        bad.insert(0, model)
    if bad:
        raise UsageError(
            "-cpu has no form for this",
            source=source,
            found=repr(bad[0][:80]),
            expected="a name without a sign, and texts without a comma: QEMU splits -cpu at every one",
        )
    return ",".join([model, *(_option(name, text) for name, text in texts)])


def _option(name: str, text: str) -> str:
    # Only a sign leaves an underscore as it is.
    sign = {"on": "+", "off": "-"}.get(text) if "_" in name else None
    return f"{name}={text}" if sign is None else f"{sign}{name}"


def _text_of(name: str, value: bool | int | str) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:#x}" if name in _HEXADECIMAL and isinstance(value, int) else str(value)
