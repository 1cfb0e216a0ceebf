"""What the wheel tells Nova and oslo.config, and which Nova this is."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from nova.api.validation.extra_specs import validators
from oslo_config import generator

from nova_sgx.options import GROUP, OPTIONS
from nova_sgx.releases import TESTED, is_tested
from nova_sgx.request import FEATURES


def test_this_nova_is_one_of_those_it_names() -> None:
    assert version("nova") in TESTED


@pytest.mark.parametrize(
    ("release", "tested"),
    [("31.0.0", True), ("33.0.3", True), ("34.0.0.0rc1", True), ("32.1.0", False), ("3.4", False), ("", False)],
)
def test_a_series_was_tested_or_not(release: str, tested: bool) -> None:
    assert is_tested(release) is tested


def test_nova_loads_the_validator_by_its_entry_point() -> None:
    assert "sgx:features" in validators.VALIDATORS
    validators.validate("sgx:features", ",".join(FEATURES))


def test_the_sample_configuration_has_the_options() -> None:
    [(_, groups)] = generator._list_opts(["nova_sgx"])
    assert [(group, [option.name for option in options]) for group, options in groups] == [
        (GROUP, [option.name for option in OPTIONS])
    ]
