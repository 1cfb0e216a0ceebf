"""What the atlas offers, each name imported when it is first used."""

from __future__ import annotations

import pytest

import vcpuid.atlas


@pytest.mark.parametrize("name", vcpuid.atlas.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(vcpuid.atlas, name)


def test_another_name_is_not() -> None:
    with pytest.raises(AttributeError, match=r"'vcpuid\.atlas' has no attribute 'Bits'"):
        vcpuid.atlas.Bits  # noqa: B018 - the look-up is the test
