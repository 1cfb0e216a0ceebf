"""Flavors and images in the spellings in which people have them."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcpuid.errors import InputError
from vcpuid.guest.nova.flavor import parse_flavor, parse_image

SPECS = {"hw:cpu_sockets": "2", "trait:HW_CPU_X86_VMX": "required"}
AS_TEXT = "hw:cpu_sockets='2', trait:HW_CPU_X86_VMX='required'"


@pytest.mark.parametrize(
    "document",
    [
        {"name": "m1", "vcpus": 4, "ram": 2048, "properties": SPECS, "disk": 1},
        {"name": "m1", "vcpus": 4, "ram": 2048, "properties": AS_TEXT},
        {"name": "m1", "vcpus": "4", "ram": "2048", "extra_specs": SPECS},
        {"flavor": {"name": "m1", "vcpus": 4, "ram": 2048, "extra_specs": SPECS}},
    ],
)
def test_spellings_of_a_flavor(document: object) -> None:
    flavor = parse_flavor(json.dumps(document), "m1.json")
    assert (flavor.name, flavor.vcpus, flavor.memory_mib, flavor.specs) == ("m1", 4, 2048, SPECS)


@pytest.mark.parametrize("properties", [{}, "", None])
def test_a_flavor_without_extra_specs(properties: object) -> None:
    text = json.dumps({"vcpus": 1, "ram": 1, "properties": properties})
    assert parse_flavor(text, "m1.json").specs == {}


@pytest.mark.parametrize(
    "document",
    [
        {"name": "i", "properties": {"hw_cpu_cores": "2"}},
        {"name": "i", "properties": "hw_cpu_cores='2', os_type='linux'"},
        {"name": "i", "hw_cpu_cores": 2, "visibility": "public", "tags": []},
        {"image": {"name": "i", "hw_cpu_cores": "2"}},
    ],
)
def test_spellings_of_an_image(document: object) -> None:
    assert parse_image(json.dumps(document), "i.json").properties["hw_cpu_cores"] == "2"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "{}",
        '"x"',
        "[" * 100000,
        '{"vcpus": 1}',
        '{"vcpus": 0, "ram": 1}',
        '{"vcpus": true, "ram": 1}',
        '{"vcpus": "x", "ram": 1}',
        '{"vcpus": 1, "ram": -1}',
        '{"vcpus": 1, "ram": 1, "properties": 7}',
        '{"vcpus": 1, "ram": 1, "properties": "a=b"}',
        '{"vcpus": 1, "ram": 1, "properties": {"a": []}}',
    ],
)
def test_what_is_no_flavor(text: str) -> None:
    with pytest.raises(InputError):
        parse_flavor(text, "m1.json")


def test_a_flavor_is_no_image() -> None:
    with pytest.raises(InputError, match="a flavor, and no image"):
        parse_image('{"vcpus": 1, "ram": 1}', "i.json")


MEMBERS = st.sampled_from(["vcpus", "ram", "properties", "extra_specs", "flavor", "image", "name"])
DOCUMENTS = st.recursive(
    st.none() | st.integers() | st.text(), lambda own: st.lists(own) | st.dictionaries(MEMBERS, own)
)


@given(st.text() | DOCUMENTS.map(json.dumps))
def test_any_text_is_one_or_a_fault(text: str) -> None:
    for parse in (parse_flavor, parse_image):
        with contextlib.suppress(InputError):
            parse(text, "x.json")
