"""The <cpu> that Nova gives libvirt for a guest: from nova.conf, a flavor and an image.

Rules read in Nova 34's nova/virt/libvirt/driver.py (Apache-2.0) and compared with three releases by running them.
"""

from __future__ import annotations

from dataclasses import replace

from vcpuid.guest.nova import MODES, NovaConfig
from vcpuid.guest.nova.flavor import Flavor, Image
from vcpuid.rules.nova.host import NovaHost
from vcpuid.rules.nova.numa import lay_out
from vcpuid.rules.nova.refusal import NovaRefusalError, When
from vcpuid.rules.nova.topology import choose_topology
from vcpuid.rules.nova.traits import required_flags
from vcpuid.rules.nova.values import Wishes, convert
from vcpuid.terms.guest import AddressBits, CpuMode, GuestCpu

_ADDRESS_MODES = ("passthrough", "emulate")
_QEMU_TYPES = ("kvm", "qemu")
_AARCH64 = "aarch64"
# What Nova names for a guest of another architecture than its host's; a guest of `mipsel` gets no <cpu>.
_EMULATED = {_AARCH64: "cortex-a57", "ppc64le": "POWER8"}


def guest_cpu(config: NovaConfig, host: NovaHost, flavor: Flavor, image: Image | None = None) -> GuestCpu | None:
    """Give the CPU of a guest; None where it is given none at all.

    Of flags that stand with both signs one wins by chance: here the last (`config.random` names them).

    Raises:
        NovaRefusalError: Nova does not make this guest.
    """
    wishes = convert(flavor, image)
    cells = lay_out(wishes)
    _check_address_bits(wishes)
    arch = wishes.arch or host.arch
    cpu = configured_cpu(config, host, flavor, arch)
    if cpu is None:
        return None
    cpu = replace(cpu, topology=choose_topology(wishes), cells=cells, address_bits=_address_bits(wishes))
    if arch == host.arch:
        return cpu
    if arch == "mipsel":
        return None
    model = _EMULATED.get(arch, cpu.model)
    return replace(cpu, mode=CpuMode.CUSTOM if model else CpuMode.DEFAULT, model=model)


def configured_cpu(
    config: NovaConfig, host: NovaHost, flavor: Flavor | None = None, arch: str | None = None
) -> GuestCpu | None:
    """Give the mode, model and flags that the configuration and a flavor's traits lead to.

    Raises:
        NovaRefusalError: A model is not known, or none has what the traits require.
    """
    models = [host.model_name(item.text, When.SPAWN, item.place) for item in config.models]
    arch = arch or host.arch
    if config.virt_type not in _QEMU_TYPES:
        if config.mode in (None, "none"):
            return None
        mode = MODES[config.mode or ""]
    elif config.mode is None:
        mode = CpuMode.HOST_PASSTHROUGH if arch == _AARCH64 else CpuMode.HOST_MODEL
    else:
        mode = MODES[config.mode]
    if mode is CpuMode.DEFAULT:
        return GuestCpu(mode, None, (), config.mode_place)
    if mode is CpuMode.CUSTOM and arch == _AARCH64 and not models:
        models = ["max"]
    model = models[0] if models else None
    if flavor is not None and mode is CpuMode.CUSTOM and (flags := required_flags(flavor)):
        model = _match(config, host, models, flags)
    return GuestCpu(mode, model, config.requests, config.mode_place)


def _match(config: NovaConfig, host: NovaHost, models: list[str], flags: frozenset[str]) -> str:
    """Give the first model that has all flags by itself: what extra flags add is not looked at."""
    for model in models:
        bare = GuestCpu(CpuMode.CUSTOM, model, (), config.mode_place, arch=host.arch)
        if flags <= host.features_of(bare, When.SPAWN):
            return model
    words = f"No CPU model match traits, models: {models}, required flags: {set(flags)}"
    raise NovaRefusalError("InvalidCPUInfo", words, When.SPAWN, config.place, tuple(sorted(flags)))


def _check_address_bits(wishes: Wishes) -> None:
    """See that flavor and image agree on a mode that there is, as the scheduler does."""
    flavors, images = wishes.flavor.specs.get("hw:maxphysaddr_mode"), wishes.texts.get("hw_maxphysaddr_mode")
    if flavors and images and flavors != images:
        words = (
            f"Flavor {wishes.flavor.name} has hw:maxphysaddr_mode extra spec explicitly set to {flavors}, "
            f"conflicting "
            f"with image which has hw_maxphysaddr_mode explicitly set to {images}."
        )
        raise NovaRefusalError("FlavorImageConflict", words, When.SCHEDULE, wishes.flavor_place)
    mode = flavors or images
    if mode is not None and mode not in _ADDRESS_MODES:
        words = f"Invalid Maxphyaddr mode {mode!r}. Allowed values: {', '.join(_ADDRESS_MODES)}."
        raise NovaRefusalError("Invalid", words, When.SCHEDULE, wishes.flavor_place)


def _address_bits(wishes: Wishes) -> AddressBits | None:
    mode = wishes.flavor.specs.get("hw:maxphysaddr_mode") or wishes.texts.get("hw_maxphysaddr_mode")
    text = wishes.flavor.specs.get("hw:maxphysaddr_bits") or wishes.numbers.get("hw_maxphysaddr_bits")
    if not mode:
        return None
    try:
        return AddressBits(mode, int(text) if text else None)
    except ValueError as error:
        words = f"hw:maxphysaddr_bits: {error}"
        raise NovaRefusalError("ValueError", words, When.SPAWN, wishes.flavor_place) from None
