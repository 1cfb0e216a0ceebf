"""Features that do not simply follow CPUID upwards, by `given.toml` and the list of dynamic fields."""

from __future__ import annotations

from vcpuid.decode.dynamic import Cause, causes_of
from vcpuid.layers.rule import load_layer_table
from vcpuid.layers.words import is_paravirtual
from vcpuid.terms.feature import Dialect, Feature
from vcpuid.terms.guest import Accelerator


def _features(group: str) -> list[str]:
    features: list[str] = load_layer_table("given")[group]["features"]
    return features


def always_given(feature: Feature, accelerator: Accelerator) -> bool:
    """Tell whether QEMU gives the feature to every guest, whatever the layers below list."""
    return feature.name in load_layer_table("given")["always"][accelerator.value]


def on_by_default(feature: Feature, accelerator: Accelerator) -> bool:
    """Tell whether every model has the feature under this accelerator unless it is taken away."""
    return feature.name in load_layer_table("given")["default"][accelerator.value]


def follows_topology(feature: Feature) -> bool:
    """Tell whether the feature shows the guest's number of CPUs."""
    return feature.name in _features("topology")


def is_guest_made(feature: Feature) -> bool:
    """Tell whether the guest's own kernel switches the bit."""
    return Cause.SYSTEM in causes_of(feature.bits)


def on_request(feature: Feature) -> bool:
    """Tell whether QEMU gives the feature only when it is asked for by name."""
    prefixes = tuple(load_layer_table("given")["on-request"]["prefixes"])
    return feature.name in _features("on-request") or feature.name.startswith(prefixes)


def is_not_migratable(feature: Feature) -> bool:
    """Tell whether only a CPU that will not migrate gets the feature unasked."""
    return feature.name in _features("not-migratable")


def shows_in_64_bit_mode(feature: Feature) -> bool:
    """Tell whether CPUID shows the feature in 64-bit mode alone, though every 64-bit CPU has it."""
    return Cause.MODE in causes_of(feature.bits)


def is_emulated(feature: Feature) -> bool:
    """Tell whether KVM may list the feature although the CPU lacks it."""
    return feature.name in _features("emulated")


def by_object(feature: Feature) -> bool:
    """Tell whether the feature is asked for by a launch security object."""
    return feature.name in _features("by-object")


def counterpart(feature: Feature) -> str | None:
    """Give the feature that serves the same end on the other vendor's CPUs, or None."""
    name: str | None = load_layer_table("given")["counterpart"].get(feature.name)
    return name


def is_made_by_linux(feature: Feature) -> bool:
    """Tell whether the name is a flag that Linux makes itself, so that no bit and no project below knows it."""
    return not feature.bits and set(feature.names) == {Dialect.LINUX}


def beside_cpuid(feature: Feature) -> str | None:
    """Say why neither KVM's list nor libvirt's host-model decides about a feature; None where they do."""
    if follows_topology(feature):
        return "follows the guest's number of CPUs"
    if is_guest_made(feature):
        return "the guest's own kernel sets it"
    if on_request(feature):
        return "QEMU gives it when asked by name"
    if by_object(feature):
        return "asked for by <launchSecurity>"
    if is_made_by_linux(feature):
        return "a flag that Linux makes itself"
    return None


def is_kvm_paravirtual(feature: Feature) -> bool:
    """Tell whether the feature is one of KVM's own leaves, which `kvm=off` hides."""
    return is_paravirtual(feature) and not feature.name.startswith("hv-")
