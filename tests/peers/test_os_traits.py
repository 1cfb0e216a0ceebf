"""The names of OpenStack's traits, against the library that defines them."""

from __future__ import annotations

import os_traits

from vcpuid.atlas.tables import load_table


def test_every_cpu_trait_is_in_the_atlas() -> None:
    theirs = set(os_traits.get_traits(prefix="HW_CPU_X86_"))
    ours = {row["trait"] for row in load_table("traits")}
    assert ours == theirs
