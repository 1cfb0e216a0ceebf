"""Features that do not simply follow CPUID upwards."""

from __future__ import annotations

from vcpuid.atlas import Atlas
from vcpuid.layers.special import is_guest_made, shows_in_64_bit_mode


def test_what_kernels_and_modes_switch_is_told_by_the_one_list_of_dynamic_fields() -> None:
    features = list(Atlas.load().features())
    assert {feature.name for feature in features if is_guest_made(feature)} == {"osxsave", "ospke"}
    assert {feature.name for feature in features if shows_in_64_bit_mode(feature)} == {"syscall"}
