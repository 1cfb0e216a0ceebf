"""The table of properties that are no features: which releases of QEMU have them."""

from __future__ import annotations

import pytest

from vcpuid.guest.qemu.properties import load_properties
from vcpuid.rules.qemu.knowledge import known_versions, load_qemu


@pytest.mark.parametrize("version", known_versions())
def test_it_dates_them_as_the_binaries_that_were_measured_have_them(version: str) -> None:
    measured = load_qemu(version).properties
    dated = {known.name: known.is_known_in(version) for known in load_properties().values()}
    assert dated == {name: name in measured for name in dated}


@pytest.mark.parametrize(
    ("version", "is_known"), [("10.0", True), ("10.0.13", True), ("10.1", False), ("11.1", False)]
)
def test_the_last_release_that_has_one_may_be_told_to_the_patch(version: str, *, is_known: bool) -> None:
    assert load_properties()["x-hv-synic-kvm-only"].is_known_in(version) is is_known
