"""nova.conf's [libvirt] section: the guest CPU that Nova is told to ask for.

Rules read in Nova 34's source (nova/virt/libvirt/driver.py, Apache-2.0) and seen by running it: flags are
lower-cased, `-flag` disables, `flag` and `+flag` require; with cpu_mode none the flags are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vcpuid.terms.guest import Accelerator, CpuMode, FeatureRequest, GuestCpu, Policy
from vcpuid.terms.place import Place

_MODES = {
    "host-model": CpuMode.HOST_MODEL,
    "host-passthrough": CpuMode.HOST_PASSTHROUGH,
    "custom": CpuMode.CUSTOM,
    "none": CpuMode.DEFAULT,
}


@dataclass(frozen=True, slots=True)
class NovaEntry:
    """One `key = value` of a nova.conf, and where it stands."""

    section: str
    key: str
    value: str
    place: Place


@dataclass(frozen=True, slots=True)
class NovaCpu:
    """What the configuration says of guests' CPUs.

    Attributes:
        mode_text: cpu_mode as written; None where it is not set.
        models: cpu_models in their order.
        cpu: What Nova asks libvirt for; its requests are those that take effect.
        dropped: Flags that are written but never reach libvirt.
        accelerator: From virt_type; None for one that is neither kvm nor qemu.
        refusal: Why nova-compute would not start with it; None where it would.
    """

    mode_text: str | None
    models: tuple[str, ...]
    cpu: GuestCpu
    dropped: tuple[FeatureRequest, ...]
    accelerator: Accelerator | None
    refusal: str | None = None


def parse_nova(entries: Iterable[NovaEntry], place: Place) -> NovaCpu:
    """Read the entries of one or several files, in Nova's own order; the last of a key wins."""
    settings = {entry.key: entry for entry in entries if entry.section == "libvirt"}
    mode_entry = settings.get("cpu_mode")
    models_entry = settings.get("cpu_models") or settings.get("cpu_model")
    flags_entry = settings.get("cpu_model_extra_flags")
    virt_type = settings["virt_type"].value.strip() if "virt_type" in settings else "kvm"

    mode_text = mode_entry.value.strip() if mode_entry and mode_entry.value.strip() else None
    mode = _MODES.get(mode_text, CpuMode.DEFAULT) if mode_text else _default_mode(virt_type)
    models = _split(models_entry.value) if models_entry else ()
    requests = tuple(parse_flags(flags_entry)) if flags_entry else ()
    # cpu_mode none writes a bare <cpu>: the flags that stand there reach nobody.
    reaches = mode is not CpuMode.DEFAULT
    model = models[0] if mode is CpuMode.CUSTOM and models else None
    stands = next((entry.place for entry in (mode_entry, models_entry, flags_entry) if entry), place)
    return NovaCpu(
        mode_text=mode_text,
        models=models,
        cpu=GuestCpu(mode, model, requests if reaches else (), stands),
        dropped=() if reaches else requests,
        accelerator={"kvm": Accelerator.KVM, "qemu": Accelerator.TCG}.get(virt_type),
        refusal=_refusal(mode_text, models),
    )


def _refusal(mode_text: str | None, models: tuple[str, ...]) -> str | None:
    """Say in Nova's sense what is wrong with the mode; a value with `$` is filled in by Nova and left alone."""
    if mode_text is not None and mode_text not in _MODES and "$" not in mode_text:
        return f"cpu_mode {mode_text!r} is none of {', '.join(_MODES)}"
    if mode_text == "custom" and not models:
        return "cpu_mode custom needs cpu_models"
    if models and mode_text != "custom" and "$" not in (mode_text or ""):
        return "cpu_models is refused unless cpu_mode is custom"
    return None


def parse_flags(entry: NovaEntry) -> Iterable[FeatureRequest]:
    """Read cpu_model_extra_flags as Nova does."""
    for flag in _split(entry.value):
        if flag.startswith("-"):
            yield FeatureRequest(flag.lstrip("-").lower(), Policy.DISABLE, entry.place)
        else:
            yield FeatureRequest(flag.lstrip("+").lower(), Policy.REQUIRE, entry.place)


def _default_mode(virt_type: str) -> CpuMode:
    return CpuMode.HOST_MODEL if virt_type in ("kvm", "qemu") else CpuMode.DEFAULT


def _split(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.replace("\n", ",").split(",") if part.strip())
